"""Handlers whose work was counted as done, or repeated more than it should be."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest
from returns.result import Failure, Result, Success, safe

from streamfn import InsertEvent, Misuse, Raised, lambda_handler, on_insert, pipeline, retry
from streamfn.testing import failures, insert_event, lambda_event
from tests.cards import Card, cards

HELLO: Final = lambda_event(insert_event(Card(1, "hello")))


def test_safe_on_a_coroutine_function_is_no_success() -> None:
    """`safe` puts the coroutine into a Success, and the body never runs: the record was answered as done."""

    @safe
    async def announce(event: InsertEvent[Card]) -> str:
        await asyncio.sleep(0)
        return event.new_image.title

    with pytest.raises(Misuse, match="future_safe instead of safe"):
        pipeline(cards, on_insert(announce))

    def hidden(event: InsertEvent[Card]) -> object:
        return announce(event)

    process = pipeline(cards, on_insert(hidden))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] (a handler that no annotation tells of)
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert "future_safe instead of safe" in str(failed.reason.exception)
    assert lambda_handler(process, retry(report=lambda _: None))(HELLO, None)["batchItemFailures"] != []


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
