"""Handlers whose work was counted as done, or that were called far too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import pytest
from returns.result import Failure, Result, Success, safe

from streamfn import (
    ConfigurationError,
    InsertEvent,
    Raised,
    batched,
    batched_each,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import EventSourceMapping, failures, insert_event, lambda_event
from tests.cards import Card, cards
from tests.delivery.jobs import quiet

HELLO: Final = lambda_event(insert_event(Card(1, "hello")))


def test_safe_on_a_coroutine_function_is_no_success() -> None:
    """`safe` puts the coroutine into a Success, and the body never runs: the record was answered as done."""

    @safe
    async def announce(event: InsertEvent[Card]) -> str:
        await asyncio.sleep(0)
        return event.new_image.title

    with pytest.raises(ConfigurationError, match="future_safe instead of safe"):
        pipeline(cards, on_insert(announce))

    hidden: Callable[[InsertEvent[Card]], Result[object, object]] = lambda event: announce(event)  # noqa: E731, PLW0108 (no annotation of the function tells)
    process = pipeline(cards, on_insert(hidden, name="hidden"))
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert "future_safe instead of safe" in str(failed.reason.exception)
    assert lambda_handler(process, retry(report=quiet))(HELLO, None)["batchItemFailures"] != []


def test_map_in_the_place_of_bind_is_no_success() -> None:
    """`.map(f)` of a function that returns a Result puts its Failure into a Success."""

    def store(title: str) -> Result[str, str]:
        return Failure(f"{title} is not stored")

    process = pipeline(
        cards, on_insert(lambda event: Success(event.new_image.title).map(store), name="store")
    )
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert ".bind(f) instead of .map(f)" in str(failed.reason.exception)


def test_a_service_that_is_down_is_not_stormed_with_calls_of_single_events() -> None:
    """After a chunk had failed, its events were called one by one in each delivery, as long as the outage lasted."""
    calls: list[int] = []

    def index(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        calls.append(len(events))
        return Failure("down") if mapping.clock.now < outage_ends else Success("indexed")

    process = pipeline(cards, on_insert(batched(index, 500)))
    handler = lambda_handler(process, retry(ledger=MemoryLedger(), report=quiet))
    mapping = EventSourceMapping(handler, batch_size=1_000)
    outage_ends = mapping.clock.now + timedelta(minutes=5)
    history = mapping.deliver(*(insert_event(Card(number, "")) for number in range(1_000)))
    assert history.discarded == []
    assert len(calls) <= len(history.invocations) * (2 + 12)


def test_an_answer_for_each_event_keeps_the_chunks_together() -> None:
    """`batched_each` tells which events failed, and was called with each of them alone all the same."""
    chunks: list[list[str]] = []

    def index(events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
        chunks.append([event.new_image.title for event in events])
        return [
            Failure("refused") if "b" in event.new_image.title else Success("indexed") for event in events
        ]

    process = pipeline(cards, on_insert(batched_each(index)))
    dead = MemoryDeadLetters()
    delivery = retry(
        ledger=MemoryLedger(),
        dead_letters=dead,
        max_attempts=2,
        patience=timedelta(),
        report=quiet,
    )
    mapping = EventSourceMapping(lambda_handler(process, delivery))
    mapping.deliver(
        *(insert_event(Card(number, title)) for number, title in enumerate(["a", "b1", "b2", "c"]))
    )
    assert chunks == [["a", "b1", "b2", "c"], ["b1", "b2"]]
    assert [letter.attempts for letter in dead.letters] == [2, 2]
