"""A function like that of `examples/cards`, without the clients of its own: what a cold start makes of streamfn."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    PartitionKey,
    RemoveEvent,
    SortKey,
    Table,
    TimeToLive,
    lambda_handler,
    on_event,
    on_insert,
    on_remove,
    pipeline,
    retry,
)


@dataclass(frozen=True, slots=True)
class Card:
    """One item of the table."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    owner: str | None = None
    tags: frozenset[str] = frozenset()
    expires_at: Annotated[datetime, TimeToLive] | None = None


cards = Table("prod-Card", Card)


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Tell of a new card."""
    return Success(event.new_image.title)


def back_up(event: RemoveEvent[Card]) -> Result[str, str]:
    """Store a removed card."""
    return Success(event.old_image.title)


def index(event: Event[Card]) -> Result[str, float]:
    """Follow every change."""
    return Success(event.event_id)


process = pipeline(cards, on_insert(announce), on_remove(back_up), on_event(index))
handler = lambda_handler(process, retry())
