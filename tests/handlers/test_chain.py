"""Functions joined into one handler."""

from __future__ import annotations

import pytest
from returns.result import Failure, Result, Success

from streamfn import InsertEvent, chain, on_insert, pipeline
from streamfn.testing import failures, insert_event, lambda_event, values
from tests.cards import Card, cards


def more(number: int) -> Result[int, str]:
    """Count up, to 6."""
    return Failure("too many") if number == 6 else Success(number + 1)


@pytest.mark.parametrize(
    ("joined", "end"),
    [
        (chain(more, more), 2),
        (chain(more, more, more), 3),
        (chain(more, more, more, more), 4),
        (chain(more, more, more, more, more), 5),
        (chain(more, more, more, more, more, more), 6),
    ],
)
def test_each_function_takes_what_the_one_before_it_succeeded_with(joined: object, end: int) -> None:
    assert callable(joined)
    assert joined(0) == Success(end)


def test_the_first_failure_ends_the_chain() -> None:
    seen: list[int] = []

    def keep(number: int) -> Result[int, str]:
        seen.append(number)
        return Success(number)

    assert chain(keep, more, keep)(6) == Failure("too many")
    assert seen == [6]


def test_a_chain_is_a_handler_like_its_parts() -> None:
    def title(event: InsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    def loud(text: str) -> Result[str, int]:
        return Success(text.upper()) if text else Failure(400)

    process = pipeline(cards, on_insert(chain(title, loud)))
    results = process(lambda_event(insert_event(Card(1, "hello")), insert_event(Card(2, ""))))
    assert values(results) == ["HELLO"]
    assert [each.handler for each in failures(results)] == ["title_then_loud"]
