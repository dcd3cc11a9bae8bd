"""A pipeline for replays, whose handlers write what they do into a file that the environment names."""

from __future__ import annotations

import os
from pathlib import Path

from returns.result import Failure, Result, Success

from streamfn import Event, InsertEvent, RemoveEvent, on_event, on_insert, pipeline
from tests.cards import Card, cards


def _note(handler: str, event: Event[Card]) -> None:
    if log := os.environ.get("REPLAY_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{handler} {event.event_id}\n")


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Refuse the titles that say so, for as long as the environment says nothing else; end the process for others."""
    _note("announce", event)
    title = event.new_image.title
    if title == "die" and "MENDED" not in os.environ:
        os._exit(7)
    if title == "refuse" and "MENDED" not in os.environ:
        return Failure(400)
    return Success(title)


def index(event: Event[Card]) -> Result[int, int]:
    """Take whatever comes."""
    _note("index", event)
    image = event.old_image if isinstance(event, RemoveEvent) else event.new_image
    return Success(image.id)


process = pipeline(cards, on_insert(announce), on_event(index))
