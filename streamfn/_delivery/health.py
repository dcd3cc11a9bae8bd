"""The health of handlers, as far as a process has seen it: since when one is down, and when it has worked last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final


@dataclass(slots=True)
class _Seen:
    down_since: datetime | None = None
    worked_at: datetime | None = None


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

    def failed(self, handler: str, since: datetime) -> None:
        """Note that a handler has failed since a moment, and succeeded on nothing."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            if seen.down_since is None:
                seen.down_since = since

    def worked(self, handler: str, now: datetime) -> None:
        """Note that a handler has succeeded."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            seen.down_since, seen.worked_at = None, now

    def down_since(self, handler: str) -> datetime | None:
        """Say since when a handler has been down; None if it is not, or nobody knows."""
        seen = self._seen.get(handler)
        return None if seen is None else seen.down_since

    def has_worked_since(self, handler: str, moment: datetime) -> bool:
        """Whether a handler has succeeded after a moment."""
        seen = self._seen.get(handler)
        return seen is not None and seen.worked_at is not None and seen.worked_at > moment
