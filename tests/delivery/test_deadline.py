"""Before time is up, what is known is written: a handler that hangs uses its attempts up like one that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Delivery,
    Event,
    Handler,
    LambdaFunction,
    Pipeline,
    Strategy,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    pipeline,
    retry,
    series,
)
from streamfn._delivery.session import FinalState, LedgerSession
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers._protocol import Entry, Key, SequenceRange
from streamfn.testing import EventSourceMapping, lambda_context, lambda_event
from tests.delivery.jobs import Clock, Job, Letterbox, Note, WatchedLedger, notes, quiet, written

SECOND = timedelta(seconds=1)


class Hanging:
    """A handler, in each of its forms, that hangs on some texts: it takes all the time that there is."""

    def __init__(self, *texts: str) -> None:
        """Hang on these."""
        self.texts = texts
        self.mapping: EventSourceMapping | None = None

    def single(self, event: Event[Note]) -> Result[str, str]:
        """Hang, or succeed."""
        if event.event_id in self.texts and self.mapping is not None:
            self.mapping.clock.advance(timedelta(minutes=20))
        return Success(event.event_id)

    async def awaited(self, event: Event[Note]) -> Result[str, str]:
        """Hang on the event loop, or succeed."""
        return self.single(event)

    def all(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """Hang on one of them, or succeed."""
        return [self.single(event) for event in events][-1]

    def each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Hang on one of them, or succeed."""
        return [self.single(event) for event in events]

    def handlers(self) -> dict[str, Handler[Note, str, str]]:
        """Register each of its forms."""
        return {
            "single": on_event(self.single, name="tell"),
            "async": on_event(self.awaited, name="tell"),
            "batched": on_event(batched(self.all), name="tell"),
            "each": on_event(batched_each(self.each), name="tell"),
        }


@pytest.mark.parametrize("form", ["single", "async", "batched", "each"])
@pytest.mark.parametrize("strategy", [series, concurrent(workers=1)], ids=["series", "concurrent"])
def test_a_handler_that_hangs_reaches_its_attempts(form: str, strategy: Strategy) -> None:
    hanging, box, ledger = Hanging("b1"), Letterbox(), WatchedLedger()
    delivery = retry(ledger=ledger, dead_letters=box, max_attempts=2, patience=0 * SECOND, report=quiet)
    handler = lambda_handler(pipeline(notes, hanging.handlers()[form], strategy=strategy), delivery)
    mapping = hanging.mapping = EventSourceMapping(handler)
    history = mapping.deliver(*written("a1", "b1", "b2", "c1"))
    assert box.told() == [("tell", "b1", "TimedOut")]
    assert box.letters[0].attempts == 2
    assert set(history.successes("tell")) == {"a1", "b2", "c1"}
    assert history.discarded == []


def test_a_chunk_that_hangs_is_no_attempt_of_those_in_it() -> None:
    """They are tried alone, and only the one that hangs alone uses an attempt up."""
    hanging, box = Hanging("b1"), Letterbox()
    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=1, patience=0 * SECOND, report=quiet
    )
    handler = lambda_handler(pipeline(notes, hanging.handlers()["batched"]), delivery)
    mapping = hanging.mapping = EventSourceMapping(handler)
    history = mapping.deliver(*written("a1", "b1", "c1"))
    assert [call.event_ids for call in history.calls] == [("a1", "b1", "c1"), ("a1",), ("b1",), ("c1",)]
    assert box.told() == [("tell", "b1", "TimedOut")]


def test_the_alarm_writes_what_has_not_begun_as_open() -> None:
    """Whoever replays what Lambda gave up looks for what is open."""
    hanging, ledger = Hanging("b1"), WatchedLedger()
    handler = lambda_handler(
        pipeline(notes, hanging.handlers()["single"]), retry(ledger=ledger, report=quiet)
    )
    mapping = hanging.mapping = EventSourceMapping(handler, maximum_retry_attempts=0)
    mapping.deliver(*written("a1", "b1", "c1"))
    assert [(*entry.pair, entry.state, entry.reason) for write in ledger.writes for entry in write] == [
        ("tell", "a1", "handled", ""),
        ("tell", "b1", "open", "TimedOut"),
        ("tell", "c1", "open", "OutOfTime"),
    ]


