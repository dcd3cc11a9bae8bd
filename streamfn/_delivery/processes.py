"""The process that a delivery runs in, as a ledger knows it: by a name that no other process has."""

from __future__ import annotations

import os

from streamfn._delivery.marks import Marks


class ThisProcess:
    """Names the process and its notes, and remembers whether the ledger has one of a batch; a fork begins anew."""

    __slots__ = ("_count", "_has_looked", "_has_noted", "_name", "_pid", "marks")

    def __init__(self, marks: Marks) -> None:
        """Begin without a name: the process that asks for one may be a fork of this one."""
        self.marks: Marks = marks
        self._pid = 0
        self._name = ""
        self._count = 0
        self._has_noted = False
        self._has_looked = False

    @property
    def name(self) -> str:
        """The name of the process that asks."""
        if self._pid != (pid := os.getpid()):
            self._pid, self._name, self._count = pid, os.urandom(8).hex(), 0
            self._has_noted = self._has_looked = False
        return self._name

    @property
    def has_noted(self) -> bool:
        """Whether the ledger has a note of a batch that this process has begun."""
        return bool(self.name) and self._has_noted

    def noted(self) -> None:
        """Take note that the ledger has one."""
        self._has_noted = True

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
