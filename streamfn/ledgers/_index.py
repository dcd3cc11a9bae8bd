"""The index of a ledger's table: how a batch is found by whoever asks for the records between two numbers.

An index is sorted by the batches' highest numbers. A batch that meets a stretch ends at its lowest number or behind
that, and not farther behind its highest number than the widest batch is wide. So the index has a partition for each
*group* of widths, and a reader asks each group for what ends in a window as wide as its own stretch and the group's
widest class together. The batches of other hours lie outside of it.

Other shards and lanes write between the same numbers. An index item therefore has *fingerprints*, a few bytes of the
CRC-32 of each record's identity: one byte that says how many there are of each, and all of them after it. Who shares
none with a batch has no record in it, and leaves its segments unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from streamfn._ledger import Stretch
from streamfn._wire import Image, magnitude
from streamfn.ledgers._segments import UnreadableSegment, name_of
from streamfn.ledgers._table import (
    EXPIRES_AT,
    RECORDS,
    SEGMENT,
    STREAM,
    digest_of,
    index_partition,
    place_of,
)

_SIZES: Final = (3, 4)
_FEW: Final = 32
"""Up to so many records have fingerprints of three bytes, and more have four. Two batches of 32 records share one by
chance in one case of 16,000, and two of a hundred in one of 430,000."""

_MOST: Final = 50_000
"""How many records have fingerprints: five times as many as Lambda puts into a batch, in half of what an item holds."""

_GROUP: Final = 3
"""How many classes of widths have one partition: each is one Query, and in it a narrow batch is read where a wide one
could be, so fewer requests are more units."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A batch that may have records of a stretch; its digest names its partition.

    `leads_until` is when its index item expires, in seconds since 1970, if that leads to all records of the stretch.
    Entries of the stretch may then be put into its partition: a part of a batch that comes again needs no index item of
    its own.

    A mark of the class of its `digits` has to reach the place of its `highest` number, or not everybody looks into the
    index who asks for one of its records.
    """

    digest: str
    leads_until: float | None
    digits: int
    highest: str


def class_of(stretch: Stretch) -> int:
    """Count the digits of a stretch's width: 0 for a single number, 3 for 100 to 999."""
    return magnitude(str(_width(stretch)))[0]


def group_of(digits: int) -> int:
    """Find the group of a class: the classes 0 to 3 are the first, 4 to 6 the second, and so on."""
    return max(1, -(-digits // _GROUP))


def batch_digest(stretch: Stretch) -> str:
    """Name a batch by its borders and records: a batch that comes again unchanged has one name."""
    return digest_of(place_of(stretch.lowest), place_of(stretch.highest), *stretch.records)


def index_item(stretch: Stretch, digest: str, expires_at: int) -> Image:
    """Make the item that leads to a batch. Two of one batch have one key, and the same content but for their expiry."""
    item: dict[str, dict[str, object]] = {
        STREAM: {"S": index_partition(stretch, group_of(class_of(stretch)))},
        SEGMENT: {"S": f"{place_of(stretch.highest)}.{_width(stretch)}.{digest}"},
        EXPIRES_AT: {"N": str(expires_at)},
    }
    if 0 < len(stretch.records) <= _MOST:
        size = _SIZES[len(stretch.records) > _FEW]
        item[RECORDS] = {"B": bytes([size]) + b"".join(_fingerprints(stretch.records, size))}
    return item


def window_of(stretch: Stretch, digits: int) -> tuple[str, str]:
    """Give the sort keys between which each batch lies that is no wider than a class and meets a stretch."""
    # A batch of so many digits is up to 10**digits - 1 wide, and begins at the stretch's highest number at the latest.
    end = int(stretch.highest) + 10**digits - 1
    return place_of(stretch.lowest), f"{place_of(str(end))}~"


class Question:
    """Asks of index items whether their batches may have records of a stretch."""

    def __init__(self, stretch: Stretch) -> None:
        """Take the stretch; one without records is met by all batches whose numbers meet its own."""
        self._stretch = stretch
        self._lowest, self._highest = int(stretch.lowest), int(stretch.highest)
        self._fingerprints: dict[int, frozenset[bytes]] = {}

    def ask(self, item: Image) -> Indexed | None:
        """Read an index item. None is a batch that has no record of the stretch. Fails with `UnreadableSegment`."""
        try:
            place, width, digest = _text(item).split(".")
            # The digits of a place come after three that tell their number; zero has none.
            highest = int(place[3:] or "0")
            lowest = highest - int(width)
            fingerprints = _checked(item[RECORDS]["B"]) if RECORDS in item else None
            if lowest > self._highest or not self._shares(fingerprints):
                return None
            covers = lowest <= self._lowest and self._highest <= highest and self._has_all(fingerprints)
            leads_until = float(_text(item, EXPIRES_AT, "N")) if covers else None
            return Indexed(digest, leads_until, magnitude(width)[0], place)
        except (LookupError, TypeError, ValueError):
            raise UnreadableSegment(f"{name_of(item)} cannot be read: it is damaged") from None

    def _shares(self, fingerprints: bytes | None) -> bool:
        """Whether a batch may have a record of the stretch: yes, where one of them does not tell its records."""
        if fingerprints is None or not self._stretch.records or fingerprints[0] not in _SIZES:
            return True
        return not self._own(fingerprints[0]).isdisjoint(_parts(fingerprints))

    def _has_all(self, fingerprints: bytes | None) -> bool:
        """Whether whoever asks for one of the stretch's records finds the batch."""
        if fingerprints is None:
            return True
        if not self._stretch.records or fingerprints[0] not in _SIZES:
            return False
        return self._own(fingerprints[0]).issubset(_parts(fingerprints))

    def _own(self, size: int) -> frozenset[bytes]:
        if size not in self._fingerprints:
            self._fingerprints[size] = frozenset(_fingerprints(self._stretch.records, size))
        return self._fingerprints[size]


def _width(stretch: Stretch) -> int:
    return int(stretch.highest) - int(stretch.lowest)


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
