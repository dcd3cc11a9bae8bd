"""A run with something of everything: three handlers, two shards, a crash, retries, a record given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Failed,
    InsertEvent,
    UpsertEvent,
    batched,
    lambda_handler,
    on_event,
    on_insert,
    on_upsert,
    pipeline,
    retry,
)
from streamfn.testing import Crash, EventSourceMapping, insert_event, remove_event
from streamfn.testing._mapping.history import History
from tests.cards import Card, cards


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Succeed always."""
    return Success(event.new_image.title)


def index(events: Sequence[Event[Card]]) -> Result[int, int]:
    """Take many events at once."""
    return Success(len(events))


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


def story() -> History:
    """Tell it; the process dies in the first invocation, after two calls."""

    def back_up(event: UpsertEvent[Card]) -> Result[str, int]:
        mapping.clock.advance(timedelta(milliseconds=250))
        return Failure(500) if event.new_image.title == "poison" else Success(event.new_image.title)

    process = pipeline(cards, on_insert(announce), on_upsert(back_up), on_event(batched(index), name="index"))
    mapping = EventSourceMapping(
        lambda_handler(process, retry(report=quiet)),
        batch_size=3,
        maximum_retry_attempts=2,
        shards=2,
        faults=[Crash(invocation=1, after_calls=2)],
    )
    titles = ["a", "b", "c", "poison"]
    return mapping.deliver(
        *(
            insert_event(Card(number, title), event_id=f"id-{number}")
            for number, title in enumerate(titles, 1)
        ),
        remove_event(Card(2, "b"), event_id="id-5"),
    )
