"""With a ledger, what failed comes again to the handler that failed, and to no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    BatchFailed,
    BatchResponse,
    ConfigurationError,
    Failed,
    HeldBack,
    InsertEvent,
    LambdaFunction,
    LedgerUnavailable,
    Pipeline,
    Strategy,
    Unwanted,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn._time import SecondsLeft
from streamfn.ledgers._protocol import Entry, Ledger, SequenceRange
from streamfn.testing import kinesis_event, lambda_context, lambda_event
from tests.cards import record
from tests.delivery.jobs import Job, Note, WatchedLedger, notes, quiet, written

Function: TypeAlias = LambdaFunction[object, object]

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)


def function(
    tell: Job,
    store: Job | None = None,
    *,
    ledger: Ledger,
    strategy: Strategy = series,
    report: Callable[[Failed[object]], None] = quiet,
) -> Function:
    """Make a function of two jobs, which remembers."""
    process: Pipeline[object, object] = pipeline(
        notes, on_event(tell, name="tell"), on_event(store or Job(), name="store"), strategy=strategy
    )
    return lambda_handler(process, retry(ledger=ledger, report=report))


def from_(event: InsertEvent[Note] | None = None) -> BatchResponse:
    """Give the answer that has Lambda go on from a record, or from behind the batch."""
    if event is None:
        return {"batchItemFailures": []}
    return {"batchItemFailures": [{"itemIdentifier": event.record.sequence_number or ""}]}


@strategies
def test_only_the_handler_that_failed_runs_again(strategy: Strategy) -> None:
    tell, store = Job(b1=1), Job()
    handler = function(tell, store, strategy=strategy, ledger=WatchedLedger())
    events = written("a1", "b1", "c1")
    assert handler(lambda_event(*events), None) == from_(events[1])
    assert (sorted(tell.again()), sorted(store.again())) == (["a1", "b1", "c1"], ["a1", "b1", "c1"])
    assert handler(lambda_event(*events[1:]), None) == from_()
    assert (tell.again(), store.again()) == (["b1"], [])


@strategies
def test_later_records_of_the_item_wait_for_that_handler_alone(strategy: Strategy) -> None:
    tell, store, reported = Job(a1=1), Job(), list[Failed[object]]()
    handler = function(tell, store, strategy=strategy, ledger=WatchedLedger(), report=reported.append)
    events = written("a1", "b1", "a2", "b2", "a3")
    assert handler(lambda_event(*events), None) == from_(events[0])
    assert sorted(tell.again()) == ["a1", "b1", "b2"]
    assert sorted(store.again()) == ["a1", "a2", "a3", "b1", "b2"]
    assert [failed.record.event_id for failed in reported] == ["a1"], "what waits has not failed"
    assert handler(lambda_event(*events), None) == from_()
    assert (tell.again(), store.again()) == (["a1", "a2", "a3"], [])


def test_the_ledger_says_why_a_pair_is_open() -> None:
    ledger = WatchedLedger()
    process = pipeline(notes, on_event(Job(a1=1), name="tell"))
    lambda_handler(process, retry(ledger=ledger, report=quiet))(lambda_event(*written("a1", "a2")), None)
    assert ledger.told() == [("tell", "a1", "open"), ("tell", "a2", "open")]
    assert [entry.reason for write in ledger.writes for entry in write] == ["Refused", HeldBack.__name__]


@strategies
@pytest.mark.parametrize("size", [None, 2])
def test_chunks_hold_back_too(strategy: Strategy, size: int | None) -> None:
    """Each event of a chunk that has a Result of its own waits for itself alone."""
    tell = Job(a1=1)
    process = pipeline(notes, on_event(batched_each(tell.each, size), name="tell"), strategy=strategy)
    handler = lambda_handler(process, retry(ledger=WatchedLedger(), report=quiet))
    events = written("a1", "b1", "a2", "c1")
    assert handler(lambda_event(*events), None) == from_(events[0])
    assert tell.again() == ["a1", "b1", "c1"]
    assert handler(lambda_event(*events), None) == from_()
    assert tell.again() == ["a1", "a2"]


@strategies
def test_a_chunk_that_failed_is_halved_until_the_event_is_found(strategy: Strategy) -> None:
    """So that one that cannot succeed does not take its neighbours along. From then on it is tried alone."""
    chunks: list[list[str]] = []

    def tell(events: Sequence[InsertEvent[Note]]) -> Result[str, str]:
        chunks.append([event.event_id for event in events])
        return Failure("no") if "b1" in chunks[-1] else Success("yes")

    process = pipeline(notes, on_insert(batched(tell)), strategy=strategy)
    handler = lambda_handler(process, retry(ledger=WatchedLedger(), report=quiet))
    events = written("a1", "b1", "c1")
    assert handler(lambda_event(*events), None) == from_(events[1])
    assert chunks == [["a1", "b1", "c1"], ["a1", "b1"], ["a1"], ["b1"], ["c1"]]
    later = [*events, *written("d1", "e1")]
    assert handler(lambda_event(*later), None) == from_(events[1])
    assert handler(lambda_event(*later[1:]), None) == from_(events[1])
    assert chunks[5:] == [["b1"], ["d1", "e1"], ["b1"]]


def test_a_clean_batch_costs_one_read_and_no_write() -> None:
    ledger = WatchedLedger()
    handler = function(Job(), ledger=ledger)
    assert handler(lambda_event(*written("a1", "b1")), None) == from_()
    assert (len(ledger.reads), ledger.writes) == (1, [])


def test_an_empty_batch_costs_nothing() -> None:
    ledger = WatchedLedger()
    assert function(Job(), ledger=ledger)({"Records": []}, None) == from_()
    assert (ledger.reads, ledger.writes) == ([], [])


def test_a_run_with_failures_writes_once_all_that_it_has_settled_and_left_open() -> None:
    """Also what lies before the lowest failure: it comes again where the answer is lost."""
    ledger = WatchedLedger()
    handler = function(Job(b1=1), ledger=ledger)
    handler(lambda_event(*written("a1", "b1", "c1")), None)
    assert len(ledger.writes) == 1
    assert sorted(ledger.told()) == [
        ("store", "a1", "handled"),
        ("store", "b1", "handled"),
        ("store", "c1", "handled"),
        ("tell", "a1", "handled"),
        ("tell", "b1", "open"),
        ("tell", "c1", "handled"),
    ]


def test_a_run_that_settles_what_was_open_says_so() -> None:
    """Its answer may get lost; and whoever replays what Lambda gave up looks for what is open."""
    tell, ledger = Job(b1=1), WatchedLedger()
    handler = function(tell, ledger=ledger)
    batch = lambda_event(*written("a1", "b1"))
    for _ in range(3):
        handler(batch, None)
    assert ledger.told()[-1] == ("tell", "b1", "handled")
    assert (len(ledger.writes), tell.seen) == (2, ["a1", "b1", "b1"])


def test_a_record_that_fails_for_hours_is_not_written_again_and_again() -> None:
    """Its attempts are counted up to their limit, and what is known already is no news."""
    ledger = WatchedLedger()
    process = pipeline(notes, on_event(Job(a1=99), name="tell"), on_event(Job(), name="store"))
    handler = lambda_handler(process, retry(ledger=ledger, max_attempts=3, report=quiet))
    batch = lambda_event(*written("a1", "b1"))
    for _ in range(10):
        handler(batch, None)
    assert [len(write) for write in ledger.writes] == [4, 1, 1]


def test_write_always_writes_each_success_at_once() -> None:
    ledger, counts = WatchedLedger(), list[int]()

    def tell(event: InsertEvent[Note]) -> Result[str, str]:
        counts.append(len(ledger.writes))
        return Success(event.event_id)

    handler = lambda_handler(pipeline(notes, on_insert(tell)), retry(ledger=ledger, write="always"))
    batch = lambda_event(*written("a1", "b1", "c1"))
    assert handler(batch, None) == from_()
    assert counts == [0, 1, 2]
    assert handler(batch, None) == from_(), "an accepted batch that comes again is not repeated"
    assert (len(counts), len(ledger.writes)) == (3, 3)


def test_write_always_tries_again_at_the_end() -> None:
    ledger = WatchedLedger(cannot_write=True)

    def tell(event: InsertEvent[Note]) -> Result[str, str]:
        ledger.cannot_write = event.event_id != "b1"
        return Success(event.event_id)

    handler = lambda_handler(pipeline(notes, on_insert(tell)), retry(ledger=ledger, write="always"))
    handler(lambda_event(*written("a1", "b1")), None)
    assert ledger.told() == [("tell", "a1", "handled"), ("tell", "b1", "handled")]


def test_write_always_goes_on_after_a_write_that_failed() -> None:
    """A table that was busy for a moment must not cost the records of the rest of the batch, if the process dies."""
    ledger = WatchedLedger()
    known: list[int] = []

    def tell(event: InsertEvent[Note]) -> Result[str, str]:
        known.append(len(ledger.told()))
        ledger.cannot_write = event.event_id in {"a1", "e1"}
        return Success(event.event_id)

    handler = lambda_handler(pipeline(notes, on_insert(tell)), retry(ledger=ledger, write="always"))
    handler(lambda_event(*written(*(f"{letter}1" for letter in "abcdefgh"))), None)
    # After each failure one success passes, and the next write has all news.
    assert known == [0, 0, 0, 3, 4, 4, 4, 7]


def test_write_always_does_not_wait_for_a_ledger_that_fails() -> None:
    """It is asked again after one, four and more successes, and at the end, so that the time is left to handlers."""
    asked: list[float] = []

    class Failing(WatchedLedger):
        @override
        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            asked.append(seconds_left())
            super().write(sequence_range, entries, seconds_left)

    tell = Job()
    process = pipeline(notes, on_event(tell, name="tell"))
    handler = lambda_handler(process, retry(ledger=Failing(cannot_write=True), write="always"))
    ids = [f"{letter}1" for letter in "abcdefghij"]
    assert handler(lambda_event(*written(*ids)), lambda_context()) == from_()
    assert tell.seen == ids
    assert asked == [0, 0, 0, 59.75]  # after the first, the third and the eighth success


def test_a_ledger_that_cannot_be_read_keeps_all_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    tell, reported = Job(), list[Failed[object]]()
    handler = function(tell, ledger=WatchedLedger(cannot_read=True), report=reported.append)
    events = written("a1", "b1")
    assert handler(lambda_event(*events), None) == from_(events[0])
    assert tell.seen == []
    assert [(each.record.event_id, each.reason) for each in reported] == [("a1", LedgerUnavailable())]
    assert "the ledger could not be read, nothing is started: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_ledger_that_cannot_be_written_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tell, ledger = Job(b1=1), WatchedLedger(cannot_write=True)
    handler = function(tell, ledger=ledger)
    events = written("a1", "b1", "c1")
    with caplog.at_level(logging.ERROR):
        assert handler(lambda_event(*events), None) == from_(events[1])
    assert "the ledger could not be written, what succeeded may be repeated: ConnectionError" in caplog.text
    assert "secret" not in caplog.text
    ledger.cannot_write = False
    assert handler(lambda_event(*events[1:]), None) == from_()
    assert tell.seen == ["a1", "b1", "c1", "b1", "c1"]


@strategies
def test_a_record_that_is_there_twice_runs_once(strategy: Strategy) -> None:
    """Kinesis repeats records, under numbers of their own and with the same identifier."""
    tell = Job(b1=1)
    handler = function(tell, strategy=strategy, ledger=WatchedLedger())
    (a1, b1), (a2, b2) = written("a1", "b1"), written("a1", "b1")
    assert handler(kinesis_event(a1, b1, a2, b2), None) == from_(b1)
    assert sorted(tell.again()) == ["a1", "b1"]
    assert handler(kinesis_event(b1, a2, b2), None) == from_()
    assert tell.again() == ["b1"]


def test_functions_that_share_a_ledger_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default each goes by the name that Lambda gives it."""
    ledger, batch = WatchedLedger(), lambda_event(*written("a1", "b1"))
    for name in ("one", "two"):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
        tell = Job(a1=1)
        handler = function(tell, ledger=ledger)
        handler(batch, None)
        handler(batch, None)
        assert tell.seen == ["a1", "b1", "a1"]
    assert [sequence_range.scope for sequence_range in ledger.reads] == ["one", "one", "two", "two"]


