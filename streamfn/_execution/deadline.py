"""The deadline of an invocation: from when on nothing more is started."""

from __future__ import annotations

from streamfn._time import SecondsLeft, no_end


class Deadline:
    """Knows how long is left, and how long calls of handlers take.

    A call is started only if, besides the margin, as much time is left as the longest call so far has taken.
    """

    __slots__ = ("_asked", "_began", "_half", "_kept", "_longest", "_margin", "_remaining", "is_endless")

    def __init__(self, remaining: SecondsLeft = no_end, margin: float = 0.0) -> None:
        """Take what is left until the function is ended, and the margin to keep of it, both in seconds."""
        self.is_endless: bool = remaining is no_end
        self._remaining = remaining
        self._margin = margin
        self._kept = margin  # and what is reserved
        self._longest = 0.0
        self._began: dict[int, float] = {}
        self._asked = remaining()
        self._half = self._asked / 2

    @property
    def reached(self) -> bool:
        """Whether it is too late to start a call."""
        if self.is_endless:
            return False
        self._asked = left = self._remaining()
        return left - self._kept <= self._longest

    def share(self, among: int) -> None:
        """Leave a share of the time to each of so many, of which the first begins now."""
        self._kept = self._margin
        if among > 1 and not self.is_endless:
            self._kept += self.seconds_left() * (among - 1) / among

    def seconds_left(self) -> float:
        """How long calls may still run."""
        return self._remaining() - self._kept

    def seconds_for_stores(self) -> float:
        """How long ledgers and dead letters may still take; a quarter of the margin is for the answer."""
        return self._remaining() - self._margin / 4

    def began(self, call: int) -> None:
        """Take note that a call begins, by a number that no other running one has.

        Its time counts from when `reached` was asked, so that what is done to prepare it is in it.
        """
        if not self.is_endless:
            self._began[call] = self._asked

    def ended(self, call: int) -> None:
        """Take note that a call has ended."""
        if not self.is_endless:
            self._longest = max(self._longest, self._began.pop(call) - self._remaining())

    def returned(self) -> None:
        """Take note that a call has ended that began when `reached` was asked last."""
        if not self.is_endless:
            self._longest = max(self._longest, self._asked - self._remaining())

    def hurries(self, calls: int) -> bool:
        """Whether so many calls that wait for more should wait no longer.

        That is where there is time for them and one more at the most, and once each time that half of what was
        left has gone by.
        """
        if self.is_endless:
            return False
        left = self.seconds_left()
        if left < self._half:
            self._half = left / 2
            return True
        return left <= (calls + 1) * self._longest
