"""Time: the clock, the deadline of an invocation, and the signals that end a program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Timer
from typing import Final, Protocol, TypeAlias

# The clock of a delivery: the current time, the rest of an invocation, and an alarm before its end.

SecondsLeft: TypeAlias = Callable[[], float]
"""Returns, at each call, the seconds that are left for the work at hand; infinity without a limit."""


class AlarmClock(Protocol):
    """Tells the time, and calls alarms. Lambda's clock is the machine's; a simulation has its own."""

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Call `ring` after this many seconds, on a thread of its own, and return a function that cancels the alarm.

        `ring` sees the context variables of the caller.
        """
        ...


class _MachineClock:
    """The clock of the machine that the function runs on."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        timer = Timer(seconds, copy_context().run, (ring,))
        timer.daemon = True  # nothing waits for an invocation that is over
        timer.start()
        return timer.cancel


MACHINE_CLOCK: Final[AlarmClock] = _MachineClock()


def unlimited() -> float:
    """Return infinity: the `SecondsLeft` without a known timeout."""
    return float("inf")


# The deadline of an invocation: after it, no call starts.


class Deadline:
    """Knows the time that is left, and the length of the calls of handlers.

    A call starts only if, besides the margin, as much time is left as the longest call so far has taken.
    """

    __slots__ = (
        "_asked",
        "_began",
        "_half",
        "_kept",
        "_longest",
        "_margin",
        "_remaining",
        "is_endless",
        "is_running",
    )

    def __init__(self, remaining: SecondsLeft = unlimited, margin: float = 0.0) -> None:
        """Store the time until the function is ended, and the margin to keep of it, both in seconds."""
        self.is_endless: bool = remaining is unlimited
        # Whether a call has begun, by itself, when `reached` was asked last. The next reading of the clock ends it, so
        # that there is one reading a call.
        self.is_running: bool = False
        self._remaining = remaining
        self._margin = margin
        self._kept = margin  # with the reserve
        self._longest = 0.0
        self._began: dict[int, float] = {}
        self._asked = remaining()
        self._half = self._asked / 2

    @property
    def reached(self) -> bool:
        """Whether it is too late to start a call."""
        if self.is_endless:
            return False
        left = self._remaining()
        if self.is_running:
            self._end(left)
        self._asked = left
        return left - self._kept <= self._longest

    def _end(self, left: float) -> None:
        """End the call that began when `reached` was asked last, now that so much is left."""
        self.is_running = False
        if (took := self._asked - left) > self._longest:
            self._longest = took

    def share(self, among: int) -> None:
        """Leave a share of the time to each of so many, of which the first begins now."""
        self._kept = self._margin
        if among > 1 and not self.is_endless:
            self._kept += self.seconds_left() * (among - 1) / among

    def seconds_left(self) -> float:
        """The seconds for which calls may still run."""
        return self._remaining() - self._kept

    def seconds_for_stores(self) -> float:
        """The seconds that ledgers and dead letters may still take; a quarter of the margin is for the answer."""
        return self._remaining() - self._margin / 4

    def began(self, call: int) -> None:
        """Record the start of a call, by a number that no other running call has.

        Its time counts from the last call of `reached`, so that it includes its preparation.
        """
        if not self.is_endless:
            self._began[call] = self._asked

    def ended(self, call: int) -> None:
        """Record the end of a call."""
        if not self.is_endless:
            self._longest = max(self._longest, self._began.pop(call) - self._remaining())

    def returned(self) -> None:
        """Record the end of the call that started after the last call of `reached`."""
        if not self.is_endless:
            self._end(self._remaining())

    def hurries(self, calls: int) -> bool:
        """Return whether this many waiting calls should wait no longer.

        This is so if the time is enough for them and at most one more call, and once each time that half of the rest
        has passed.
        """
        if self.is_endless:
            return False
        left = self._remaining()
        if self.is_running:
            self._end(left)
        left -= self._kept
        if left < self._half:
            self._half = left / 2
            return True
        return left <= (calls + 1) * self._longest


# Signals that ask a long-running program to end in good order.


@contextmanager
def stopped_by_signals(stop: Callable[[], None], *, unwinds: bool = False) -> Generator[None]:
    """Call `stop` on SIGINT and SIGTERM for as long as the block lasts, if it runs in the main thread.

    Python lets no other thread handle signals. The first signal also restores the earlier handlers, so that a second
    Ctrl-C has its usual effect. A second SIGTERM ends the process, or `unwinds` it: then it raises a KeyboardInterrupt
    if no other handler was set, so that the block can keep its progress.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import signal  # here, because a function on Lambda handles none and a cold start would pay for it

    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in found.items():
            if handler is not None:  # one that was not set from Python cannot be set from it
                signal.signal(number, handler)

    def handle(_number: int, _frame: object) -> None:
        restore()
        if unwinds and found[signal.SIGTERM] is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        stop()

    for number, handler in found.items():
        if handler is not None:
            signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
