"""Handlers of many events at once, called as a test would call them; tests/execution has how they run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import cast

import pytest
from returns.result import Failure, Result, Success

from streamfn import ConfigurationError, InsertEvent, batched, batched_each
from streamfn.testing import insert_event
from tests.cards import Card

HELLO = insert_event(Card(1, "hello"))


def titles(events: Sequence[InsertEvent[Card]]) -> Result[list[str], str]:
    """Answer for all events at once."""
    return Success([event.new_image.title for event in events])


def title_each(events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
    """Answer for each event."""
    return [
        Failure("untitled") if not event.new_image.title else Success(event.new_image.title)
        for event in events
    ]


async def title_each_later(events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
    """Answer for each event, when awaited."""
    return title_each(events)


def test_a_batched_handler_can_be_called_with_one_event() -> None:
    assert batched(titles)(HELLO) == Success(["hello"])


def test_a_handler_of_each_event_answers_for_the_one_that_it_is_called_with() -> None:
    assert batched_each(title_each)(HELLO) == Success("hello")


def test_one_that_has_to_be_awaited_is_awaited() -> None:
    async def called() -> Result[str, str]:
        # What a coroutine function gives.
        return await cast("Awaitable[Result[str, str]]", batched_each(title_each_later)(HELLO))

    assert asyncio.run(called()) == Success("hello")


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_of_no_events_makes_no_sense(size: int) -> None:
    expected = f"a chunk holds at least one event: size={size} should be 1 or more, or None for no limit"
    with pytest.raises(ConfigurationError, match=expected):
        batched(titles, size=size)
    with pytest.raises(ConfigurationError, match=expected):
        batched_each(title_each, size=size)
