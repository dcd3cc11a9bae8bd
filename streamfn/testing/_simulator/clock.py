"""The simulated clock, and the ways in which a process can end while time passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, Never

from streamfn.testing._events import DEFAULT_TIME

_MILLISECOND: Final = timedelta(milliseconds=1)


class ProcessEnded(SystemExit):
    """The function's process died, because the test asked for this.

    The class is a SystemExit, because the pipeline catches other exceptions of a handler.
    """


class FunctionTimeout(ProcessEnded):
    """Lambda ended the function's process at its timeout."""


class NothingFollows(BaseException):
    """The process has ended in the middle of a handler: no later code of the function ever runs.

    The class is no Exception, which handlers catch, and no SystemExit, which would end the event loop.
    """


class TimeIsUp(NothingFollows):
    """The timeout came while time was passing."""


class SimulatedClock:
    """The time of a simulation. No code waits: handlers say how long they take with `advance`."""

    def __init__(self, now: datetime = DEFAULT_TIME) -> None:
        self._now = now
        self._deadline: datetime | None = None
        self._process_ended = False
        self._alarms: list[_Alarm] = []
        self._lock = Lock()

    @property
    def now(self) -> datetime:
        """The current time."""
        return self._now

    @property
    def is_up(self) -> bool:
        """Whether the timeout of an invocation has come, and the invocation has not been ended for it yet."""
        return self._deadline is not None and self._now >= self._deadline

    @property
    def process_ended(self) -> bool:
        """Whether the function's process has ended, at the timeout or before, and the invocation has not yet."""
        return self._process_ended or self.is_up

    def end_process(self) -> Never:
        """End the function's process in the middle of the handler that calls this."""
        self._process_ended = True
        self.call_all_off()
        raise NothingFollows("the function's process has ended")

    def advance(self, by: timedelta) -> None:
        """Let time pass. In a handler, the process ends there (`TimeIsUp`) if that reaches the function's timeout.

        Raises `ValueError` if the time is negative.
        """
        if by < timedelta():
            raise ValueError(f"time does not run backwards: {by}")
        alarm, left = self._pass(by)
        while alarm is not None:
            alarm.ring()
            alarm, left = self._pass(left)
        if self.is_up:
            raise TimeIsUp("the function's timeout is reached")

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Call `ring` after this many simulated seconds, and return a function that cancels the alarm.

        The code that lets the time pass calls `ring`, at the right moment, if that is before the timeout. An overdue
        alarm rings the next time that any code lets time pass.
        """
        alarm = _Alarm(self._now + timedelta(seconds=seconds), ring)
        with self._lock:
            self._alarms.append(alarm)

        def cancel() -> None:
            with self._lock:
                self._alarms = [each for each in self._alarms if each is not alarm]

        return cancel

    def wait_until(self, moment: datetime) -> None:
        """Let the time pass until a moment; none if it is there already."""
        self._now = max(self._now, moment)

    def begin(self, timeout: timedelta) -> Context:
        """Start an invocation with this timeout."""
        self._deadline = self._now + timeout
        return Context(self, self._deadline)

    def end(self) -> None:
        """End the invocation, and cancel its alarms."""
        self._deadline = None
        self._process_ended = False
        self.call_all_off()

    def call_all_off(self) -> None:
        """Cancel all alarms: a dead process has none."""
        with self._lock:
            self._alarms.clear()

    def _pass(self, by: timedelta) -> tuple[_Alarm | None, timedelta]:
        """Let time pass until the next alarm or the timeout, and return that alarm and the rest of the time."""
        with self._lock:
            end = self._deadline
            until = self._now + by if end is None else min(self._now + by, end)
            due = [each for each in self._alarms if each.at <= until and each.at != end]
            if not due:
                self._now = until
                return None, timedelta()
            alarm = min(due, key=lambda each: each.at)
            self._alarms.remove(alarm)
            began, self._now = self._now, max(self._now, alarm.at)
            return alarm, by - (self._now - began)


@dataclass(frozen=True, slots=True, eq=False)
class _Alarm:
    at: datetime
    ring: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """The context that a simulated invocation gets."""

    clock: SimulatedClock
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return (self.deadline - self.clock.now) // _MILLISECOND
