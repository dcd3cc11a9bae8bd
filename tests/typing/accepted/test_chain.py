"""What `chain` makes of two to six functions: one whose errors are all of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from returns.result import Failure, Result, Success

from streamfn import Handler, InsertEvent, chain, on_insert
from tests.typing.cards import Card, S3Error, SlackError


class E1: ...


class E2: ...


class E3: ...


class E4: ...


def title(event: InsertEvent[Card]) -> Result[str, E1]:
    return Success(event.new_image.title)


def encode(text: str) -> Result[bytes, E2]:
    return Success(text.encode())


def measure(data: bytes) -> Result[int, E3]:
    return Success(len(data))


def halve(number: float) -> Result[float, E4]:
    return Success(number / 2)


def show(number: float) -> Result[str, SlackError]:
    return Success(str(number))


def store(text: str) -> Result[None, S3Error]:
    return Success(None) if text else Failure(S3Error())


def test_two_to_six_functions() -> None:
    assert_type(chain(title, encode), Callable[[InsertEvent[Card]], Result[bytes, E1 | E2]])
    assert_type(chain(title, encode, measure), Callable[[InsertEvent[Card]], Result[int, E1 | E2 | E3]])
    assert_type(
        chain(title, encode, measure, halve), Callable[[InsertEvent[Card]], Result[float, E1 | E2 | E3 | E4]]
    )
    assert_type(
        chain(title, encode, measure, halve, show),
        Callable[[InsertEvent[Card]], Result[str, E1 | E2 | E3 | E4 | SlackError]],
    )
    assert_type(
        chain(title, encode, measure, halve, show, store),
        Callable[[InsertEvent[Card]], Result[None, E1 | E2 | E3 | E4 | SlackError | S3Error]],
    )


def test_a_chain_is_a_handler_and_a_part_of_another_chain() -> None:
    assert_type(on_insert(chain(title, encode)), Handler[Card, bytes, E1 | E2])
    assert_type(on_insert(chain(chain(title, encode), measure)), Handler[Card, int, E1 | E2 | E3])
