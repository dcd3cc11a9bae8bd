"""Chains whose ends do not meet."""

from returns.result import Result, Success

from streamfn import InsertEvent, chain, on_insert, on_remove
from tests.typing.cards import Card, SlackError, announce


def encode(text: str) -> Result[bytes, SlackError]:
    return Success(text.encode())


def halve(number: int) -> Result[int, SlackError]:
    return Success(number // 2)


def lower(text: str) -> str:
    return text.lower()


async def later(text: str) -> Result[str, SlackError]:
    return Success(text)


chain(announce, halve)  # misc, reportArgumentType
chain(announce, encode, encode)  # misc, reportArgumentType
chain(announce, lower)  # arg-type, reportArgumentType
chain(announce, later)  # arg-type, reportArgumentType
chain(lower, encode)  # arg-type, reportArgumentType
chain(announce)  # call-overload, reportCallIssue
chain(announce, encode, len)  # arg-type, reportArgumentType
chain(halve, halve, halve, halve, halve, halve, halve)  # call-overload, reportCallIssue
on_insert(chain(encode, halve))  # arg-type misc, reportArgumentType
on_insert(chain(halve, halve))  # arg-type, reportArgumentType
on_remove(chain(announce, encode))  # arg-type, reportArgumentType


def read(event: InsertEvent[Card]) -> None:
    text: Result[str, SlackError] = chain(announce, encode)(event)  # assignment, reportAssignmentType
    repr(text)
