"""The functions whose memory is measured, and what Lambda hands to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import (
    BatchResponse,
    Delivery,
    Event,
    Failed,
    InsertEvent,
    Pipeline,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
)
from streamfn.ledgers import MemoryLedger
from tests.cards import Card, Json, cards, event, record

Function: TypeAlias = Callable[[object], BatchResponse]

_kept: Final[list[None]] = []
_MARK: Final = 987654321


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    """Read an image."""
    return Success(event.new_image.title)


def index(event: Event[Card]) -> Result[str, str]:
    """Read no image."""
    return Success(event.event_id)


async def follow(event: Event[Card]) -> Result[str, str]:
    """Do it on the event loop."""
    return Success(event.event_id)


def leak(_: Event[Card]) -> Result[None, str]:
    """Keep as little as can be kept of each event: eight bytes."""
    _kept.append(None)
    return Success(None)


def unreported(_: Failed[object]) -> None:
    """Let a failure pass: what a log keeps is not what is asked."""


def in_series() -> Function:
    """Make a function as most are."""
    process = pipeline(cards, on_insert(announce), on_event(index))
    return _function(process, retry(report=unreported))


def side_by_side() -> Function:
    """Make a function with threads and an event loop."""
    process = pipeline(cards, on_insert(announce), on_event(follow), strategy=concurrent(workers=2))
    return _function(process, retry(report=unreported))


def with_ledger() -> Function:
    """Make a function that remembers what it has done where something fails."""
    process = pipeline(cards, on_insert(announce), on_event(index))
    return _function(process, retry(ledger=MemoryLedger()))


def leaking() -> Function:
    """Make a function that keeps something of each invocation."""
    return _function(pipeline(cards, on_event(leak)), retry(report=unreported))


def _function(process: Pipeline[object, str], delivery: Delivery[str]) -> Function:
    handler = lambda_handler(process, delivery)
    return lambda payload: handler(payload, None)


FUNCTIONS: Final[Mapping[str, Callable[[], Function]]] = {
    each.__name__: each for each in (in_series, side_by_side, with_ledger, leaking)
}


def batch(first: int, size: int) -> str:
    """Write a batch as Lambda gets it, of records that no other batch has."""
    numbers = range(first, first + size)
    return json.dumps(event(*(record(number, change=_image(number, "N")) for number in numbers)))


def batches(*, misfits: bool) -> Iterator[object]:
    """Read batch after batch, each of one record, and of a second one that does not fit the model for `misfits`."""
    made = [record(_MARK, change=_image(_MARK, "N"))]
    if misfits:
        made.append(record(_MARK + 1, change=_image(_MARK, "S")))
    text = json.dumps(event(*made))
    for number in count(10**9, 2):
        numbered = text.replace(str(_MARK), str(number)).replace(str(_MARK + 1), str(number + 1))
        yield json.loads(numbered)


def _image(number: int, tag: str) -> Json:
    return {"NewImage": {"id": {tag: str(number)}, "title": {"S": f"card {number}"}, "owner": {"S": "ada"}}}
