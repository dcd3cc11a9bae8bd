"""Processes that die, answers that get lost, and batches that come once more: what happened, and what is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event
from typing import Final

import pytest
from returns.result import Result, Success

from streamfn import (
    Delivery,
    Failed,
    InsertEvent,
    LambdaContext,
    Strategy,
    acknowledge,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import Crash, EventSourceMapping, LostAnswer, Repeated
from streamfn.testing._simulator.history import Letter
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

SINGLE: Final = FORMS["single"]
ONCE: Final = Counter({"r1": 1, "r2": 1, "r3": 1})
TWICE: Final = ONCE + ONCE


@every_strategy
@every_form
@pytest.mark.parametrize(
    ("after", "calls", "successes"),
    [(0, 0, ONCE), (1, 1, ONCE + Counter({"r1": 1})), (3, 3, TWICE), (99, 3, TWICE), (None, 3, TWICE)],
    ids=["before all", "in the middle", "at the end", "after more calls than there are", "after all"],
)
def test_a_process_dies_after_so_many_calls(
    handler: Callable[[Job], Registered],
    strategy: Strategy,
    after: int | None,
    calls: int,
    successes: Counter[str],
) -> None:
    delivery: Delivery[object] = retry(ledger=MemoryLedger(), report=quiet)
    mapping = simulation(handler, delivery, strategy=strategy, faults=[Crash(1, after)])
    history = mapping.deliver(*written("a", "b", "c"))
    first, second = history.invocations
    assert (first.error, first.answer, first.outcome) == ("ProcessDied", None, "3 again in 1 s")
    assert [each.effects for each in first.calls] == [("succeeded",)] * calls
    assert (second.error, second.outcome) == (None, "all settled")
    assert history.successes("tell") == successes


@every_strategy
@every_form
@pytest.mark.parametrize("after", [1, None], ids=["in the middle", "after all"])
def test_a_dead_process_neither_writes_its_ledger_nor_sends_letters(
    handler: Callable[[Job], Registered], strategy: Strategy, after: int | None
) -> None:
    ledger, dead_letters = TellingLedger(), MemoryDeadLetters()
    delivery: Delivery[object] = retry(
        ledger=ledger, dead_letters=dead_letters, max_attempts=1, patience=timedelta(), report=quiet
    )
    mapping = simulation(handler, delivery, strategy=strategy, faults=[Crash(1, after)], times=2)
    history = mapping.deliver(*written("refuse", "a"))
    assert [each.letters for each in history.invocations] == [(), (Letter("tell", "r1", "Refused"),)]
    assert len(dead_letters.letters) == 1
    told = {record: (state, attempts) for write in ledger.writes for record, state, attempts, _ in write}
    assert told == {"r1": ("dead", 1), "r2": ("handled", 0)}


def test_a_handler_may_end_the_process_and_nothing_that_follows_happens() -> None:
    told: list[str] = []

    def tell(event: InsertEvent[Card]) -> Result[str, str]:
        if not told:
            told.append("ended")
            mapping.end_process()
        return Success(event.event_id)

    mapping = EventSourceMapping(lambda_handler(pipeline(cards, on_insert(tell)), acknowledge(quiet)))
    first, second = mapping.deliver(*written("a", "b")).invocations
    assert (first.error, first.calls) == ("ProcessDied", (call("tell", r1="died"),))
    assert second.calls == (call("tell", r1="succeeded"), call("tell", r2="succeeded"))


def test_what_is_not_watched_may_end_the_process_as_well() -> None:
    """A `where` that is asked last of all, and a function that is no pipeline's."""
    ended: list[str] = []

    def wants(_: InsertEvent[Card]) -> bool:
        if not ended:
            ended.append("in a where")
            mapping.end_process()
        return False

    job = Job()
    process = pipeline(cards, on_insert(job.single, name="tell", where=wants))
    mapping = EventSourceMapping(lambda_handler(process, acknowledge(quiet)))
    assert [each.error for each in mapping.deliver(*written("a")).invocations] == ["ProcessDied", None]

    def function(_: object, __: LambdaContext) -> None:
        if len(ended) < 2:
            ended.append("outside")
            other.end_process()

    other = EventSourceMapping(function)
    assert [each.error for each in other.deliver(*written("a")).invocations] == ["ProcessDied", None]


def test_a_report_may_end_the_process_before_lambda_has_the_answer() -> None:
    reported: list[str | None] = []

    def report(failed: Failed[object]) -> None:
        reported.append(failed.record.event_id)
        if len(reported) == 1:
            mapping.end_process()

    job = Job(times=1)
    process = pipeline(cards, on_insert(job.single, name="tell"))
    mapping = EventSourceMapping(lambda_handler(process, acknowledge(report)))
    history = mapping.deliver(*written("refuse"))
    assert [each.error for each in history.invocations] == ["ProcessDied", None]


