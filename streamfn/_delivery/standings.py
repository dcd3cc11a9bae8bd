"""Standings: whether the handlers of a run work, and what follows for the records that they have failed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from streamfn._delivery.book import Book, named
from streamfn._delivery.health import Health
from streamfn._delivery.limits import Limits
from streamfn._delivery.under_way import UnderWay
from streamfn._execution.gate import Turn
from streamfn._ledger import Entry
from streamfn._time import Clock

_FEW: Final = 2
"""So many failures in a row, at the end of a batch, may be of records that are refused for what they are."""


class _Standing(NamedTuple):
    """The last position at which a handler has succeeded, and the records that it fails on behind that.

    An outage leaves nothing but failures behind the last success. `works_beside` says whether there is a success at
    all, if only on a record that is not delivered again. `failing` counts those of other batches as well.
    """

    last_success: int
    failing_behind: frozenset[str]
    failing: int
    works_beside: bool


class Standings:
    """Judges by the book of a run, and by what its process knows of handlers from other batches."""

    def __init__(self, book: Book, under_way: UnderWay, limits: Limits, health: Health, clock: Clock) -> None:
        """Begin with no handler judged."""
        self._book = book
        self._under_way = under_way
        self._limits = limits
        self._health = health
        self._clock = clock
        self._of: dict[str, _Standing] = {}
        # When handlers have succeeded last, and since when others fail. Nobody asks where nothing has ever failed.
        self._worked: dict[str, datetime] = {}
        self._down: dict[str, datetime] = {}

    def failed(self, turn: Turn) -> None:
        """Take note that a handler has failed."""
        self._down.setdefault(turn.name, self._book[named(turn)].since or self._clock.now)

    def succeeded(self, turn: Turn) -> None:
        """Take note that a handler has succeeded."""
        self._worked[turn.name] = self._clock.now
        self._down.pop(turn.name, None)

    def end(self) -> None:
        """Judge anew, by all that the run has come to."""
        self._of.clear()

    def tell(self) -> None:
        """Remember for other batches of each handler that has failed, in this one or before, whether it works."""
        for handler, at in self._worked.items():
            self._health.worked(handler, at)
        for handler, since in self._down.items():
            self._health.failed(handler, since, self._standing(handler).failing_behind)

    def waited_longest(self, turn: Turn) -> bool:
        """Whether a pair has reached its limits however its handler stands."""
        return self._are_reached(turn, self._limits.longest)

    def gives_up(self, turn: Turn, entry: Entry) -> bool:
        """Whether a pair has reached its limits, where its handler has succeeded on nothing since in this run."""
        if entry.since is None or entry.attempts < self._limits.attempts:
            return False
        return self._are_reached(turn, self._wait(turn, entry.since))

    def _are_reached(self, turn: Turn, wait: timedelta) -> bool:
        entry = self._book[named(turn)]
        # What is known from other batches of a handler that has worked in this one is over.
        down_since = None if turn.name in self._worked else self._health.down_since(turn.name)
        if wait == self._limits.longest and down_since is not None and entry.since is not None:
            entry = replace(entry, since=min(entry.since, down_since))  # its outage has been waited for
        return self._limits.are_reached(entry, turn.record, self._clock.now, wait)

    def _wait(self, turn: Turn, since: datetime) -> timedelta:
        """Say for how long a pair is tried, by what is known of its handler from this batch and from others."""
        standing = self._standing(turn.name)
        works = turn.position < standing.last_success or self._health.has_worked_since(turn.name, since)
        if works and len(standing.failing_behind) <= _FEW:
            return timedelta()
        return self._limits.wait(failing=max(standing.failing, 1), works_beside=standing.works_beside)

    def _standing(self, handler: str) -> _Standing:
        if (standing := self._of.get(handler)) is None:
            standing = self._of[handler] = self._judged(handler)
        return standing

    def _judged(self, handler: str) -> _Standing:
        failing: list[tuple[int, str]] = []
        last_success = -1
        for turn in self._under_way.expected:
            if turn.name == handler and (entry := self._book.known(named(turn))) is not None:
                if entry.state == "handled":
                    last_success = max(last_success, turn.position)
                elif entry.since is not None and not entry.settled:
                    failing.append((turn.position, entry.pair.record))
        behind = frozenset(record for position, record in failing if position > last_success)
        elsewhere = frozenset[str]() if handler in self._worked else self._health.failing(handler)
        return _Standing(last_success, behind, len(behind | elsewhere), self._book.has_handled(handler))
