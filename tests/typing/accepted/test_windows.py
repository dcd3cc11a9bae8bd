"""Windows: the state's type, the table's and the failures' go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_type

from returns.result import Result, Success

from streamfn import Event, Failed, LambdaContext
from streamfn.windows import Window, WindowFunction, WindowResponse, window_handler
from tests.typing.cards import Card, S3Error, SlackError, cards


@dataclass(frozen=True)
class Count:
    """A state."""

    cards: int = 0


def add(state: Count, event: Event[Card]) -> Result[Count, SlackError]:
    return Success(Count(state.cards + len(event.event_id)))


def store(_: Window, state: Count) -> Result[int, S3Error]:
    return Success(state.cards)


async def store_async(_: Window, state: Count) -> Result[int, S3Error]:
    return Success(state.cards)


def report(failed: Failed[SlackError]) -> None:
    repr(failed)


def test_the_types_of_a_window() -> None:
    handler = window_handler(cards, add, Count(), store, on_failure="skip", report=report)
    assert_type(handler, WindowFunction[Card, Count, int, SlackError, S3Error])
    function: Callable[[object, LambdaContext | None], WindowResponse] = handler
    assert function is handler
    assert_type(
        window_handler(cards, add, Count(), store_async),
        WindowFunction[Card, Count, int, SlackError, S3Error],
    )
