"""What the items of a ledger's table are beside each other: how long they live, and who reads those of whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

import pytest
from botocore.exceptions import ClientError
from typing_extensions import override

from streamfn import _aws as _client
from streamfn._time import unlimited
from streamfn.ledgers import Entry, Key, SequenceRange, UnreadableSegment
from streamfn.ledgers._items import partition_key, sortable
from tests.ledgers.tables import (
    NAME,
    NOW,
    Item,
    MemoryTable,
    Moody,
    Time,
    log_on,
    refusal,
    text,
    write_as_earlier,
)

RANGE = SequenceRange("follow-cards", "arn", "100", "199", ("id-1", "id-2"))
HOUR = 60 * 60

Changed: TypeAlias = Mapping[str, Mapping[str, object] | None]
"""Attributes of an item, and those that it is to lose."""


def handled(*records: str) -> list[Entry]:
    return [Entry(Key("announce", record), "handled") for record in records]


@pytest.mark.parametrize("pauses", [[0], [900], [3_599], [3_601], [900] * 10, [20 * HOUR] * 5])
def test_each_success_of_a_run_is_found_for_two_days(pauses: list[int]) -> None:
    """However long the process has known the batch, and whoever has read meanwhile."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, handled("id-1"), time.seconds_left)
    for pause in pauses:
        time.now += pause
        ledger.write(RANGE, handled("id-2"), time.seconds_left)
    table.expire(time.now + 48 * HOUR)
    assert handled("id-2")[0] in log_on(table, time).read(RANGE, time.seconds_left)


def test_a_table_that_is_new_again_gets_an_index_again() -> None:
    """A process outlives tables where a test or a stack makes them anew."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, handled("id-1"), time.seconds_left)
    table.expire(float("inf"))
    assert table.items == {}
    assert ledger.read(RANGE, time.seconds_left) == []
    ledger.write(RANGE, handled("id-2"), time.seconds_left)
    assert ledger.read(RANGE, time.seconds_left) == handled("id-2")


def test_a_process_that_follows_many_streams_finds_the_entries_of_each() -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    streams = [
        SequenceRange("follow-cards", f"arn-{number}", "100", "199", ("id-1",)) for number in range(200)
    ]
    for _ in range(2):
        for sequence_range in streams:
            ledger.read(sequence_range, time.seconds_left)
            ledger.write(sequence_range, handled("id-1"), time.seconds_left)
    for sequence_range in streams:
        assert ledger.read(sequence_range, time.seconds_left) == handled("id-1") * 2


def test_two_that_raise_a_mark_leave_it_at_the_higher_number() -> None:
    """One has looked before the other wrote: its condition fails, which is no failure."""
    table, time = MemoryTable(), Time()
    one, other = log_on(table, time), log_on(table, time)
    for ledger in (one, other):
        assert ledger.read(RANGE, time.seconds_left) == []
    ahead = SequenceRange("follow-cards", "arn", "150", "249", ("id-3",))
    other.write(ahead, handled("id-3"), time.seconds_left)
    one.write(RANGE, handled("id-1"), time.seconds_left)
    (mark,) = table.of_kind("highest")
    assert text(mark, "highest") == sortable("249")
    assert one.read(ahead, time.seconds_left) == handled("id-3")
    assert other.read(RANGE, time.seconds_left) == handled("id-1")


def as_earlier(table: MemoryTable, sequence_range: SequenceRange) -> list[Item]:
    """Read as versions did that had one partition for a scope and stream."""
    page = table.query(
        TableName=NAME,
        ConsistentRead=True,
        KeyConditionExpression="#stream = :stream AND #segment >= :lowest",
        FilterExpression="NOT #lowest > :highest",
        ExpressionAttributeNames={"#stream": "stream", "#segment": "segment", "#lowest": "lowest"},
        ExpressionAttributeValues={
            ":stream": {"S": partition_key(sequence_range)},
            ":lowest": {"S": sortable(sequence_range.lowest)},
            ":highest": {"S": sortable(sequence_range.highest)},
        },
    )
    return list(page["Items"])


def test_an_earlier_version_passes_over_what_this_one_writes() -> None:
    """Both run for a while when a function is deployed: the earlier one meets no item that it cannot read."""
    table, time = MemoryTable(), Time()
    write_as_earlier(table, RANGE, handled("id-1"))
    (segment,) = table.items.values()
    ledger = log_on(table, time)
    for number in (0, 150, 10**20):
        sequence_range = SequenceRange("follow-cards", "arn", str(number), str(number + 50), ("id-2",))
        ledger.write(sequence_range, handled("id-2"), time.seconds_left)
    assert as_earlier(table, RANGE) == [segment]
    endless = SequenceRange("follow-cards", "arn", "0", "9" * 128)
    assert as_earlier(table, endless) == [segment]


def test_this_version_reads_what_an_earlier_one_wrote() -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    write_as_earlier(table, RANGE, handled("id-1"))
    ledger.write(RANGE, handled("id-2"), time.seconds_left)
    write_as_earlier(table, SequenceRange("follow-cards", "arn", "200", "201"), handled("id-3"))
    read = ledger.read(RANGE, time.seconds_left)
    assert sorted(read, key=repr) == handled("id-1", "id-2")


@dataclass
class Unchangeable:
    """A table of which a function may read and add items, and change none, as an earlier version's policy says.

    `code` is what a change is refused with.
    """

    code: str
    table: MemoryTable = field(default_factory=MemoryTable)
    asked: int = 0

    def query(self, **request: object) -> _client.QueryOutput:
        query: Callable[..., _client.QueryOutput] = self.table.query
        return query(**request)

    def batch_write_item(self, **request: object) -> _client.BatchWriteItemOutput:
        write: Callable[..., _client.BatchWriteItemOutput] = self.table.batch_write_item
        return write(**request)

    def update_item(self, **_: object) -> object:
        self.asked += 1
        raise refusal(self.code)


def test_without_the_permission_to_change_items_it_writes_as_earlier_versions_did(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stack that is deployed with its policy as it was keeps its promises, and its log says what is missing."""
    client, time = Unchangeable("AccessDeniedException"), Time()
    ledger = log_on(client, time)
    for record in ("id-1", "id-2"):
        ledger.write(RANGE, handled(record), time.seconds_left)
    assert sorted(ledger.read(RANGE, time.seconds_left), key=repr) == handled("id-1", "id-2")
    assert len(as_earlier(client.table, RANGE)) == 2
    assert client.asked == 1
    (told,) = caplog.messages
    assert told.startswith(
        f"the function has no permission dynamodb:UpdateItem on the ledger's table {NAME}: add it"
    )


