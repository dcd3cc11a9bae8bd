"""The deadline of an invocation: from when on nothing more is started."""

from __future__ import annotations

from streamfn._time import SecondsLeft, no_end


class Deadline:
    """Knows how long is left, and how long calls of handlers take.

    A call is started only if, besides the margin, as much time is left as the longest call so far has taken.
    """

    __slots__ = ("_began", "_half", "_longest", "_margin", "_remaining", "_reserved")

    def __init__(self, remaining: SecondsLeft = no_end, margin: float = 0.0) -> None:
        """Take what is left until the function is ended, and the margin to keep of it, both in seconds."""
        self._remaining = remaining
        self._margin = margin
        self._longest = 0.0
        self._reserved = 0.0
        self._began: dict[int, float] = {}
        self._half = remaining() / 2

    @property
    def reached(self) -> bool:
        """Whether it is too late to start a call."""
        return self.seconds_left() <= self._longest

    def share(self, among: int) -> None:
        """Leave a share of the time to each of so many, of which the first begins now."""
        self._reserved = 0.0
        if among > 1:
            self._reserved = self.seconds_left() * (among - 1) / among

    def seconds_left(self) -> float:
        """How long calls may still run."""
        return self._remaining() - self._margin - self._reserved

    def seconds_for_stores(self) -> float:
        """How long ledgers and dead letters may still take; a quarter of the margin is for the answer."""
        return self._remaining() - self._margin / 4

    def began(self, call: int) -> None:
        """Take note that a call begins, by a number that no other running one has."""
        self._began[call] = self._remaining()

    def ended(self, call: int) -> None:
        """Take note that a call has ended."""
        took = self._began.pop(call) - self._remaining()
        # Where time has no end, `took` is no number, and no longer than anything.
        self._longest = max(self._longest, took)

    def hurries(self, calls: int) -> bool:
        """Whether so many calls that wait for more should wait no longer.

        That is where there is time for them and one more at the most, and once each time that half of what was
        left has gone by.
        """
        left = self.seconds_left()
        if left < self._half:
            self._half = left / 2
            return True
        return left <= (calls + 1) * self._longest