def test_what_was_written_before_the_process_died_is_remembered() -> None:
    """The second call has had its effect, and nobody has heard of it."""
    delivery: Delivery[object] = retry(ledger=MemoryLedger(), write="always", report=quiet)
    history = simulation(SINGLE, delivery, faults=[Crash(1, after_calls=2)]).deliver(*written("a", "b", "c"))
    assert history.successes("tell") == Counter({"r1": 1, "r2": 2, "r3": 1})


def test_a_call_counts_towards_a_crash_whether_it_succeeds_or_fails() -> None:
    mapping = simulation(SINGLE, acknowledge(quiet), faults=[Crash(1, after_calls=2)])
    history = mapping.deliver(*written("raise", "refuse", "a"))
    assert history.invocations[0].calls == (call("tell", r1="failed"), call("tell", r2="failed"))


def test_a_chunk_is_one_call() -> None:
    mapping = simulation(CHUNKS["batched"], acknowledge(quiet), faults=[Crash(1, after_calls=1)])
    history = mapping.deliver(*written("a", "b", "c"))
    assert history.invocations[0].calls == (call("tell", r1="succeeded", r2="succeeded"),)


def test_a_process_dies_in_its_own_invocation_and_in_no_other() -> None:
    mapping = simulation(SINGLE, acknowledge(quiet), faults=[Crash(2), Crash(3, after_calls=0)])
    first, second = written("a", "b")
    mapping.deliver(first)
    history = mapping.deliver(second)
    assert [each.error for each in history.invocations] == [None, "ProcessDied", "ProcessDied", None]


def test_calls_that_run_when_the_process_dies_are_waited_for_and_no_other_begins() -> None:
    both_run, one_has_ended = Barrier(2), Event()

    def tell(event: InsertEvent[Card]) -> Result[str, str]:
        if not one_has_ended.is_set():
            both_run.wait(60)
        if event.event_id == "r2":
            one_has_ended.wait(60)
        one_has_ended.set()
        return Success(event.event_id)

    process = pipeline(cards, on_insert(tell), strategy=concurrent(workers=2))
    mapping = EventSourceMapping(
        lambda_handler(process, acknowledge(quiet)), faults=[Crash(1, after_calls=1)]
    )
    first, _ = mapping.deliver(*written("a", "b", "c")).invocations
    assert first.error == "ProcessDied"
    assert sorted(each.event_ids for each in first.calls) == [("r1",), ("r2",)]
    assert {each.effects for each in first.calls} == {("succeeded",)}


def test_nothing_begins_once_an_invocation_is_over() -> None:
    """A thread may have been given a call that it comes to too late."""
    probe = Probe(None, SimulatedClock())
    assert probe.end().calls == ()
    with pytest.raises(ProcessEnded):
        probe.begin("tell", written("a"))
    assert probe.end().calls == ()


@every_form
def test_an_answer_gets_lost_after_all_is_recorded(handler: Callable[[Job], Registered]) -> None:
    delivery: Delivery[object] = retry(ledger=MemoryLedger(), report=quiet)
    events = written("a", "refuse", "c")
    history = simulation(handler, delivery, faults=[LostAnswer(1)]).deliver(*events)
    first, second = history.invocations
    assert first.answer == {"batchItemFailures": [{"itemIdentifier": events[1].record.sequence_number}]}
    assert (first.error, first.settled, first.outcome) == ("the answer was lost", 0, "3 again in 1 s")
    assert second.event_ids == ("r1", "r2", "r3")
    assert [each.event_ids for each in second.calls] == [("r2",)]
    assert history.successes("tell") == ONCE


@pytest.mark.parametrize("fault", [LostAnswer(1), Repeated(1)], ids=["lost", "repeated"])
def test_what_went_well_is_not_recorded_unless_it_is_asked_for(fault: LostAnswer | Repeated) -> None:
    """A run that leaves no failures behind writes nothing, so that what comes again is done again."""
    seldom: Delivery[object] = retry(ledger=MemoryLedger(), report=quiet)
    always: Delivery[object] = retry(ledger=MemoryLedger(), write="always", report=quiet)
    for delivery, successes in ((seldom, TWICE), (always, ONCE)):
        history = simulation(SINGLE, delivery, faults=[fault]).deliver(*written("a", "b", "c"))
        assert len(history.invocations) == 2
        assert history.successes("tell") == successes
