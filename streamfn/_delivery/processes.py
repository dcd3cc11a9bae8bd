"""The process that a delivery runs in, as a ledger knows it: by a name that no other process has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from streamfn._delivery.marks import Marks
from streamfn._ledger import Entry, Ledger, Pair, Stretch

_LATER: Final = timedelta(minutes=1)
"""How long the note of a batch stays that has ended without a write: what comes and goes within a batch or two, such as
a process that is started for a moment, does not pay for taking it away."""


class EndedNote(NamedTuple):
    """The note of a batch that has ended well, which a ledger still has, and since when it says nothing any more."""

    stretch: Stretch
    pairs: Sequence[Pair]
    since: datetime


class ThisProcess:
    """Names the process and its notes, and remembers whether the ledger has one of a batch; a fork begins anew."""

    __slots__ = ("_count", "_ended", "_has_looked", "_has_noted", "_name", "_pid", "marks")

    def __init__(self, marks: Marks) -> None:
        """Begin without a name: the process that asks for one may be a fork of this one."""
        self.marks: Marks = marks
        self._pid = 0
        self._name = ""
        self._count = 0
        self._has_noted = False
        self._has_looked = False
        self._ended: EndedNote | None = None

    @property
    def name(self) -> str:
        """The name of the process that asks."""
        if self._pid != (pid := os.getpid()):
            self._pid, self._name, self._count = pid, os.urandom(8).hex(), 0
            self._has_noted = self._has_looked = False
            self._ended = None
        return self._name

    @property
    def has_noted(self) -> bool:
        """Whether the ledger has a note of a batch that this process has begun."""
        return bool(self.name) and self._has_noted

    def noted(self) -> None:
        """Take note that the ledger has one."""
        self._has_noted = True

    def ended(self, note: EndedNote) -> None:
        """Take note that a batch has ended, and its note, if it has one, without being settled."""
        if note.pairs:
            self._ended = note

    def settle_ended(self, ledger: Ledger, now: datetime) -> None:
        """Settle the note of a batch that ended a while ago: whoever lags behind would read it until it expires."""
        ended = self._ended if self.name else None
        if ended is None or now - ended.since < _LATER:
            return
        self._ended = None
        try:
            ledger.write(ended.stretch, [Entry(pair, "handled") for pair in ended.pairs], lambda: 0.0)
        except Exception:  # noqa: BLE001 (whatever it is, nothing is repeated for it)
            self._ended = ended._replace(since=now)

    @property
    def has_looked(self) -> bool:
        """Whether this process has looked for the marks of those that were in its place."""
        return bool(self.name) and self._has_looked

    def looked(self) -> None:
        """Take note that it has."""
        self._has_looked = True

    def new_note(self) -> str:
        """Name a note of this process; each has a number of its own."""
        name = self.name
        self._count += 1
        return f"{name}.{self._count}"
