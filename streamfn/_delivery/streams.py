"""Batches that join the records of several streams, as no mapping sends them: each stream keeps a ledger of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamfn._ledger import Entry, Ledger, Stretch, identity_of, record_meant, stretch_of
from streamfn._records import Record
from streamfn._time import SecondsLeft


def parted(ledger: Ledger, scope: str, records: Sequence[Record]) -> Ledger:
    """Have a ledger know each record of a batch under its own stream; one that names none is of the first.

    Whoever joins streams (a test of two tables, a worker of one's own) may part them otherwise the next time, and
    nobody would look for what the one knows under the name of the other.
    """
    first = next(filter(None, (record.event_source_arn for record in records)), "")
    parts: dict[str, list[Record]] = {}
    for record in records:
        parts.setdefault(record.event_source_arn or first, []).append(record)
    return _Apart(
        ledger,
        [
            (stretch_of(scope, part), frozenset(identity_of(record) for record in part))
            for part in parts.values()
        ],
    )


class _Apart:
    """Reads and writes a ledger stretch by stretch, each with the identities of the records that are of it."""

    def __init__(self, ledger: Ledger, parts: Sequence[tuple[Stretch, frozenset[str]]]) -> None:
        """Take the ledger and the parts of the batch."""
        self._ledger = ledger
        self._parts = parts

    def read(self, _: Stretch, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Give what is known of each part."""
        return [entry for stretch, _ in self._parts for entry in self._ledger.read(stretch, seconds_left)]

    def write(self, _: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Keep the entries of each part under its own stretch."""
        for stretch, identities in self._parts:
            if of_it := [entry for entry in entries if record_meant(entry.pair) in identities]:
                self._ledger.write(stretch, of_it, seconds_left)