def test_any_other_refusal_to_change_an_item_is_raised() -> None:
    client, time = Unchangeable("ValidationException"), Time()
    with pytest.raises(ClientError, match="ValidationException"):
        log_on(client, time).write(RANGE, handled("id-1"), time.seconds_left)
    assert client.table.items == {}


class AnswersGetLost(MemoryTable):
    """A table that does what it is asked for, and whose answers do not arrive."""

    @override
    def update_item(self, **request: object) -> object:
        update: Callable[..., object] = super().update_item
        update(**request)
        raise ConnectionError

    @override
    def batch_write_item(self, **request: object) -> _client.BatchWriteItemOutput:
        write: Callable[..., _client.BatchWriteItemOutput] = super().batch_write_item
        write(**request)
        raise ConnectionError


def test_a_write_of_which_only_the_answers_are_lost_is_found() -> None:
    table, time = AnswersGetLost(), Time(60)
    ledger = log_on(table, time)
    with pytest.raises(ConnectionError):
        ledger.write(RANGE, handled("id-1"), time.seconds_left)
    assert ledger.read(RANGE, time.seconds_left) == handled("id-1")


@pytest.mark.parametrize(("left", "batches"), [(60.0, [2]), (0.0, [])])
def test_a_mark_of_which_nobody_knows_whether_it_is_there_is_raised_again(
    left: float, batches: list[int]
) -> None:
    """The write has failed, and the next one begins anew; where no time is left, the rest is not tried."""
    table, time = MemoryTable(), Time(left)
    client = Moody(table, [ConnectionError()])
    ledger = log_on(client, time)
    with pytest.raises(ConnectionError):
        ledger.write(RANGE, handled("id-1"), time.seconds_left)
    assert table.batches == batches
    assert table.updates == []
    ledger.write(RANGE, handled("id-2"), time.seconds_left)
    assert len(table.updates) == 1
    assert handled("id-2")[0] in ledger.read(RANGE, lambda: 60.0)


def test_what_is_written_about_a_batch_whose_mark_was_never_raised_is_found_from_any_record_on() -> None:
    """The process that indexed the batch could not raise its mark, and died; another mark leads to its begin."""
    table, time = MemoryTable(), Time(60)
    records = tuple(f"id-{number}" for number in range(100, 200))
    batch = replace(RANGE, records=records)
    log_on(table, time).write(
        replace(batch, lowest="110", highest="130", records=records[10:31]), handled("id-110"), unlimited
    )
    with pytest.raises(ConnectionError):
        log_on(Moody(table, [ConnectionError()]), time).write(batch, handled("id-100"), time.seconds_left)
    ledger = log_on(table, time)
    assert handled("id-100")[0] in ledger.read(batch, unlimited)
    ledger.write(batch, handled("id-150"), unlimited)
    rest = replace(batch, lowest="150", records=records[50:])
    assert handled("id-150")[0] in log_on(table, time).read(rest, unlimited)


