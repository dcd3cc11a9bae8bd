"""A clock that moves when it is told to, and the ends that a process can come to meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from streamfn.testing._records import MOMENT

_MILLISECOND: Final = timedelta(milliseconds=1)


class ProcessDied(SystemExit):
    """The function's process died, as the test wished.

    It is a SystemExit, because what a handler raises is otherwise the pipeline's to keep.
    """


class TimedOut(ProcessDied):
    """Lambda ended the function's process at its timeout."""


class Clock:
    """The time of a simulation. Nothing waits: handlers say how long they take with `advance`."""

    def __init__(self, now: datetime = MOMENT) -> None:
        """Begin at a moment."""
        self._now = now
        self._deadline: datetime | None = None
        self._lock = Lock()

    @property
    def now(self) -> datetime:
        """The time that it is."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Let time pass. In a handler, Lambda ends the process (`TimedOut`) if that reaches the function's timeout.

        Fails with `ValueError` if the time is negative.
        """
        if by < timedelta():
            raise ValueError(f"time does not run backwards: {by}")
        with self._lock:
            self._now += by
            if self._deadline is None or self._now < self._deadline:
                return
            self._now = self._deadline
        raise TimedOut("the function's timeout is reached")

    def wait_until(self, moment: datetime) -> None:
        """Let the time pass until a moment; none if it is there already."""
        self._now = max(self._now, moment)

    def begin(self, timeout: timedelta) -> Context:
        """Begin an invocation that has this long."""
        self._deadline = self._now + timeout
        return Context(self, self._deadline)

    def end(self) -> None:
        """End the invocation."""
        self._deadline = None


@dataclass(frozen=True, slots=True)
class Context:
    """The context that a simulated invocation gets."""

    clock: Clock
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return (self.deadline - self.clock.now) // _MILLISECOND
