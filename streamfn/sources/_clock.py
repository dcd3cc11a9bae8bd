"""The time that a reader goes by, and its waits, which whoever stops it ends."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and waits. A reader's is the machine's; a simulation has one of its own."""

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back."""
        ...

    def wait(self, seconds: float, /) -> None:
        """Wait so long, or until somebody wakes the reader."""
        ...

    def wake(self) -> None:
        """End the wait, or the next one if nobody waits; for other threads and for handlers of signals."""
        ...


class MachineClock:
    """The clock of the machine that the reader runs on."""

    def __init__(self) -> None:
        """Begin with nobody waking."""
        # An Event is locked while it is waited for, and a handler of a signal would wait for that lock for ever. To put
        # something into this queue is safe there, says its documentation.
        self._bell: SimpleQueue[None] = SimpleQueue()

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float, /) -> None:
        """Wait so long, or until somebody wakes the reader."""
        with suppress(Empty):
            self._bell.get(timeout=seconds)

    def wake(self) -> None:
        """End the wait."""
        self._bell.put(None)
