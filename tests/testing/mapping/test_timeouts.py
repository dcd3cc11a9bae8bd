"""A function that takes too long: Lambda ends its process, wherever the time passes, and the alarm has told before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Delivery,
    Failed,
    InsertEvent,
    Strategy,
    acknowledge,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
)
from streamfn._handlers import Outcome
from streamfn._time import SecondsLeft
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import Entry, MemoryLedger, SequenceRange
from streamfn.testing import Crash, EventSourceMapping, insert_event
from streamfn.testing._simulator.history import Effect, Letter
from streamfn.testing._simulator.invoking import Probe, ProcessEnded, SimulatedClock
from tests.cards import Card, cards
from tests.testing.mapping.invocations import call
from tests.testing.mapping.jobs import (
    CHUNKS,
    FORMS,
    Job,
    Registered,
    TellingLedger,
    every_form,
    every_strategy,
    simulation,
    written,
)
from tests.testing.mapping.story import quiet

MINUTE: Final = timedelta(minutes=1)


@every_strategy
@every_form
def test_a_handler_that_hangs_does_not_end_and_the_process_does(
    handler: Callable[[Job], Registered], strategy: Strategy
) -> None:
    mapping = simulation(handler, acknowledge(quiet), strategy=strategy)
    first, second = mapping.deliver(*written("a", "hang", "b")).invocations
    assert (first.error, first.answer, first.outcome) == ("TimedOut", None, "3 again in 1 s")
    assert first.duration == MINUTE
    assert first.calls == (call("tell", r1="succeeded"), call("tell", r2="died"))
    assert (second.error, second.outcome) == (None, "all settled")


@every_strategy
@every_form
def test_the_attempt_is_written_before_the_process_ends(
    handler: Callable[[Job], Registered], strategy: Strategy
) -> None:
    """That is the alarm's work, a margin before the timeout."""
    ledger = TellingLedger()
    delivery: Delivery[object] = retry(ledger=ledger, report=quiet)
    history = simulation(handler, delivery, strategy=strategy).deliver(*written("a", "hang", "b"))
    assert ledger.writes[0] == [
        ("r1", "handled", 0, ""),
        ("r2", "open", 1, "TimedOut"),
        ("r3", "open", 0, "OutOfTime"),
    ]
    assert history.successes("tell") == Counter({"r1": 1, "r2": 1, "r3": 1})


@every_strategy
@every_form
def test_what_hangs_each_time_is_given_up(handler: Callable[[Job], Registered], strategy: Strategy) -> None:
    delivery: Delivery[object] = retry(
        ledger=MemoryLedger(),
        dead_letters=MemoryDeadLetters(),
        max_attempts=2,
        patience=timedelta(),
        report=quiet,
    )
    history = simulation(handler, delivery, strategy=strategy, times=9).deliver(*written("hang", "a"))
    assert [each.error for each in history.invocations] == ["TimedOut", "TimedOut", None]
    assert history.invocations[2].letters == (Letter("tell", "r1", "TimedOut"),)
    assert history.successes("tell") == Counter({"r2": 1})


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_a_chunk_that_hangs_did_not_end_for_any_of_its_records(chunks: Callable[[Job], Registered]) -> None:
    first, _ = simulation(chunks, acknowledge(quiet)).deliver(*written("a", "hang")).invocations
    assert first.calls == (call("tell", r1="died", r2="died"),)


def test_without_a_margin_there_is_no_time_for_the_alarm() -> None:
    """Lambda's timeout and the alarm are at one moment, and Lambda is faster."""
    ledger, job = TellingLedger(), Job()
    delivery: Delivery[object] = retry(ledger=ledger, report=quiet)
    process = pipeline(cards, on_insert(job.single, name="tell"))
    mapping = job.mapping = EventSourceMapping(lambda_handler(process, delivery, margin=timedelta()))
    history = mapping.deliver(*written("hang"))
    assert [each.error for each in history.invocations] == ["TimedOut", None]
    assert ledger.writes == [[("r1", "handled", 0, "")]]


