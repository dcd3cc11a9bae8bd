"""Turns that are tried again within a run: a handler that works for other records is asked once more.

Lambda waits longer each time before it sends a batch again. A handler that succeeds meanwhile is not down, so the
wait would be for nothing, and all records behind the batch would wait with it. A failed turn is therefore due again
once its handler has succeeded on one other record since, after the next failure on three, then on seven, and so on:
the faster a service answers, the sooner it is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from streamfn._execution.gate import Turn
from streamfn._execution.items import Place
from streamfn._failures import Reason


@dataclass(slots=True)
class FailedTurn:
    """A turn that has failed by itself, and is still open; `is_last` says that it has no attempt left.

    `due` is the count of its handler's successes from which on it is to be looked at.
    """

    turn: Turn
    reason: Reason[object]
    is_last: bool
    due: int


class Again:
    """Keeps the failed turns of a run, and those that are held back behind them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._successes: Counter[str] = Counter()
        self._failures: Counter[Turn] = Counter()
        self._since: dict[Turn, int] = {}
        self._failed: dict[str, dict[Place, FailedTurn]] = {}
        self._behind: dict[Place, list[Turn]] = {}
        self._ready: list[Turn] = []

    def failed(self, turn: Turn, reason: Reason[object], *, is_last: bool) -> None:
        """Keep a turn that has failed by itself."""
        self._failures[turn] += 1
        since = self._since.setdefault(turn, self._successes[turn.name])
        wait = 1 if is_last else 2 ** self._failures[turn] - 1
        self._failed.setdefault(turn.name, {})[turn.place] = FailedTurn(turn, reason, is_last, since + wait)

    def held(self, turn: Turn) -> None:
        """Keep a turn that waits for an earlier one of its place."""
        self._behind.setdefault(turn.place, []).append(turn)

    def succeeded(self, handler: str) -> None:
        """Count a success of a handler."""
        self._successes[handler] += 1

    def refused(self, handler: str) -> list[FailedTurn]:
        """Have what is due tried again, and give what has no attempt left, though its handler works."""
        failed = self._failed.get(handler)
        if not failed:
            return []
        due = [each for each in failed.values() if each.due <= self._successes[handler]]
        for each in due:
            del failed[each.turn.place]
        self._ready += [each.turn for each in due if not each.is_last]
        return [each for each in due if each.is_last]

    def settled(self, place: Place) -> bool:
        """Have the first turn tried that was held back behind one which is settled now; say whether there is one."""
        behind = self._behind.get(place)
        if not behind:
            return False
        first = min(behind, key=lambda turn: turn.position)
        behind.remove(first)
        self._ready.append(first)
        return True

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
        return [each for failed in self._failed.values() for each in failed.values()]
