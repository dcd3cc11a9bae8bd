"""The directory of a ledger's table: how far its index goes, so that whoever is beyond it reads nothing else.

A *mark* has the highest number that the index has of one class of widths, of what was written on one day. A mark is
raised before or while a batch enters the index, and is never lowered. A mark expires after all that was written on its
day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, TypeAlias

from streamfn._ledger import Stretch
from streamfn._wire import Image
from streamfn.ledgers._index import class_of
from streamfn.ledgers._segments import UnreadableSegment, name_of
from streamfn.ledgers._table import (
    EXPIRES_AT,
    LIFETIME,
    LOWEST,
    MARK,
    REACHES,
    SEGMENT,
    STREAM,
    partition_of,
    place_of,
)

Marks: TypeAlias = Mapping[str, str]
"""By the sort key of a mark, the place of the highest number."""

_DAY: Final = 24 * 60 * 60
_LATELY: Final = 60
_HEADROOM: Final = 16
_MOST: Final = 64
"""How many streams a process keeps the marks of; few follow more than one."""


class Directory:
    """The marks as this process knows them, so that it raises none that is high enough."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: dict[str, dict[str, str]] = {}
        self._raised: dict[tuple[str, int], float] = {}
        self._lock = Lock()

    def saw(self, partition: str, marks: Marks) -> None:
        """Take note of all marks that a read has found. They take the place of what was known: a table may be new."""
        with self._lock:
            self._known.pop(partition, None)
            self._known[partition] = dict(marks)
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]

    def missing(self, stretch: Stretch, now: float) -> Image | None:
        """Give the mark that has to be there before a batch can be found, or nothing if one is high enough.

        Whoever had to raise a mark a minute ago leaves room for some batches more: it writes for each batch, and is
        not to raise a mark for each. Others leave none, because whoever is below a mark has to look into the index.
        """
        digits, day = class_of(stretch), int(now // _DAY)
        partition, segment = partition_of(stretch), f"{MARK}{digits:03}.{day}"
        with self._lock:
            if self._known.get(partition, {}).get(segment, "") >= place_of(stretch.highest):
                return None
            lately = now - self._raised.get((partition, digits), float("-inf")) < _LATELY
        highest = int(stretch.highest)
        if lately:
            highest += _HEADROOM * (highest - int(stretch.lowest) + 1)
        return {
            STREAM: {"S": partition},
            SEGMENT: {"S": segment},
            LOWEST: {"S": MARK},
            REACHES: {"S": place_of(str(highest))},
            EXPIRES_AT: {"N": str((day + 2) * _DAY + int(LIFETIME.total_seconds()))},
        }

    def raised(self, mark: Image, now: float) -> None:
        """Take note that a mark is as high as this one."""
        partition, segment, highest = (text_of(mark, name) for name in (STREAM, SEGMENT, REACHES))
        with self._lock:
            known = self._known.setdefault(partition, {})
            known[segment] = max(known.get(segment, ""), highest)
            if len(self._raised) >= _MOST:
                del self._raised[next(iter(self._raised))]
            self._raised[partition, _digits(segment)] = now


def is_mark(item: Image) -> bool:
    """Whether an item of a stream's partition is a mark, and not a segment that an earlier version wrote."""
    return text_of(item, SEGMENT).startswith(MARK)


def marks_of(items: Iterable[Image]) -> dict[str, str]:
    """Read marks. Fails with `UnreadableSegment`."""
    marks: dict[str, str] = {}
    for item in items:
        segment = text_of(item, SEGMENT)
        if not segment.removeprefix(MARK).partition(".")[0].isdecimal():
            raise UnreadableSegment(f"{name_of(item)} cannot be read: it is damaged")
        marks[segment] = text_of(item, REACHES)
    return marks


def classes_beyond(marks: Marks, lowest: str) -> set[int]:
    """Find the classes of widths of which the index has batches that end at a number or behind it."""
    place = place_of(lowest)
    return {_digits(segment) for segment, highest in marks.items() if highest >= place}


def reaches(marks: Marks, digits: int, highest: str) -> bool:
    """Whether a mark of a class is as high as a place, so that all who ask for less look into the index."""
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


def text_of(item: Image, name: str) -> str:
    """Read an attribute that is text. Fails with `UnreadableSegment`."""
    try:
        text = item[name]["S"]
    except (LookupError, TypeError):
        text = None
    if not isinstance(text, str):
        raise UnreadableSegment(f"{name_of(item)} cannot be read: it is damaged")
    return text


def _digits(segment: str) -> int:
    return int(segment.removeprefix(MARK).partition(".")[0])
