"""A ledger in memory: for tests, and for whatever lives in one process."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from streamfn._ledger import Entry, Stretch
from streamfn._time import SecondsLeft


class MemoryLedger:
    """Keeps entries for as long as it exists itself.

    >>> from streamfn.ledgers import Entry, Pair, Stretch
    >>> from streamfn._time import no_end
    >>> ledger, stretch = MemoryLedger(), Stretch("follow-cards", "", "100", "199")
    >>> ledger.write(stretch, [Entry(Pair("announce", "id-1"), "handled")], no_end)
    >>> [entry.state for entry in ledger.read(Stretch("follow-cards", "", "150", "250"), no_end)]
    ['handled']
    >>> ledger.read(Stretch("another-function", "", "150", "250"), no_end)
    []
    """

    def __init__(self) -> None:
        """Begin with no entry."""
        self._written: list[tuple[Stretch, tuple[Entry, ...]]] = []
        self._lock = Lock()

    def read(self, stretch: Stretch, _: SecondsLeft, /) -> list[Entry]:
        """Give every entry that was written for a stretch which meets this one."""
        with self._lock:
            return [
                entry for written, entries in self._written if written.meets(stretch) for entry in entries
            ]

    def write(self, stretch: Stretch, entries: Sequence[Entry], _: SecondsLeft, /) -> None:
        """Keep entries."""
        with self._lock:
            self._written.append((stretch, tuple(entries)))