@pytest.mark.parametrize("count", [60, 6_000], ids=["a small batch", "a large batch"])
def test_the_alarm_has_few_successes_to_enter(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm has less than a second of a small function's CPU, and then the process may end."""
    ledger, rings, entered = WatchedLedger(), list[Callable[[], None]](), list[str]()
    settle = LedgerSession.settle

    def watched(session: LedgerSession, pair: Key, state: FinalState, letter: str = "") -> bool:
        entered.append(pair.record)
        return settle(session, pair, state, letter)

    class Ringing(Clock):
        @override
        def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
            rings.append(ring)
            return rings.clear

    def tell(event: Event[Note]) -> Result[str, str]:
        if event.event_id == events[-1].event_id:
            entered.clear()
            rings[0]()
        return Success("told")

    monkeypatch.setattr(LedgerSession, "settle", watched)
    events = written(*(f"a{number}" for number in range(count)))
    function = lambda_handler(pipeline(notes, on_event(tell)), retry(ledger=ledger, report=quiet))
    replace(function, clock=Ringing())(lambda_event(*events), lambda_context(timedelta(minutes=15)))
    assert len(entered) < 5_000
    states = [(entry.pair.record, entry.state) for write in ledger.writes for entry in write]
    assert dict(states) == {event.event_id: "handled" for event in events}


def test_an_attempt_that_the_alarm_counted_is_not_counted_again() -> None:
    """The handler fails after the alarm has rung, and before time is up."""
    ledger = WatchedLedger()

    class Slow(Job):
        @override
        def __call__(self, event: Event[Note]) -> Result[str, str]:
            mapping.clock.advance(timedelta(seconds=59, milliseconds=500))
            return super().__call__(event)

    process: Pipeline[object, object] = pipeline(notes, on_event(Slow(a1=1), name="tell"))
    handler = lambda_handler(process, retry(ledger=ledger, report=quiet))
    mapping = EventSourceMapping(handler)
    mapping.deliver(*written("a1"))
    assert [(entry.state, entry.attempts) for write in ledger.writes for entry in write] == [
        ("open", 1),
        ("open", 2),
        ("handled", 2),
    ]


def test_no_alarm_rings_once_a_batch_is_done() -> None:
    ledger = WatchedLedger()
    process = pipeline(notes, on_event(Job(), name="tell"))
    handler = lambda_handler(process, retry(ledger=ledger, report=quiet))
    mapping = EventSourceMapping(handler)
    mapping.deliver(*written("a1"))
    mapping.clock.advance(timedelta(hours=1))
    assert ledger.writes == []


def test_the_alarm_of_the_machine_is_called_off_as_well() -> None:
    """With a real context: the timer's thread is gone when the function has answered."""
    process = pipeline(notes, on_event(Job(), name="tell"))
    handler = lambda_handler(process, retry(ledger=WatchedLedger(), report=quiet))
    before = threading.active_count()
    handler(lambda_event(*written("a1")), lambda_context())
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(10)
    assert threading.active_count() <= before


def test_out_of_time_comes_again_and_uses_no_attempt_up() -> None:
    context, box, ledger = lambda_context(10 * SECOND), Letterbox(), WatchedLedger()

    class Slow(Job):
        @override
        def __call__(self, event: Event[Note]) -> Result[str, str]:
            context.remaining -= 6 * SECOND
            return super().__call__(event)

    tell = Slow()
    process: Pipeline[object, object] = pipeline(notes, on_event(tell, name="tell"))
    delivery = retry(ledger=ledger, dead_letters=box, max_attempts=1, patience=0 * SECOND, report=quiet)
    handler = lambda_handler(process, delivery)
    events = written("a1", "b1", "a2")
    assert handler(lambda_event(*events), context) == {
        "batchItemFailures": [{"itemIdentifier": events[1].record.sequence_number}]
    }
    assert ledger.told() == [("tell", "a1", "handled"), ("tell", "b1", "open"), ("tell", "a2", "open")]
    context.remaining = 10 * SECOND
    handler(lambda_event(*events), context)
    assert (tell.seen, box.letters) == (["a1", "b1"], [])


def test_an_alarm_that_comes_late_does_nothing() -> None:
    """Lambda freezes a process between invocations, timers and all: what was due then rings in the next one."""
    rings: list[Callable[[], None]] = []

    class Late(Clock):
        @override
        def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
            rings.append(ring)
            return lambda: None

    ledger = WatchedLedger()
    process: Pipeline[object, object] = pipeline(notes, on_event(Job(), name="tell"))
    delivery: Delivery[object] = retry(ledger=ledger, report=quiet)
    function = LambdaFunction(process, delivery, SECOND, Late())
    function(lambda_event(*written("a1")), lambda_context())
    (ring,) = rings
    ring()
    assert ledger.writes == []


def test_what_has_used_its_attempts_up_by_failing_and_then_hangs_is_given_up() -> None:
    """Were the attempts all that counts, it would hang in every delivery until the stream forgets it."""
    box, calls = Letterbox(), list[str]()

    def tell(event: Event[Note]) -> Result[str, str]:
        calls.append(event.event_id)
        if len(calls) > 2:
            mapping.clock.advance(timedelta(minutes=20))
        return Failure("no")

    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=2, patience=20 * SECOND, report=quiet
    )
    mapping = EventSourceMapping(lambda_handler(pipeline(notes, on_event(tell)), delivery))
    mapping.deliver(*written("a1"))
    assert (calls, box.told()) == (["a1"] * 3, [("tell", "a1", "TimedOut")])


