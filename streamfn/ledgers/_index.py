"""The search for entries: the index of batches, the batches of a process, and the directory of marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, TypeAlias
from zlib import crc32

from streamfn._records import Image, sequence_order
from streamfn.ledgers._items import (
    EXPIRES_AT,
    LIFETIME,
    LOWEST,
    MARK,
    REACHES,
    RECORDS,
    SEGMENT,
    STREAM,
    UnreadableSegment,
    batch_partition,
    digest_of,
    index_partition,
    item_name,
    partition_key,
    sortable,
)
from streamfn.ledgers._protocol import Entry, SequenceRange, records_in_entries

# The index of a ledger's table: a reader finds the batches with records between two numbers.
#
# The index is sorted by the batches' highest numbers. A batch that overlaps a range ends at the range's lowest number
# or after it, and after its highest number by at most the width of the widest batch. So the index has a partition for
# each *group* of widths, and a reader queries each group for the batches that end in a window as wide as its own range
# and the group's widest class together. The batches of other hours lie outside of the window.
#
# Other shards and concurrent batches of a shard write between the same numbers. An index item therefore has
# *fingerprints*, a few bytes of the CRC-32 of each record's identity: one byte with their size, and then all of them.
# A reader without a common fingerprint has no record in the batch, and does not read its segments.

_SIZES: Final = (3, 4)
_FEW: Final = 32
"""Up to this many records have fingerprints of three bytes, and more have four. Two batches of 32 records share one by
chance in one case of 16,000, and two of a hundred in one of 430,000.
"""

_MOST_RECORDS: Final = 50_000
"""The limit of records with fingerprints: five times the records of a batch, in half of an item."""

_GROUP: Final = 3
"""The number of classes of widths in one partition: each is one Query, and in it a narrow batch is read where a wide
one could be, so fewer requests are more units.
"""


@dataclass(frozen=True, slots=True)
class IndexMatch:
    """A batch that may have records of a range; its digest names its partition.

    `leads_until` is the time at which its index item expires, in seconds since 1970, if the item leads to all records
    of the range. Entries of the range may then be put into its partition: a part of a batch that comes again needs no
    index item of its own.

    A mark of the class of its `digits` has to reach the place of its `highest` number; otherwise some readers of its
    records would not query the index.
    """

    digest: str
    leads_until: float | None
    digits: int
    highest: str


def class_of(sequence_range: SequenceRange) -> int:
    """Return the number of digits of a range's width: 0 for a single number, 3 for 100 to 999."""
    return sequence_order(str(_width(sequence_range)))[0]


