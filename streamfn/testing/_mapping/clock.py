"""A clock that moves when it is told to, and the ends that a process can come to meanwhile."""

from __future__ import annotations

from collections.abc import Callable
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
        self._alarms: list[_Alarm] = []
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
        while True:
            with self._lock:
                alarm = min(self._alarms, key=lambda each: each.at, default=None)
                if alarm is None or alarm.at > self._now + by:
                    self._now += by
                    break
                by -= max(alarm.at - self._now, timedelta())
                self._now = max(self._now, alarm.at)
                self._alarms.remove(alarm)
            alarm.ring()
        with self._lock:
            if self._deadline is None or self._now < self._deadline:
                return
            self._now = self._deadline
        raise TimedOut("the function's timeout is reached")

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Call `ring` in so many seconds of this time, and give the function that calls it off."""
        alarm = _Alarm(self._now + timedelta(seconds=seconds), ring)
        self._alarms.append(alarm)

        def call_off() -> None:
            if alarm in self._alarms:
                self._alarms.remove(alarm)

        return call_off

    def wait_until(self, moment: datetime) -> None:
        """Let the time pass until a moment; none if it is there already."""
        self._now = max(self._now, moment)

    def begin(self, timeout: timedelta) -> Context:
        """Begin an invocation that has this long."""
        self._deadline = self._now + timeout
        return Context(self, self._deadline)

    def end(self) -> None:
        """End the invocation, and all that it would have been woken for."""
        self._deadline = None
        self._alarms.clear()


@dataclass(frozen=True, slots=True, eq=False)
class _Alarm:
    at: datetime
    ring: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """The context that a simulated invocation gets."""

    clock: Clock
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return (self.deadline - self.clock.now) // _MILLISECOND
