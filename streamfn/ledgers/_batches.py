"""The batches that a process writes about, and which of them it has put into the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, TypeAlias

from streamfn._ledger import Entry, Stretch, records_of
from streamfn.ledgers._index import batch_digest
from streamfn.ledgers._table import batch_partition

REGISTERED_FOR: Final = 60 * 60
"""For how long a batch counts as indexed, in seconds. Its index item is kept for so much longer than its segments."""

_MOST: Final = 64
"""How many batches are remembered; Lambda gives a process one at a time."""

_Key: TypeAlias = tuple[Stretch, bool]


@dataclass(slots=True)
class Batch:
    """A batch: its stretch, all records of it if they are known, its digest, its partition, and when it was indexed.

    One that is `adopted` has digest and partition of another batch, which leads to its records as well.
    """

    stretch: Stretch
    records: frozenset[str]
    digest: str
    partition: str
    indexed_at: float = float("-inf")
    adopted: bool = False

    def is_indexed(self, now: float) -> bool:
        """Whether its index item is there for as long as a segment that is written now."""
        return now - self.indexed_at < REGISTERED_FOR


class Batches:
    """Remembers a few batches, so that each success of a run is one item and no more."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[_Key, Batch] = {}
        self._lock = Lock()

    def of(self, stretch: Stretch, entries: Sequence[Entry], now: float) -> Batch:
        """Find or make the batch that entries belong to.

        Entries of other records than the stretch names belong to a batch whose records are unknown: fingerprints would
        not lead to them.
        """
        batch = self._find(stretch, now)
        if not stretch.records or batch.records >= records_of(entries):
            return batch
        return self._find(replace(stretch, records=()), now)

    def forget(self, stretch: Stretch) -> None:
        """Forget what was indexed of a stretch: a run begins, and the table may be a new one."""
        with self._lock:
            for has_records in (False, True):
                self._known.pop((stretch, has_records), None)

    def adopt(self, stretch: Stretch, digest: str, indexed_at: float) -> None:
        """Take note that a batch of the index, indexed at a moment, leads to all records of a stretch."""
        partition = batch_partition(stretch, digest)
        batch = Batch(stretch, frozenset(stretch.records), digest, partition, indexed_at, adopted=True)
        with self._lock:
            known = self._known.get((stretch, bool(stretch.records)))
            if known is None or known.indexed_at < indexed_at:
                self._keep(batch)

    def _find(self, stretch: Stretch, now: float) -> Batch:
        key = stretch, bool(stretch.records)
        with self._lock:
            batch = self._known.get(key)
            # The index item of another batch is not written again: of its records, only fingerprints are known here.
            is_over = batch is not None and batch.adopted and not batch.is_indexed(now)
            if batch is None or is_over or batch.stretch.records != stretch.records:
                digest = batch_digest(stretch)
                batch = Batch(stretch, frozenset(stretch.records), digest, batch_partition(stretch, digest))
                self._keep(batch)
            return batch

    def _keep(self, batch: Batch) -> None:
        self._known[batch.stretch, bool(batch.stretch.records)] = batch
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
