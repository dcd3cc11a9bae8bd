"""What may still start: the rules of a delivery, as a run asks for them.

A gate is made for one run and asked in one thread. The open one, of a pipeline that is called without a
delivery, lets everything through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamfn._failures import OutOfTime, Stopped


@dataclass(slots=True)
class Gate:
    """Says of each record whether handlers may still start on it.

    `stops`: nothing starts on the records after one that failed, since Lambda sends them again anyway.
    `seconds_left`: what is left until the function must not start anything more; nothing starts at 0 or
    below.
    """

    stops: bool = False
    seconds_left: Callable[[], float] | None = None
    first_failure: int | None = None

    def bars(self, position: int) -> Stopped | OutOfTime | None:
        """Say why nothing may start on the record at `position` of the batch, or None if it may."""
        if self.stops and self.first_failure is not None and position > self.first_failure:
            return Stopped()
        if self.seconds_left is not None and self.seconds_left() <= 0:
            return OutOfTime()
        return None

    def failed(self, position: int) -> None:
        """Take note that a handler failed on the record at `position`."""
        if self.first_failure is None or position < self.first_failure:
            self.first_failure = position
