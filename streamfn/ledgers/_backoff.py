"""How long a ledger waits before it asks DynamoDB again, and when it stops asking and reading."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import random
from typing import Final, TypeAlias

from typing_extensions import TypeVar

from streamfn._clients import turned_away
from streamfn._time import SecondsLeft

T = TypeVar("T")

Wait: TypeAlias = Callable[[float], None]
"""Waits so many seconds: `time.sleep`, but in tests."""

_SHORTEST: Final = 0.05
_LONGEST: Final = 2.0
_ENOUGH: Final = 60.0
"""How long is waited in all where nobody counts the time that is left, in seconds."""


class LedgerBusy(Exception):
    """Raised where there is no time for another request; says why there would have to be one.

    DynamoDB turned requests away, and the message has its reason. Or there is more to read than there is time for: a
    longer timeout of the function helps.
    """


class Backoff:
    """The waits of one read or one write.

    Each is drawn at random from a span twice as long as the one before, so that functions which were turned
    away at the same moment do not all come back at the same moment ("Error handling with DynamoDB", Developer
    Guide).
    """

    def __init__(self, table_name: str, seconds_left: SecondsLeft, wait: Wait) -> None:
        """Begin with the shortest span."""
        self._table_name = table_name
        self._seconds_left = seconds_left
        self._wait = wait
        self._span = _SHORTEST
        self._waited = 0.0
        self._answers = 0
        self._checked = seconds_left()
        self._longest = 0.0

    def ask(self, request: Callable[[], T]) -> T:
        """Ask until there is an answer. Fails with `LedgerBusy`, and with whatever else the request raises."""
        while True:
            try:
                answer = request()
            except Exception as error:
                reason = turned_away(error)
                if reason is None:
                    raise
                self.pause(reason)
            else:
                self._answers += 1
                return answer

    def check_time(self) -> None:
        """Look at the time before a step of a read: a request, or an item that is unpacked.

        The first request is made in any case. Fails with `LedgerBusy` where no more is left than the longest step so
        far has taken.
        """
        left = self._seconds_left()
        if left == inf:
            return
        self._longest = max(self._longest, self._checked - left)
        self._checked = left
        if self._answers and left <= self._longest:
            raise LedgerBusy(
                f"reading the ledger {self._table_name} takes longer than the time that is left: "
                f"{self._answers} requests were answered, and there are more"
            )

    def pause(self, reason: str) -> None:
        """Wait before the next request. Fails with `LedgerBusy`, for this reason, if time would be up after that."""
        seconds = self._span * random()  # noqa: S311 (nobody gains by guessing it)
        left = self._seconds_left()
        if seconds >= (left if left < inf else _ENOUGH - self._waited):
            raise LedgerBusy(
                f"DynamoDB turned the ledger {self._table_name} away until time was up: {reason}"
            )
        self._wait(seconds)
        self._checked = self._seconds_left()  # a wait is no step
        self._waited += seconds
        self._span = min(2 * self._span, _LONGEST)