class Slow:
    """Handlers that take all the time that there is, the first time, where it is hard to see."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.in_time = False

    async def step(self) -> None:
        if not self.in_time:
            self.in_time = True
            self.clock.advance(MINUTE)

    async def in_a_task(self, event: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.gather(self.step())
        return Success(event.event_id)

    async def in_a_group(self, event: InsertEvent[Card]) -> Result[str, str]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.step())
        return Success(event.event_id)

    async def unnoticed(self, event: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.gather(self.step(), return_exceptions=True)
        return Success(event.event_id)

    def caught(self, event: InsertEvent[Card]) -> Result[str, str]:
        with suppress(BaseException):
            asyncio.run(self.step())
        return Success(event.event_id)

    def replaced(self, event: InsertEvent[Card]) -> Result[str, str]:
        try:
            asyncio.run(self.step())
        except BaseException as error:
            raise ValueError from error
        return Success(event.event_id)


@every_strategy
@pytest.mark.parametrize(
    ("tell", "effect"),
    [
        (Slow.in_a_task, "died"),
        (Slow.in_a_group, "died"),
        (Slow.replaced, "died"),
        # They went on, whatever should have kept them from it, and had their effect.
        (Slow.unnoticed, "succeeded"),
        (Slow.caught, "succeeded"),
    ],
)
def test_the_process_ends_wherever_its_time_has_passed(
    tell: Callable[[Slow, InsertEvent[Card]], Outcome[str, str]], effect: Effect, strategy: Strategy
) -> None:
    slow, ledger = Slow(), TellingLedger()
    delivery: Delivery[object] = retry(ledger=ledger, write="always", report=quiet)
    process = pipeline(cards, on_insert(partial(tell, slow), name="tell"), strategy=strategy)
    mapping = EventSourceMapping(lambda_handler(process, delivery))
    slow.clock = mapping.clock
    first, second = mapping.deliver(*written("a")).invocations
    assert (first.error, first.calls) == ("TimedOut", (call("tell", r1=effect),))
    assert (second.error, second.calls) == (None, (call("tell", r1="succeeded"),))
    assert ledger.writes == [[("r1", "open", 1, "TimedOut")], [("r1", "handled", 1, "TimedOut")]]


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_store_may_take_too_long_as_well(method: str) -> None:
    class Slow(MemoryLedger):
        """A ledger that takes all the time that there is, once."""

        slow = True

        @override
        def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
            self.take_time("read")
            return super().read(sequence_range, seconds_left)

        @override
        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            self.take_time("write")
            super().write(sequence_range, entries, seconds_left)

        def take_time(self, doing: str) -> None:
            if doing == method and self.slow:
                self.slow = False
                mapping.clock.advance(MINUTE)

    mapping = simulation(FORMS["single"], retry(ledger=Slow(), report=quiet))
    history = mapping.deliver(*written("refuse"))
    assert (history.invocations[0].error, history.invocations[0].store_failures) == ("TimedOut", ())
    assert history.successes("tell") == Counter({"r1": 1})


def test_the_alarms_of_a_dead_process_do_not_ring() -> None:
    """Another call may still run then, and let time pass."""
    clock, rung = SimulatedClock(), list[str]()
    probe = Probe(Crash(1, after_calls=1), clock)
    clock.begin(MINUTE)
    clock.alarm(1, lambda: rung.append("alarm"))
    first, _ = (probe.begin("tell", [event]) for event in written("a", "b"))
    with pytest.raises(ProcessEnded):
        probe.returned(first, ["succeeded"])
    clock.advance(timedelta(seconds=2))
    assert rung == []


def test_an_answer_after_the_timeout_is_none() -> None:
    """Where a report takes too long, say: Lambda has ended the function by then."""

    def refuse(_: InsertEvent[Card]) -> Result[None, str]:
        return Failure("no")

    def report(_: Failed[str]) -> None:
        if len(mapping.history.invocations) == 0:
            mapping.clock.advance(timedelta(minutes=2))

    mapping = EventSourceMapping(lambda_handler(pipeline(cards, on_insert(refuse)), acknowledge(report)))
    history = mapping.deliver(insert_event(Card(1, "a")))
    assert [each.error for each in history.invocations] == ["TimedOut", None]
