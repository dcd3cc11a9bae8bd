"""Replays that wait until they are let go, so that something else can happen meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from returns.result import Result, Success
from typing_extensions import override

from streamfn import InsertEvent, on_insert, pipeline
from streamfn._pipeline import Pipeline
from streamfn.exports import ProgressInUse, Replay, replay
from tests.cards import Card, cards


@dataclass
class Held:
    """A pipeline whose handler waits until it is let go, and says when it has begun."""

    begun: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    calls: list[int] = field(default_factory=list[int])

    def announce(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Wait."""
        self.calls.append(event.new_image.id)
        self.begun.set()
        assert self.free.wait(60)
        return Success(event.new_image.id)

    @property
    def process(self) -> Pipeline[object, object]:
        """The pipeline."""
        return pipeline(cards, on_insert(self.announce))


class Ran(threading.Thread):
    """A replay in a thread, and what came of it."""

    def __init__(self, location: str | Path, process: Pipeline[object, object]) -> None:
        """Begin it."""
        super().__init__()
        self._given = location, process
        self.done: Replay | Exception | None = None
        self.start()

    @override
    def run(self) -> None:
        try:
            self.done = replay(*self._given)
        except ProgressInUse as error:
            self.done = error


def free() -> Held:
    """Make a pipeline that waits for nobody."""
    held = Held()
    held.free.set()
    return held
