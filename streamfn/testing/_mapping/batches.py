"""Batches, and the lanes in which they wait: a shard's records in their order, or those of some of its items.

A lane delivers one batch at a time. Until that is settled or discarded, nothing behind it moves.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zlib import crc32

from streamfn._wire import RawRecord, as_sequence_number, as_text, is_map, magnitude
from streamfn.testing._mapping.settings import Settings

PAYLOAD: Final = 6 * 1024 * 1024
"""The bytes that an event has at most."""

_AROUND: Final = len('{"Records":[]}')
_BETWEEN: Final = len(",")

RETENTION: Final = timedelta(hours=24)
"""How long a stream keeps a record."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record in the stream, since when, and how many bytes it has in an event."""

    record: RawRecord
    sequence_number: str
    at: datetime
    size: int

    @property
    def event_id(self) -> str:
        """What the record goes by."""
        return self.record["eventID"]

    def follows(self, other: Arrival | None) -> bool:
        """Whether it may come after another one in a shard; the first follows none."""
        return other is None or (
            magnitude(self.sequence_number) > magnitude(other.sequence_number) and self.at >= other.at
        )


def arrival(record: RawRecord, at: datetime) -> Arrival:
    """Put a record into a stream. Fails with `ValueError` if it has none of the identifiers that a stream gives it."""
    change: object = record.get("dynamodb")
    number = as_sequence_number(change.get("SequenceNumber")) if is_map(change) else None
    if number is None or as_text(record.get("eventID")) is None:
        raise ValueError(
            "a record of a stream has an eventID and a SequenceNumber, even where it is broken otherwise"
        )
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return Arrival(record, number, at, len(text.encode(errors="surrogatepass")))


def spread(record: RawRecord, over: int) -> int:
    """Choose the shard or lane of a record's item: of several, always the same."""
    keys = json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)
    return crc32(keys.encode()) % over


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are delivered together, how often they have been, and when they may be next."""

    records: tuple[Arrival, ...]
    attempts: int
    due: datetime

    @property
    def sequence_numbers(self) -> list[str]:
        """Those of its records, in their order."""
        return [each.sequence_number for each in self.records]


@dataclass(slots=True)
class Lane:
    """The records of a shard that are delivered one batch after the other."""

    shard: str
    number: int
    arrivals: deque[Arrival] = field(default_factory=deque[Arrival])
    batches: deque[Batch] = field(default_factory=deque[Batch])

    def due(self, settings: Settings) -> datetime | None:
        """Say when the next batch is to be delivered; None if nothing is left."""
        if self.batches:
            return self.batches[0].due
        if not self.arrivals:
            return None
        closed = self.arrivals[0].at + settings.maximum_batching_window
        # A batch does not wait for the end of its window once its last record is there, or the first one that
        # there is no room for.
        full = min(self._fitting(settings), settings.batch_size - 1)
        return min(closed, self.arrivals[full].at) if full < len(self.arrivals) else closed

    def take(self, now: datetime, settings: Settings) -> Batch:
        """Take the batch that is due."""
        if self.batches:
            return self.batches.popleft()
        fitting = islice(self.arrivals, self._fitting(settings))
        there = sum(1 for each in fitting if each.at <= now)
        return Batch(tuple(self.arrivals.popleft() for _ in range(there)), 0, now)

    def again(self, *batches: Batch) -> None:
        """Have batches delivered before all others, in this order."""
        self.batches.extendleft(reversed(batches))

    def _fitting(self, settings: Settings) -> int:
        """Count the records, from the first on, that one batch takes; the first alone, however large it is."""
        size = _AROUND - _BETWEEN
        for count, each in enumerate(islice(self.arrivals, settings.batch_size)):
            size += _BETWEEN + each.size
            if count and size > PAYLOAD:
                return count
        return min(len(self.arrivals), settings.batch_size)


def parted(
    records: Sequence[Arrival], now: datetime, age: timedelta
) -> tuple[tuple[Arrival, ...], tuple[Arrival, ...]]:
    """Part the records that have become older than an age from the others."""
    old = tuple(each for each in records if now - each.at > age)
    return old, tuple(each for each in records if now - each.at <= age)


def lanes_of(shards: int, factor: int) -> list[list[Lane]]:
    """Make the lanes of a mapping, by shard."""
    return [[Lane(f"shardId-{shard:020d}", number) for number in range(factor)] for shard in range(shards)]