def test_a_where_that_hangs_uses_attempts_up() -> None:
    box = Letterbox()

    def never_answers(_: Event[Note]) -> bool:
        mapping.clock.advance(timedelta(minutes=20))
        return True

    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=2, patience=0 * SECOND, report=quiet
    )
    process = pipeline(notes, on_event(Job(), name="tell", where=never_answers))
    mapping = EventSourceMapping(lambda_handler(process, delivery))
    history = mapping.deliver(*written("a1"))
    assert box.told() == [("tell", "a1", "TimedOut")]
    assert history.discarded == []


@pytest.mark.parametrize("form", ["single", "batched"])
def test_what_succeeded_or_was_not_wanted_before_one_that_hangs_is_left_alone(form: str) -> None:
    """Until then nothing is known of the run, and nothing entered."""
    hanging, box = Hanging("c1"), Letterbox()
    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=1, patience=0 * SECOND, report=quiet
    )
    function = hanging.single if form == "single" else batched(hanging.all, size=1)
    handler: Handler[Note, str, str] = on_event(
        function, name="tell", where=lambda event: event.event_id != "b1"
    )
    mapping = hanging.mapping = EventSourceMapping(lambda_handler(pipeline(notes, handler), delivery))
    history = mapping.deliver(*written("a1", "b1", "c1"))
    assert box.told() == [("tell", "c1", "TimedOut")]
    assert history.successes("tell") == {"a1": 1}


def test_those_that_run_beside_one_that_hangs_pay_nothing_for_it() -> None:
    """Nobody knows which of them took the time, so each is tried by itself."""
    hanging, box = Hanging("b1"), Letterbox()
    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=1, patience=0 * SECOND, report=quiet
    )
    process = pipeline(notes, hanging.handlers()["single"], strategy=concurrent(workers=4))
    mapping = hanging.mapping = EventSourceMapping(lambda_handler(process, delivery))
    history = mapping.deliver(*written("a1", "b1", "c1", "d1"))
    assert box.told() == [("tell", "b1", "TimedOut")]
    assert set(history.successes("tell")) == {"a1", "c1", "d1"}


def test_a_handler_that_ends_the_process_uses_attempts_up() -> None:
    box, ledger = Letterbox(), WatchedLedger()

    def tell(event: Event[Note]) -> Result[str, str]:
        if event.event_id == "a1":
            raise SystemExit
        return Success(event.event_id)

    delivery = retry(ledger=ledger, dead_letters=box, max_attempts=2, patience=0 * SECOND, report=quiet)
    handler = lambda_handler(pipeline(notes, on_event(tell)), delivery)
    batch = lambda_event(*written("a1", "b1"))
    for _ in range(2):
        with pytest.raises(SystemExit):
            handler(batch, None)
    assert handler(batch, None) == {"batchItemFailures": []}
    assert box.told() == [("tell", "a1", "ProcessDied")]


def test_the_alarm_gets_through_while_letters_are_sent() -> None:
    """By the machine's own timer: the letter is stored only once the ledger has been written."""
    is_written = threading.Event()
    started = time.monotonic()

    class Telling(WatchedLedger):
        @override
        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            super().write(sequence_range, entries, seconds_left)
            is_written.set()

    class Slow(Letterbox):
        @override
        def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
            assert is_written.wait(30)
            return super().send(letters, seconds_left)

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return round(1000 * (1.5 - (time.monotonic() - started)))

    box, ledger = Slow(), Telling()
    process: Pipeline[object, object] = pipeline(notes, on_event(Job(a1=1), name="tell"))
    delivery = retry(ledger=ledger, dead_letters=box, max_attempts=1, patience=0 * SECOND, report=quiet)
    assert lambda_handler(process, delivery)(lambda_event(*written("a1")), Context()) == {
        "batchItemFailures": []
    }
    assert [entry.state for write in ledger.writes for entry in write] == ["open", "dead"]


def test_patience_begins_with_a_failure_and_not_with_having_run_beside_one_that_hangs() -> None:
    box, both, failed = Letterbox(), threading.Barrier(2), list[datetime]()

    def hang_at_first(event: Event[Note], calls: list[Event[Note]]) -> None:
        calls.append(event)
        if len(calls) == 1:
            both.wait(30)
            mapping.clock.advance(timedelta(minutes=20))

    def tell(event: Event[Note], calls: list[Event[Note]] = []) -> Result[str, str]:  # noqa: B006 (meant to stay)
        hang_at_first(event, calls)
        return Success(event.event_id)

    def store(event: Event[Note], calls: list[Event[Note]] = []) -> Result[str, str]:  # noqa: B006 (meant to stay)
        hang_at_first(event, calls)
        failed.append(mapping.clock.now)
        return Failure(event.event_id)

    delivery = retry(
        ledger=WatchedLedger(), dead_letters=box, max_attempts=1, patience=timedelta(hours=1), report=quiet
    )
    process = pipeline(notes, on_event(tell), on_event(store), strategy=concurrent(workers=2))
    mapping = EventSourceMapping(lambda_handler(process, delivery))
    mapping.deliver(*written("a1"))
    (letter,) = box.letters
    assert letter.since == failed[0]
