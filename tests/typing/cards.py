"""What the programs in these folders are about: a table of cards, another of decks, and handlers of their events.

A name of a handler says how it answers. None of them is ever called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from returns.future import FutureResult
from returns.io import IOResult
from returns.result import Failure, Result, Success

from streamfn import Event, InsertEvent, KeysEvent, ModifyEvent, PartitionKey, RemoveEvent, Table, UpsertEvent


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the one table."""

    id: Annotated[int, PartitionKey]
    title: str


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of a card."""

    id: int


@dataclass(frozen=True, slots=True)
class Deck:
    """An item of the other table."""

    name: Annotated[str, PartitionKey]


@dataclass(frozen=True, slots=True)
class SlackError:
    """One thing that goes wrong."""


@dataclass(frozen=True, slots=True)
class S3Error:
    """Another thing that goes wrong."""


cards = Table("Card", Card)
decks = Table("Deck", Deck)


def announce(event: InsertEvent[Card]) -> Result[str, SlackError]:
    return Success(event.new_image.title)


def rename(event: ModifyEvent[Card]) -> Result[int, SlackError]:
    return Success(event.new_image.id)


def back_up(_: RemoveEvent[Card]) -> Result[bytes, S3Error]:
    return Failure(S3Error())


def index(event: UpsertEvent[Card]) -> Result[str, S3Error]:
    return Success(event.new_image.title)


def audit(_: Event[Card]) -> Result[float, S3Error]:
    return Failure(S3Error())


def invalidate(event: KeysEvent[CardKey]) -> Result[int, SlackError]:
    return Success(event.keys.id)


def follow(event: ModifyEvent[Card] | RemoveEvent[Card]) -> Result[str, SlackError]:
    return Success(event.old_image.title)


def open_deck(event: InsertEvent[Deck]) -> Result[bool, S3Error]:
    return Success(bool(event.new_image.name))


async def insert_later(event: InsertEvent[Card]) -> Result[str, SlackError]:
    return Success(event.new_image.title)


def insert_impurely(event: InsertEvent[Card]) -> IOResult[str, SlackError]:
    return IOResult.from_value(event.new_image.title)


def insert_in_future(event: InsertEvent[Card]) -> FutureResult[str, SlackError]:
    return FutureResult.from_value(event.new_image.title)


def insert_many(events: Sequence[InsertEvent[Card]]) -> Result[str, SlackError]:
    return Success(events[0].new_image.title)


async def insert_many_later(events: Sequence[InsertEvent[Card]]) -> Result[str, SlackError]:
    return Success(events[0].new_image.title)


def insert_each(events: Sequence[InsertEvent[Card]]) -> list[Result[str, SlackError]]:
    return [Success(event.new_image.title) for event in events]


async def insert_each_later(events: Sequence[InsertEvent[Card]]) -> list[Result[str, SlackError]]:
    return [Success(event.new_image.title) for event in events]
