"""A read costs what its own batch makes it cost, and not what other shards, lanes or hours wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest
from returns.result import Result, Success
from typing_extensions import override

from streamfn import Event, Failed, lambda_handler, on_event, pipeline, retry
from streamfn.ledgers import Entry, Key, LedgerThrottled, SequenceRange
from streamfn.ledgers._dynamodb import SegmentLog
from streamfn.testing import insert_event, lambda_event
from tests.cards import Card, cards
from tests.ledgers.entries import ARN
from tests.ledgers.outage import LIMITS, BusyTable, World, recovery
from tests.ledgers.tables import NAME, MemoryTable, Time, log_on, write_as_earlier

FIRST = 10**20


def batch(first: int, size: int, step: int = 1) -> SequenceRange:
    """Make a batch of so many records, whose numbers are so far apart."""
    numbers = range(first, first + size * step, step)
    records = tuple(f"{number * 7919:032x}" for number in numbers)
    return SequenceRange("follow-cards", ARN, str(numbers[0]), str(numbers[-1]), records)


def failures(sequence_range: SequenceRange) -> list[Entry]:
    """Make what a run leaves behind in which a handler fails on a record, and succeeds on the others."""
    first, *others = sequence_range.records
    return [
        Entry(Key("announce", first), "open", 1, reason="Refused"),
        *(Entry(Key("announce", record), "handled") for record in others),
    ]


def write(ledger: SegmentLog, sequence_range: SequenceRange) -> None:
    ledger.write(sequence_range, failures(sequence_range), Time().seconds_left)


def cost(table: MemoryTable, ledger: SegmentLog, sequence_range: SequenceRange) -> tuple[int, int]:
    """Count the requests and the units of a read that finds nothing."""
    requests, units = table.requests, table.reads.total()
    assert ledger.read(sequence_range, Time().seconds_left) == []
    return table.requests - requests, table.reads.total() - units


def others(first: int, count: int) -> Iterator[SequenceRange]:
    """Make batches of the other shards, each of one to a hundred records, one behind the other and overlapping."""
    random = Random(1)  # noqa: S311 (the same in every run)
    for _ in range(count):
        yield batch(first, random.randint(1, 100), step=random.randint(1, 40))
        first += random.randint(1, 200)


@pytest.fixture(scope="module")
def ten_thousand() -> tuple[MemoryTable, SegmentLog]:
    """Make the ledger of ten thousand batches that failed."""
    table = MemoryTable()
    ledger = log_on(table, Time())
    for sequence_range in others(FIRST, 10_000):
        ledger.write(sequence_range, failures(sequence_range)[:1], Time().seconds_left)
    return table, ledger


def test_a_clean_batch_costs_one_request_and_one_unit_whatever_was_written_before() -> None:
    table = MemoryTable()
    ledger = log_on(table, Time())
    assert cost(table, ledger, batch(FIRST, 100)) == (1, 1)
    last = FIRST
    for sequence_range in others(FIRST, 1_000):
        write(ledger, sequence_range)
        last = max(last, int(sequence_range.highest))
    # Who writes batch after batch leaves room for sixteen more of their width, which is 4,000 here at the most.
    assert cost(table, ledger, batch(last + 17 * 4_000, 100)) == (1, 1)


def test_after_one_failure_the_next_batch_is_clean_at_once() -> None:
    table = MemoryTable()
    ledger = log_on(table, Time())
    write(ledger, batch(FIRST, 100))
    assert cost(table, ledger, batch(FIRST + 100, 100)) == (1, 1)


def test_a_lane_behind_ten_thousand_failed_batches_asks_twice_more_at_the_most(
    ten_thousand: tuple[MemoryTable, SegmentLog],
) -> None:
    requests, units = cost(*ten_thousand, batch(FIRST - 10_000, 100))
    assert requests <= 3
    assert units <= 4


def test_a_lane_among_ten_thousand_failed_batches_reads_what_lies_around_it(
    ten_thousand: tuple[MemoryTable, SegmentLog],
) -> None:
    """The index items of the few batches that could meet it, and none of their segments."""
    for place in (1, 250_000, 500_000, 900_000):
        numbers = batch(FIRST + place, 100)
        own = SequenceRange("follow-cards", ARN, numbers.lowest, numbers.highest, tuple(map(str, range(100))))
        requests, units = cost(*ten_thousand, own)
        assert requests <= 3
        assert units <= 20


def test_a_read_costs_the_same_whatever_other_hours_wrote(
    ten_thousand: tuple[MemoryTable, SegmentLog],
) -> None:
    table = MemoryTable()
    ledger = log_on(table, Time())
    for sequence_range in others(FIRST, 1_000):
        write(ledger, sequence_range)
    own = SequenceRange("follow-cards", ARN, str(FIRST + 1_000), str(FIRST + 1_099), ("a", "b"))
    assert cost(table, ledger, own) == cost(*ten_thousand, own)


def test_what_a_lane_wrote_itself_is_two_requests_more() -> None:
    table = MemoryTable()
    ledger = log_on(table, Time())
    for sequence_range in others(FIRST, 1_000):
        write(ledger, sequence_range)
    own = batch(FIRST * 2, 100)
    write(ledger, own)
    before = table.requests
    assert sorted(ledger.read(own, Time().seconds_left), key=repr) == sorted(failures(own), key=repr)
    assert table.requests - before == 3


def test_ten_times_as_many_lanes_recover_from_an_outage_within_twice_the_time() -> None:
    """The thousand lanes of a table's full throughput are run by ``python -m tests.ledgers.outage``.

    A tenth of the lanes read a tenth as often, and each time a tenth as much: so they get a hundredth of the reads.
    """
    few, many = (recovery(lanes, {"reads": 30, "writes": 100}) for lanes in (10, 100))
    assert set(few.effects) == set(many.effects) == {1}
    assert many.seconds <= 2 * few.seconds


def test_the_successes_of_many_batches_are_written_beside_each_other() -> None:
    """Ten thousand in a second, each an item: no partition gets more than it takes, and nobody is turned away."""
    world = World()
    table = BusyTable(world=world)
    ledgers = [log_on(table, Time()) for _ in range(100)]
    batches = [batch(FIRST + lane, 100, step=100) for lane in range(100)]
    for ledger, sequence_range in zip(ledgers, batches, strict=True):
        for record in sequence_range.records:
            world.seconds = 0.5
            ledger.write(sequence_range, [Entry(Key("announce", record), "handled")], lambda: 0.0)
    assert table.turned_away == 0
    assert max(table.writes.values()) <= LIMITS["writes"]
    assert table.writes.total() > 10_000
    for ledger, sequence_range in zip(ledgers, batches, strict=True):
        world.seconds += 1
        read = ledger.read(sequence_range, Time().seconds_left)
        assert {entry.pair.record for entry in read} == set(sequence_range.records)


def test_a_process_that_writes_for_each_batch_raises_a_mark_once_for_several() -> None:
    table = MemoryTable()
    ledger = log_on(table, Time())
    for place in range(100):
        sequence_range = batch(FIRST + 100 * place, 100)
        ledger.read(sequence_range, Time().seconds_left)
        write(ledger, sequence_range)
    assert 1 < len(table.updates) < 10


def test_a_part_of_a_batch_that_comes_again_is_not_entered_into_the_index_again() -> None:
    """Or an outage would make the index longer with each attempt that gets somewhere."""
    table = MemoryTable()
    whole = batch(FIRST, 100)
    write(log_on(table, Time()), whole)
    before = table.requests
    for begin in (10, 40, 90):
        numbers = range(FIRST + begin, FIRST + 100)
        part = SequenceRange("follow-cards", ARN, str(numbers[0]), str(numbers[-1]), whole.records[begin:])
        ledger = log_on(table, Time())
        assert ledger.read(part, Time().seconds_left)
        write(ledger, part)
    assert len(table.of_kind("records")) == 1
    assert table.requests - before == 3 * (3 + 1)


class Slow(MemoryTable):
    """A table whose every page takes a part of a second."""

    def __init__(self, time: Time, seconds: float) -> None:
        """Take the time that passes."""
        super().__init__(page_size=1)
        self.time = time
        self.seconds = seconds

    @override
    def admit(self, partition: str, kind: object) -> None:
        """Let the time pass."""
        del partition, kind
        self.time.left -= self.seconds


@pytest.mark.parametrize("seconds", [0.025, 0.3])
def test_a_read_ends_before_its_time_does_whatever_there_is_to_read(seconds: float) -> None:
    time = Time()
    table = Slow(time, seconds)
    ledger = log_on(table, time)
    for sequence_range in others(FIRST, 400):
        write(ledger, sequence_range)
    time.left = 1.0
    with pytest.raises(
        LedgerThrottled, match=f"reading the ledger {NAME} takes longer than the time that is left"
    ):
        ledger.read(SequenceRange("follow-cards", ARN, str(FIRST), str(FIRST * 2)), time.seconds_left)
    assert time.left > 0


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands to a function: it tells what is left of a time."""

    time: Time

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return int(self.time.left * 1_000)


def test_a_timeout_of_two_seconds_is_answered_in_time_whatever_there_is_to_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time()
    table = Slow(time, 0.025)
    ledger = log_on(table, time)
    for sequence_range in others(FIRST, 400):
        write(ledger, sequence_range)
        write_as_earlier(table, sequence_range, failures(sequence_range)[:1])
    called: list[str] = []

    def announce(event: Event[Card]) -> Result[None, str]:
        called.append(event.event_id)
        return Success(None)

    handler = lambda_handler(
        pipeline(cards, on_event(announce)), retry(ledger=ledger, scope="follow-cards", report=_quiet)
    )
    records = [insert_event(Card(1, "hello"), sequence_number=str(number)) for number in (FIRST, FIRST * 2)]
    payload = lambda_event(*records)
    for record in payload["Records"]:
        record["eventSourceARN"] = ARN
    time.left = 2.0
    assert handler(payload, Context(time)) == {"batchItemFailures": [{"itemIdentifier": str(FIRST)}]}
    assert time.left > 0.5
    assert called == []
    assert "the ledger could not be read, nothing is started: LedgerBusy" in caplog.text


def _quiet(_: Failed[object]) -> None:
    """Report nothing."""
