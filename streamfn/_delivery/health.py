"""The health of handlers, as far as a process has seen it: since when one is down, on what, and when it worked last."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Final

_MOST_FAILING: Final = 10
"""How many records are remembered: more of them make no wait longer."""


@dataclass(slots=True)
class _Seen:
    down_since: datetime | None = None
    worked_at: datetime | None = None
    failing: set[str] = field(default_factory=set[str])


class Health:
    """Remembers, from one batch of a process to the next, the handlers that have failed.

    A handler whose outage has been waited for is not waited for again with each batch, and one that works for the
    records of one shard is not down for those of another.
    """

    def __init__(self) -> None:
        """Begin with handlers of which nothing is known."""
        self._seen: Final[dict[str, _Seen]] = {}
        self._lock = Lock()

    @property
    def watched(self) -> Collection[str]:
        """The handlers that have failed: whether they work is worth being told."""
        return self._seen.keys()

    def failed(self, handler: str, since: datetime, records: Iterable[str]) -> None:
        """Note that a handler has failed on records since a moment, and succeeded on nothing after that."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            if seen.down_since is None:
                # A record may have failed for long, and its handler have worked for others until now.
                seen.down_since = since if seen.worked_at is None else max(since, seen.worked_at)
            seen.failing |= set(islice(records, _MOST_FAILING - len(seen.failing)))

    def worked(self, handler: str, at: datetime) -> None:
        """Note that a handler has succeeded at a moment."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            seen.down_since, seen.worked_at = None, at
            seen.failing.clear()

    def down_since(self, handler: str) -> datetime | None:
        """Say since when a handler has been down; None if it is not, or nobody knows."""
        seen = self._seen.get(handler)
        return None if seen is None else seen.down_since

    def failing(self, handler: str) -> frozenset[str]:
        """Name the records that a handler has failed on since it has worked last, as far as their number counts."""
        with self._lock:
            seen = self._seen.get(handler)
            return frozenset() if seen is None else frozenset(seen.failing)

    def has_worked_since(self, handler: str, moment: datetime) -> bool:
        """Whether a handler has succeeded after a moment."""
        seen = self._seen.get(handler)
        return seen is not None and seen.worked_at is not None and seen.worked_at > moment