def group_of(digits: int) -> int:
    """Find the group of a class: the classes 0 to 3 are the first, 4 to 6 the second, and so on."""
    return max(1, -(-digits // _GROUP))


def batch_digest(sequence_range: SequenceRange) -> str:
    """Name a batch by its borders and records: a batch that comes again unchanged has one name."""
    return digest_of(
        sortable(sequence_range.lowest), sortable(sequence_range.highest), *sequence_range.records
    )


def index_item(sequence_range: SequenceRange, digest: str, expires_at: int) -> Image:
    """Make the item that leads to a batch. Two of one batch have one key, and the same content but for their expiry."""
    item: dict[str, dict[str, object]] = {
        STREAM: {"S": index_partition(sequence_range, group_of(class_of(sequence_range)))},
        SEGMENT: {"S": f"{sortable(sequence_range.highest)}.{_width(sequence_range)}.{digest}"},
        EXPIRES_AT: {"N": str(expires_at)},
    }
    if 0 < len(sequence_range.records) <= _MOST_RECORDS:
        size = _SIZES[len(sequence_range.records) > _FEW]
        item[RECORDS] = {"B": bytes([size]) + b"".join(_fingerprints(sequence_range.records, size))}
    return item


def window_of(sequence_range: SequenceRange, digits: int) -> tuple[str, str]:
    """Return the sort keys between which each batch lies that is no wider than a class and overlaps a range."""
    # A batch of so many digits is up to 10**digits - 1 wide, and begins at the range's highest number at the latest.
    end = int(sequence_range.highest) + 10**digits - 1
    return sortable(sequence_range.lowest), f"{sortable(str(end))}~"


class Question:
    """Decides from index items whether their batches may have records of a range."""

    def __init__(self, sequence_range: SequenceRange) -> None:
        """Store the range; a range without records overlaps all batches whose numbers overlap its own."""
        self._sequence_range = sequence_range
        self._lowest, self._highest = int(sequence_range.lowest), int(sequence_range.highest)
        self._fingerprints: dict[int, frozenset[bytes]] = {}

    def ask(self, item: Image) -> IndexMatch | None:
        """Parse an index item; return None for a batch without records of the range. Raises `UnreadableSegment`."""
        try:
            place, width, digest = _text(item).split(".")
            # The digits of a place follow three digits with their number; zero has none.
            highest = int(place[3:] or "0")
            lowest = highest - int(width)
            fingerprints = _checked(item[RECORDS]["B"]) if RECORDS in item else None
            if lowest > self._highest or not self._shares(fingerprints):
                return None
            covers = lowest <= self._lowest and self._highest <= highest and self._has_all(fingerprints)
            leads_until = float(_text(item, EXPIRES_AT, "N")) if covers else None
            return IndexMatch(digest, leads_until, sequence_order(width)[0], place)
        except (LookupError, TypeError, ValueError):
            raise UnreadableSegment(f"{item_name(item)} cannot be read: it is damaged") from None

    def _shares(self, fingerprints: bytes | None) -> bool:
        """Return whether a batch may have a record of the range; true if one of them does not name its records."""
        if fingerprints is None or not self._sequence_range.records or fingerprints[0] not in _SIZES:
            return True
        return not self._own(fingerprints[0]).isdisjoint(_parts(fingerprints))

    def _has_all(self, fingerprints: bytes | None) -> bool:
        """Return whether a reader of any record of the range finds the batch."""
        if fingerprints is None:
            return True
        if not self._sequence_range.records or fingerprints[0] not in _SIZES:
            return False
        return self._own(fingerprints[0]).issubset(_parts(fingerprints))

    def _own(self, size: int) -> frozenset[bytes]:
        if size not in self._fingerprints:
            self._fingerprints[size] = frozenset(_fingerprints(self._sequence_range.records, size))
        return self._fingerprints[size]


def _width(sequence_range: SequenceRange) -> int:
    return int(sequence_range.highest) - int(sequence_range.lowest)


def _parts(fingerprints: bytes) -> list[bytes]:
    size = fingerprints[0]
    return [fingerprints[at : at + size] for at in range(1, len(fingerprints), size)]


def _fingerprints(records: Sequence[str], size: int) -> list[bytes]:
    return [crc32(record.encode(errors="surrogatepass")).to_bytes(4, "big")[4 - size :] for record in records]


def _checked(fingerprints: object) -> bytes:
    """Check that fingerprints are whole; those of a size that only a later version knows cannot be checked."""
    if not isinstance(fingerprints, bytes):
        raise TypeError
    if fingerprints[0] in _SIZES and len(fingerprints) % fingerprints[0] != 1:
        raise ValueError
    return fingerprints


def _text(item: Image, name: str = SEGMENT, tag: str = "S") -> str:
    text = item[name][tag]
    if not isinstance(text, str):
        raise TypeError
    return text


# The batches that a process writes entries of, and which of them are in the index.

REGISTERED_FOR: Final = 60 * 60
"""The time for which a batch counts as indexed, in seconds. Its index item outlives its segments by this time."""

_MOST_BATCHES: Final = 64
"""The number of batches that are remembered; Lambda gives a process one at a time."""

_Key: TypeAlias = tuple[SequenceRange, bool]


@dataclass(slots=True)
class IndexedBatch:
    """A batch: its range, all its records if they are known, its digest, its partition, and the time it was indexed.

    An `adopted` batch has digest and partition of another batch, which leads to its records as well.
    """

    sequence_range: SequenceRange
    records: frozenset[str]
    digest: str
    partition: str
    indexed_at: float = float("-inf")
    adopted: bool = False

    def is_indexed(self, now: float) -> bool:
        """Return whether its index item lasts as long as a segment that is written now."""
        return now - self.indexed_at < REGISTERED_FOR


class BatchCache:
    """Remembers a few batches, so that each success of a run is one item and no more."""

    def __init__(self) -> None:
        self._known: dict[_Key, IndexedBatch] = {}
        self._lock = Lock()

    def of(self, sequence_range: SequenceRange, entries: Sequence[Entry], now: float) -> IndexedBatch:
        """Return the batch of these entries, a known or a new one.

        Entries of records that the range does not name belong to a batch whose records are unknown: fingerprints would
        not lead to them.
        """
        batch = self._find(sequence_range, now)
        if not sequence_range.records or batch.records >= records_in_entries(entries):
            return batch
        return self._find(replace(sequence_range, records=()), now)

    def forget(self, sequence_range: SequenceRange) -> None:
        """Forget the indexed batches of a range: a run begins, and the table may be a new one."""
        with self._lock:
            for has_records in (False, True):
                self._known.pop((sequence_range, has_records), None)

    def adopt(self, sequence_range: SequenceRange, digest: str, indexed_at: float) -> None:
        """Remember that a batch of the index, indexed at a moment, leads to all records of a range."""
        partition = batch_partition(sequence_range, digest)
        batch = IndexedBatch(
            sequence_range, frozenset(sequence_range.records), digest, partition, indexed_at, adopted=True
        )
        with self._lock:
            known = self._known.get((sequence_range, bool(sequence_range.records)))
            if known is None or known.indexed_at < indexed_at:
                self._keep(batch)

    def _find(self, sequence_range: SequenceRange, now: float) -> IndexedBatch:
        key = sequence_range, bool(sequence_range.records)
        with self._lock:
            batch = self._known.get(key)
            # The index item of another batch is not written again: of its records, only fingerprints are known here.
            is_over = batch is not None and batch.adopted and not batch.is_indexed(now)
            if batch is None or is_over or batch.sequence_range.records != sequence_range.records:
                digest = batch_digest(sequence_range)
                batch = IndexedBatch(
                    sequence_range,
                    frozenset(sequence_range.records),
                    digest,
                    batch_partition(sequence_range, digest),
                )
                self._keep(batch)
            return batch

    def _keep(self, batch: IndexedBatch) -> None:
        self._known[batch.sequence_range, bool(batch.sequence_range.records)] = batch
        if len(self._known) > _MOST_BATCHES:
            del self._known[next(iter(self._known))]


# The directory of a ledger's table: the extent of its index, so that a reader beyond it reads nothing else.
#
# A *mark* has the highest number in the index for one class of widths and one day of writing. A mark is raised before
# or while a batch enters the index, and is never lowered. A mark expires after all entries that were written on its
# day.

IndexMarks: TypeAlias = Mapping[str, str]
"""The place of the highest number, by the sort key of a mark."""

_DAY: Final = 24 * 60 * 60
_LATELY: Final = 60
_HEADROOM: Final = 16
_MOST_MARKS: Final = 64
"""The number of streams whose marks a process keeps; few functions follow more than one."""


class Directory:
    """The marks that this process knows, so that it raises no mark that is high enough."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._raised: dict[tuple[str, int], float] = {}
        self._lock = Lock()

    def saw(self, partition: str, marks: IndexMarks) -> None:
        """Store all marks of a read. They replace the earlier ones: the table may be new."""
        with self._lock:
            self._known.pop(partition, None)
            self._known[partition] = dict(marks)
            if len(self._known) > _MOST_MARKS:
                del self._known[next(iter(self._known))]

    def missing(self, sequence_range: SequenceRange, now: float) -> Image | None:
        """Return the mark that is required before a batch can be found; None if one is high enough.

        A process that raised a mark within the last minute leaves room for more batches: it writes for each batch, and
        should not raise a mark for each. Other processes leave none, because a reader below a mark has to query the
        index.
        """
        digits, day = class_of(sequence_range), int(now // _DAY)
        partition, segment = partition_key(sequence_range), f"{MARK}{digits:03}.{day}"
        with self._lock:
            if self._known.get(partition, {}).get(segment, "") >= sortable(sequence_range.highest):
                return None
            lately = now - self._raised.get((partition, digits), float("-inf")) < _LATELY
        highest = int(sequence_range.highest)
        if lately:
            highest += _HEADROOM * (highest - int(sequence_range.lowest) + 1)
        return {
            STREAM: {"S": partition},
            SEGMENT: {"S": segment},
            LOWEST: {"S": MARK},
            REACHES: {"S": sortable(str(highest))},
            EXPIRES_AT: {"N": str((day + 2) * _DAY + int(LIFETIME.total_seconds()))},
        }

    def raised(self, mark: Image, now: float) -> None:
        """Remember that a mark is as high as this one."""
        partition, segment, highest = (text_attribute(mark, name) for name in (STREAM, SEGMENT, REACHES))
        with self._lock:
            known = self._known.setdefault(partition, {})
            known[segment] = max(known.get(segment, ""), highest)
            if len(self._raised) >= _MOST_MARKS:
                del self._raised[next(iter(self._raised))]
            self._raised[partition, _digits(segment)] = now


def is_mark(item: Image) -> bool:
    """Return whether an item of a stream's partition is a mark, and not a segment of an earlier version."""
    return text_attribute(item, SEGMENT).startswith(MARK)


def marks_of(items: Iterable[Image]) -> dict[str, str]:
    """Read marks. Raises `UnreadableSegment`."""
    marks: dict[str, str] = {}
    for item in items:
        segment = text_attribute(item, SEGMENT)
        if not segment.removeprefix(MARK).partition(".")[0].isdecimal():
            raise UnreadableSegment(f"{item_name(item)} cannot be read: it is damaged")
        marks[segment] = text_attribute(item, REACHES)
    return marks


def classes_beyond(marks: IndexMarks, lowest: str) -> set[int]:
    """Return the classes of widths for which the index has batches that end at or after a number."""
    place = sortable(lowest)
    return {_digits(segment) for segment, highest in marks.items() if highest >= place}


def reaches(marks: IndexMarks, digits: int, highest: str) -> bool:
    """Return whether a mark of a class is as high as a place, so that all who ask for less look into the index."""
    return any(_digits(segment) == digits and place >= highest for segment, place in marks.items())


def raising(mark: Image) -> dict[str, object]:
    """Make the arguments of the UpdateItem that raises a mark, and fails where it is as high already."""
    changed = (LOWEST, REACHES, EXPIRES_AT)
    return {
        "Key": {STREAM: mark[STREAM], SEGMENT: mark[SEGMENT]},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
        "ConditionExpression": f"attribute_not_exists(#{REACHES}) OR #{REACHES} < :{REACHES}",
        "ExpressionAttributeNames": {f"#{name}": name for name in changed},
        "ExpressionAttributeValues": {f":{name}": mark[name] for name in changed},
    }


def text_attribute(item: Image, name: str) -> str:
    """Read an attribute that is text. Raises `UnreadableSegment`."""
    try:
        text = item[name]["S"]
    except (LookupError, TypeError):
        text = None
    if not isinstance(text, str):
        raise UnreadableSegment(f"{item_name(item)} cannot be read: it is damaged")
    return text


def _digits(segment: str) -> int:
    return int(segment.removeprefix(MARK).partition(".")[0])
