"""A ledger whose table does not answer at once: it asks again, until there is an answer or no time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import repeat

import pytest
from botocore.exceptions import ClientError

from streamfn.ledgers import Entry, Key, LedgerThrottled, SequenceRange
from streamfn.ledgers import _items as _segments
from tests.ledgers.tables import NAME, MemoryTable, Moody, Time, log_on, refusal, write_as_earlier

RANGE = SequenceRange("follow-cards", "arn", "100", "199")
ENTRY = Entry(Key("announce", "id-1"), "handled")
BUSY = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
]


def always(mood: Exception | int) -> list[Exception | int]:
    """Give a mood that outlasts every test."""
    return list(repeat(mood, 10_000))


def handled(number: int) -> list[Entry]:
    """Make so many entries."""
    return [Entry(Key("announce", f"id-{each:03}"), "handled") for each in range(number)]


@pytest.fixture
def small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one of the entries below fill an item."""
    monkeypatch.setattr(_segments, "MAX_SEGMENT_BYTES", 60)


@pytest.mark.parametrize("code", BUSY)
def test_what_is_turned_away_is_asked_again(code: str) -> None:
    table, time = MemoryTable(), Time(60)
    ledger = log_on(Moody(table, [refusal(code)] * 3), time)
    ledger.write(RANGE, [ENTRY], time.seconds_left)
    assert (len(time.waits), table.batches) == (3, [2])

    ledger = log_on(Moody(table, [refusal(code)] * 2), time)
    assert ledger.read(RANGE, time.seconds_left) == [ENTRY]
    assert (len(time.waits), table.pages) == (5, [1, 1, 1])


def test_waits_grow_and_differ() -> None:
    """Two functions that were turned away at once do not come back at once."""
    times = [Time(60), Time(60)]
    for time in times:
        log_on(Moody(MemoryTable(), [refusal(BUSY[0])] * 10), time).read(RANGE, time.seconds_left)
    assert times[0].waits != times[1].waits
    for time in times:
        assert all(wait <= 0.05 * 2**place for place, wait in enumerate(time.waits))
        assert max(time.waits) <= 2


def test_when_time_is_up_it_says_so() -> None:
    time = Time(5)
    ledger = log_on(Moody(MemoryTable(), always(refusal("ThrottlingException"))), time)
    with pytest.raises(
        LedgerThrottled, match="turned the ledger card-ledger away until time was up: ThrottlingException"
    ):
        ledger.read(RANGE, time.seconds_left)
    assert 0 < time.left < 5

    with pytest.raises(LedgerThrottled, match="ThrottlingException"):
        ledger.write(RANGE, [ENTRY], time.seconds_left)


def test_where_no_time_is_left_it_is_tried_once() -> None:
    """That may be enough: the alarm before Lambda's timeout has no time to wait, but something to write."""
    table, time = MemoryTable(), Time(0)
    log_on(table, time).write(RANGE, [ENTRY], time.seconds_left)
    assert table.batches == [2]

    with pytest.raises(LedgerThrottled):
        log_on(Moody(table, [refusal(BUSY[0])]), time).read(RANGE, time.seconds_left)
    assert time.waits == []


def test_where_nobody_counts_the_time_there_is_an_end_all_the_same() -> None:
    time = Time()
    with pytest.raises(LedgerThrottled):
        log_on(Moody(MemoryTable(), always(refusal(BUSY[0]))), time).read(RANGE, time.seconds_left)
    assert 50 < sum(time.waits) < 60


def test_any_other_refusal_is_raised_at_once() -> None:
    time = Time(60)
    ledger = log_on(Moody(MemoryTable(), always(refusal("AccessDeniedException"))), time)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ledger.read(RANGE, time.seconds_left)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ledger.write(RANGE, [ENTRY], time.seconds_left)
    with pytest.raises(ConnectionError):
        log_on(Moody(MemoryTable(), [ConnectionError()]), time).read(RANGE, time.seconds_left)
    assert time.waits == []


@pytest.mark.usefixtures("small_items")
def test_what_was_left_unwritten_is_written_later_and_once() -> None:
    table, time = MemoryTable(), Time(60)
    entries = handled(80)
    ledger = log_on(Moody(table, [0, 20, refusal(BUSY[0]), 0, 1]), time)
    ledger.write(RANGE, entries, time.seconds_left)
    assert table.batches == [20, 1, 4, 25, 25, 6]
    assert len(time.waits) == 4
    assert Counter(ledger.read(RANGE, time.seconds_left)) == Counter(entries)


@pytest.mark.usefixtures("small_items")
def test_what_stays_unwritten_until_time_is_up_is_said() -> None:
    """What is written stays: entries only add up."""
    table, time = MemoryTable(), Time(5)
    entries = handled(8)
    with pytest.raises(LedgerThrottled, match=f"{NAME} away until time was up: 4 items were not written"):
        log_on(Moody(table, [0, 5, *always(0)]), time).write(RANGE, entries, time.seconds_left)
    assert table.batches == [5]
    assert set(log_on(table, time).read(RANGE, time.seconds_left)) < set(entries)


def test_pages_are_read_to_the_last() -> None:
    """A page may be empty, where the filter left nothing of it, and is not the last for that."""
    table, time = MemoryTable(page_size=2), Time(60)
    ledger = log_on(table, time)
    written = [
        SequenceRange("follow-cards", "arn", str(lowest), "500") for lowest in (300, 301, 302, 100, 101, 102)
    ]
    for place, sequence_range in enumerate(written):
        entries = [Entry(Key("announce", f"id-{place}"), "handled")]
        ledger.write(sequence_range, entries, time.seconds_left)
        as_earlier = [replace(entries[0], pair=Key("back_up", f"id-{place}"))]
        write_as_earlier(table, sequence_range, as_earlier)
    read = ledger.read(RANGE, time.seconds_left)
    assert sorted(entry.pair for entry in read) == [
        Key(handler, record) for handler in ("announce", "back_up") for record in ("id-3", "id-4", "id-5")
    ]
    beside_the_directory, index, segments = 4, 4, 3
    assert len(table.pages) == beside_the_directory + index + segments
    assert 0 in table.pages
