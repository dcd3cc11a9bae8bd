"""A pipeline as it is shipped to executors, in one file: cards say where its handlers note what they do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from returns.result import Failure, Result, Success

from streamfn import Event, InsertEvent, PartitionKey, Table, on_event, on_insert, pipeline


@dataclass(frozen=True, slots=True)
class Card:
    """An item: its title says what comes of it, and `notes` names a folder."""

    id: Annotated[int, PartitionKey]
    title: str
    notes: str


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Refuse the titles that say so until the folder says that it is mended, and end the process once for others."""
    card = event.new_image
    _note(card, "announce")
    if card.title == "die" and not _has(card, "died"):
        Path(card.notes, "died").touch()
        os._exit(7)
    return Failure(400) if card.title == "refuse" and not _has(card, "mended") else Success(card.title)


def index(event: Event[Card]) -> Result[int, int]:
    """Take whatever comes."""
    assert isinstance(event, InsertEvent)
    _note(event.new_image, "index")
    return Success(event.new_image.id)


def _has(card: Card, name: str) -> bool:
    return Path(card.notes, name).exists()


def _note(card: Card, handler: str) -> None:
    with Path(card.notes, "calls").open("a", encoding="utf-8") as file:
        file.write(f"{handler} {card.id} {os.getpid()} {id(process)}\n")


process = pipeline(Table("prod-Card", Card), on_insert(announce), on_event(index))