def test_a_scope_can_be_given() -> None:
    ledger = WatchedLedger()
    process = pipeline(notes, on_event(Job(), name="tell"))
    lambda_handler(process, retry(ledger=ledger, scope="mine"))(lambda_event(*written("a1")), None)
    assert [sequence_range.scope for sequence_range in ledger.reads] == ["mine"]


def test_a_whole_batch_comes_again_after_all_is_written() -> None:
    """For mappings without ReportBatchItemFailures; what was settled does not run again all the same."""
    tell = Job(b1=1)
    process = pipeline(notes, on_event(tell, name="tell"))
    handler = lambda_handler(process, retry(ledger=WatchedLedger(), whole_batch=True, report=quiet))
    batch = lambda_event(*written("a1", "b1", "c1"))
    with pytest.raises(BatchFailed, match="1 failures"):
        handler(batch, None)
    assert handler(batch, None) == from_()
    assert tell.seen == ["a1", "b1", "c1", "b1"]


def test_what_where_no_longer_wants_is_dropped_and_reported() -> None:
    """`where` should be pure; one that is not must not have a failure vanish in silence."""
    tell, wants, reported, ledger = Job(a1=1), [True], list[Failed[object]](), WatchedLedger()
    process = pipeline(notes, on_event(tell, name="tell", where=lambda _: wants[0]))
    handler = lambda_handler(process, retry(ledger=ledger, report=reported.append))
    events = written("a1", "a2")
    handler(lambda_event(*events), None)
    wants[0] = False
    assert handler(lambda_event(*events), None) == from_()
    assert [(each.record.event_id, each.reason) for each in reported][1:] == [("a1", Unwanted())]
    assert ledger.told()[-1] == ("tell", "a1", "dropped")
    wants[0] = True
    assert handler(lambda_event(*events[:1]), None) == from_()
    assert tell.seen == ["a1"]


def test_what_is_no_record_stays_open_without_dead_letters() -> None:
    ledger, broken = WatchedLedger(), record(1, without="Keys")
    handler = function(Job(), ledger=ledger)
    assert handler({"Records": [broken]}, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert ledger.told() == [("", "id-1", "open")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: retry(max_attempts=0, ledger=WatchedLedger()), "max_attempts=0 should be 1 or more"),
        # A type checker says so too; here nobody has asked one.
        (lambda: retry(write="never", ledger=WatchedLedger()), "write is .* got 'never'"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ],
)
def test_a_delivery_that_cannot_work_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
