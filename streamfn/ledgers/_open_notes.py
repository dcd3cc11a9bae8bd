"""The notes of batches that this process has put into a table, to be taken away once what they note has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

from streamfn._ledger import Entry, Pair, Waiting, is_note
from streamfn._wire import Image
from streamfn.ledgers._table import SEGMENT, STREAM

_MOST: Final = 64
"""How many notes are remembered. One that is forgotten is settled by an entry, as one of another process is."""


def is_of_batch(entry: Entry) -> bool:
    """Whether an entry is the note of a batch, which names a process and no handler."""
    return not entry.pair.handler and is_note(entry.pair)


class OpenNotes:
    """Remembers the item of each note, which all who lag behind would read until it expires."""

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: dict[Pair, Image] = {}
        self._lock = Lock()

    def put(self, entries: Sequence[Entry], items: Sequence[Image]) -> None:
        """Take note of the item that open notes are put into, which is one: each names a process and a record."""
        key = {name: items[0][name] for name in (STREAM, SEGMENT)}
        with self._lock:
            for entry in entries:
                if not entry.settled:
                    self._keys[entry.pair] = key
            while len(self._keys) > _MOST:
                del self._keys[next(iter(self._keys))]

    def ended(self, entries: Sequence[Entry]) -> dict[Pair, Image]:
        """Find among entries the notes that are settled, whose items say nothing any more."""
        if not self._keys:  # as in nearly every run
            return {}
        told = entries.entries if isinstance(entries, Waiting) else entries
        settled = {entry.pair for entry in told if entry.settled and is_of_batch(entry)}
        with self._lock:
            kept = [key for pair, key in self._keys.items() if pair not in settled]
            return {pair: key for pair, key in self._keys.items() if pair in settled and key not in kept}

    def taken(self, ended: Mapping[Pair, Image]) -> None:
        """Forget notes that have been taken away."""
        with self._lock:
            for pair in ended:
                self._keys.pop(pair, None)


def without(entries: Sequence[Entry], pairs: Mapping[Pair, Image]) -> Sequence[Entry]:
    """Leave out the entries of pairs."""
    if not pairs:
        return entries
    if isinstance(entries, Waiting):
        return Waiting(without(entries.entries, pairs), entries.waiting, entries.reason)
    return [entry for entry in entries if entry.pair not in pairs]
