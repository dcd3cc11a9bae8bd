"""The time that a delivery goes by: the moment, what is left of an invocation, and an alarm before its end."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Timer
from typing import Final, Protocol, TypeAlias

SecondsLeft: TypeAlias = Callable[[], float]
"""Asked again and again, says how many seconds there are still for the work at hand; infinity if nobody counts."""


class Clock(Protocol):
    """Tells the time, and rings. Lambda's is the machine's; a simulation has one of its own."""

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Call `ring` in so many seconds, from a thread of its own, and give the function that calls it off.

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


MACHINE_CLOCK: Final[Clock] = _MachineClock()


def no_end() -> float:
    """Leave as much time as there is: what a `SecondsLeft` says where no timeout is known."""
    return float("inf")
