"""What the history tells of handlers: each form of them is watched, and does what it did before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import pytest
from returns.future import future_safe
from returns.io import IOResult, IOSuccess
from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Event,
    InsertEvent,
    ModifyEvent,
    Pipeline,
    Strategy,
    acknowledge,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    on_modify,
    pipeline,
)
from streamfn.testing import EventSourceMapping, modify_event
from streamfn.testing._simulator.history import History, RecordedCall
from tests.cards import Card, cards
from tests.testing.mapping.invocations import call
from tests.testing.mapping.jobs import CHUNKS, FORMS, STRATEGIES, Job, Registered, simulation, written
from tests.testing.mapping.story import quiet

DROPPED: Final[Delivery[object]] = acknowledge(quiet)


class Told:
    """A handler of two kinds of change; whoever asks for its methods gets new ones each time."""

    def tell(self, event: InsertEvent[Card] | ModifyEvent[Card]) -> Result[str, None]:
        return Success(event.event_id)

    def tell_all(self, events: Sequence[InsertEvent[Card] | ModifyEvent[Card]]) -> list[Result[str, None]]:
        return [self.tell(event) for event in events]


TOLD: Final = Told()


def told(history: History) -> list[RecordedCall]:
    """Give the calls in the order of their records: side by side they begin in any."""
    return sorted(history.calls, key=lambda each: each.event_ids)


@pytest.mark.parametrize(
    "strategy", [*STRATEGIES.values(), concurrent(workers=3)], ids=[*STRATEGIES, "side by side"]
)
@pytest.mark.parametrize("handler", FORMS.values(), ids=FORMS.keys())
def test_a_call_has_succeeded_or_failed(handler: Callable[[Job], Registered], strategy: Strategy) -> None:
    mapping = simulation(handler, DROPPED, strategy=strategy)
    assert told(mapping.deliver(*written("fine", "refuse", "raise"))) == [
        call("tell", r1="succeeded"),
        call("tell", r2="failed"),
        call("tell", r3="failed"),
    ]


def test_a_chunk_succeeds_or_fails_as_a_whole() -> None:
    mapping = simulation(CHUNKS["batched"], DROPPED)
    assert list(mapping.deliver(*written("fine", "fine", "fine", "refuse")).calls) == [
        call("tell", r1="succeeded", r2="succeeded"),
        call("tell", r3="failed", r4="failed"),
    ]


def test_each_event_of_a_chunk_succeeds_or_fails_by_itself() -> None:
    mapping = simulation(CHUNKS["batched each"], DROPPED)
    history = mapping.deliver(*written("fine", "refuse"))
    assert list(history.calls) == [call("tell", r1="succeeded", r2="failed")]


def test_an_answer_that_is_none_is_a_failure() -> None:
    """As it is to the pipeline."""

    def one_for_all(events: Sequence[InsertEvent[Card]]) -> list[Result[int, str]]:
        return [Success(len(events))]

    process = pipeline(cards, on_insert(batched_each(one_for_all)))
    history = EventSourceMapping(lambda_handler(process, DROPPED)).deliver(*written("a", "b"))
    assert list(history.calls) == [call("one_for_all", r1="failed", r2="failed")]


def test_what_returns_has_besides_results_is_understood() -> None:
    def printed(event: Event[Card]) -> IOResult[str, str]:
        return IOSuccess(event.event_id)

    @future_safe
    async def sent(event: Event[Card]) -> str:
        return event.event_id

    process: Pipeline[object, object] = pipeline(cards, on_event(printed), on_event(sent))
    history = EventSourceMapping(lambda_handler(process, DROPPED)).deliver(*written("a"))
    assert list(history.calls) == [call("printed", r1="succeeded"), call("sent", r1="succeeded")]


def test_what_is_no_function_is_watched_as_well() -> None:
    def tell(prefix: str, event: Event[Card]) -> Result[str, str]:
        return Failure(prefix + event.event_id)

    process = pipeline(cards, on_event(partial(tell, "not "), name="tell"))
    history = EventSourceMapping(lambda_handler(process, DROPPED)).deliver(*written("a"))
    assert list(history.calls) == [call("tell", r1="failed")]


@pytest.mark.parametrize(
    "process",
    [
        pipeline(cards, on_insert(TOLD.tell), on_modify(TOLD.tell)),
        pipeline(cards, on_insert(batched_each(TOLD.tell_all)), on_modify(batched_each(TOLD.tell_all))),
    ],
    ids=["a method", "a chunk's"],
)
def test_a_function_that_is_registered_twice_stays_one(process: Pipeline[str, None]) -> None:
    mapping = EventSourceMapping(lambda_handler(process, DROPPED))
    (event,) = written("a")
    history = mapping.deliver(event, modify_event(Card(1, "a"), Card(1, "a", "ann"), event_id="r2"))
    assert [each.error for each in history.invocations] == [None]
    assert [each.event_ids for each in history.calls] == [("r1",), ("r2",)]