def damaged(table: MemoryTable, kind: str, changed: Changed) -> str:
    """Change an item of a kind, and give its name."""
    (item,) = table.of_kind(kind)
    damaged = {name: value for name, value in {**item, **changed}.items() if value is not None}
    table.items[text(item, "stream"), text(item, "segment")] = damaged
    return f"the segment {text(damaged, 'segment')} of {text(item, 'stream')} cannot be read: it is damaged"


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("highest", {"highest": None}),
        ("highest", {"highest": {"N": "1"}}),
        ("highest", {"segment": {"S": "~secret"}}),
        ("records", {"segment": {"S": "secret"}}),
        ("records", {"segment": {"S": "003199.x.secret"}}),
        ("records", {"segment": {"S": "003x.99.secret"}}),
        ("records", {"records": {"S": "secret"}}),
        ("records", {"records": {"B": b""}}),
        ("records", {"records": {"B": "secret"}}),
        ("records", {"expires_at": {"N": 1}}),
        ("records", {"records": {"B": b"\x03four"}}),
        ("records", {"expires_at": {"S": "secret"}}),
    ],
)
def test_an_item_that_leads_nowhere_is_not_passed_over(kind: str, changed: Changed) -> None:
    """Behind it may be what must not run again."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, handled("id-1"), time.seconds_left)
    name = damaged(table, kind, changed)
    with pytest.raises(UnreadableSegment) as raised:
        ledger.read(RANGE, time.seconds_left)
    assert str(raised.value) == name


@pytest.mark.parametrize("changed", [{"records": {"B": b"\x05later"}}, {"records": None}])
def test_a_batch_whose_fingerprints_say_nothing_is_read(changed: Changed) -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, handled("id-1"), time.seconds_left)
    damaged(table, "records", changed)
    assert ledger.read(RANGE, time.seconds_left) == handled("id-1")


@pytest.mark.parametrize("records", [1, 32, 33, 50_000, 50_001])
def test_a_batch_of_any_size_is_found_by_one_of_its_records(records: int) -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    names = tuple(f"id-{number}" for number in range(records))
    entries = handled(names[-1])
    ledger.write(SequenceRange("follow-cards", "arn", "1", str(records), names), entries, time.seconds_left)
    number = str(records)
    assert (
        ledger.read(SequenceRange("follow-cards", "arn", number, number, names[-1:]), time.seconds_left)
        == entries
    )


def test_entries_of_other_batches_between_the_same_numbers_are_left_out() -> None:
    """As those of other shards and lanes are."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    lanes = [
        SequenceRange("follow-cards", "arn", "100", "199", tuple(f"id-{lane}-{n}" for n in range(50)))
        for lane in range(20)
    ]
    for sequence_range in lanes:
        ledger.write(sequence_range, handled(*sequence_range.records), time.seconds_left)
    for sequence_range in lanes:
        assert ledger.read(sequence_range, time.seconds_left) == handled(*sorted(sequence_range.records))
    unknown = SequenceRange("follow-cards", "arn", "100", "199")
    assert len(ledger.read(unknown, time.seconds_left)) == 20 * 50


def test_marks_lie_behind_all_numbers() -> None:
    table, time = MemoryTable(), Time()
    for sequence_range in (RANGE, SequenceRange("follow-cards", "arn", "0", "9" * 128, ("id-1",))):
        log_on(table, time).write(sequence_range, handled("id-1"), time.seconds_left)
    marks = [text(item, "segment") for item in table.of_kind("highest")]
    assert len(marks) == 2
    assert all(sortable("9" * 128) < mark for mark in marks)


@pytest.mark.parametrize("first", [0, 90, 10**6 - 3, 10**127])
def test_widths_around_each_class_are_found(first: int) -> None:
    """A batch is as wide as its class allows, or wider by one, and the asker has its first or its last number."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    widths = [0, *(10**digits + more for digits in range(0, 40, 3) for more in (-1, 0, 1))]
    for width, _ in pairwise([*widths, 0]):
        sequence_range = SequenceRange(
            "follow-cards", "arn", str(first), str(first + width), ("first", "last")
        )
        entries = [Entry(Key("announce", "last"), "handled", attempts=width)]
        ledger.write(sequence_range, entries, time.seconds_left)
        for number in (first, first + width):
            own = SequenceRange("follow-cards", "arn", str(number), str(number), ("last",))
            assert entries[0] in ledger.read(own, time.seconds_left)
    assert NOW == time.now
