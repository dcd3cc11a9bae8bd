"""Turns that are tried again within a run: a handler that works for other records is asked once more.

Lambda waits longer each time before it sends a batch again. A handler that succeeds meanwhile is not down, so the
wait would be for nothing, and all records behind the batch would wait with it. A failed turn is therefore due again
once its handler has succeeded on one other record since, after the next failure on three, then on seven, and so on:
the faster a service answers, the sooner it is asked.

A turn that has no attempt left is refused for good only if its handler has succeeded both before and after the failure,
within the run. One that failed before the first success is due once more: the service may have been down until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from typing import NamedTuple

from streamfn._execution.gate import Turn
from streamfn._execution.items import Place
from streamfn._failures import Reason


class FailedTurn(NamedTuple):
    """A turn that has failed by itself, and is still open; `is_last` says that it is not tried again.

    `due` is the count of its handler's successes from which on it is to be looked at, and `number` puts those in order
    that are due at once.
    """

    due: int
    number: int
    turn: Turn
    reason: Reason[object]
    is_last: bool


class Again:
    """Keeps the failed turns of a run, and those that are held back behind them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._worked: set[str] = set()
        self._successes: Counter[str] = Counter()
        self._failures: Counter[Turn] = Counter()
        self._since: dict[Turn, int] = {}
        self._number = 0
        self._failed: dict[str, list[FailedTurn]] = {}  # heaps
        self._behind: dict[Place, list[tuple[int, int, Turn]]] = {}  # heaps, by position
        self._ready: list[Turn] = []

    def failed(self, turn: Turn, reason: Reason[object], *, is_last: bool) -> None:
        """Keep a turn that has failed by itself; `is_last` says that it has no attempt left."""
        self._failures[turn] += 1
        self._number += 1
        since = self._since.setdefault(turn, self._successes[turn.name])
        due = since + (1 if is_last else 2 ** self._failures[turn] - 1)
        is_last = is_last and turn.name in self._worked
        failed = FailedTurn(due, self._number, turn, reason, is_last)
        heappush(self._failed.setdefault(turn.name, []), failed)

    def held(self, turn: Turn) -> None:
        """Keep a turn that waits for an earlier one of its place."""
        self._number += 1
        heappush(self._behind.setdefault(turn.place, []), (turn.position, self._number, turn))

    def worked(self, handler: str) -> None:
        """Take note that a handler has succeeded, before anything has failed."""
        self._worked.add(handler)

    def succeeded(self, handler: str) -> None:
        """Count a success of a handler."""
        self._worked.add(handler)
        self._successes[handler] += 1

    def refused(self, handler: str) -> list[FailedTurn]:
        """Have what is due tried again, and give what is not, though its handler works."""
        failed, refused = self._failed.get(handler, []), list[FailedTurn]()
        while failed and failed[0].due <= self._successes[handler]:
            due = heappop(failed)
            if due.is_last:
                refused.append(due)
            else:
                self._ready.append(due.turn)
        return refused

    def settled(self, place: Place) -> bool:
        """Have the first turn tried that was held back behind one which is settled now; say whether there is one."""
        behind = self._behind.get(place)
        if not behind:
            return False
        _, _, first = heappop(behind)
        self._ready.append(first)
        return True

    def waits(self, places: Collection[Place]) -> bool:
        """Whether a turn is held back at one of these places."""
        return any(self._behind.get(place) for place in places)

    def ready(self, turns: Iterable[Turn]) -> None:
        """Have turns tried now."""
        self._ready += turns

    @property
    def is_due(self) -> bool:
        """Whether a turn is to be tried again now."""
        return bool(self._ready)

    def take(self) -> list[Turn]:
        """Take the turns that are to be tried again, of each place one."""
        ready, self._ready = self._ready, []
        return ready

    def left(self) -> list[FailedTurn]:
        """List the failed turns that are not due."""
        return [each for failed in self._failed.values() for each in failed]
