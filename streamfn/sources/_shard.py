"""One shard while it is read: where its next page is, and the records that are read and not yet settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streamfn._entries import member
from streamfn._wire import as_moment, as_sequence_number
from streamfn.sources._backoff import Backoff
from streamfn.sources._client import Raw
from streamfn.sources._positions import After, Position, Since
from streamfn.sources._requests import Page, Requests

SHORTEST: Final = 0.1
LONGEST: Final = 30.0
"""The spans from which waits between tries are drawn, in seconds."""


@dataclass(slots=True, eq=False)
class Shard:
    """A shard that is read, and whose parent is drained.

    `place` is the sequence number after which to read, and None where that is the oldest record. `at_end` is set until
    the end of a shard has been found from which it is to be read. `due` is when to go on with it, and `next_read` when
    it may be read again, in seconds of a monotonic clock.
    """

    name: str
    position: Position | None
    place: str | None = None
    at_end: bool = False
    iterator: str | None = None
    is_ended: bool = False
    was_found: bool = False
    due: float = 0.0
    next_read: float = 0.0
    records: deque[Raw] = field(default_factory=deque[Raw])
    requests: Backoff = field(default_factory=lambda: Backoff(SHORTEST, LONGEST))
    deliveries: Backoff = field(default_factory=lambda: Backoff(SHORTEST, LONGEST))

    @property
    def start(self) -> str:
        """Say where the next page begins, as a notice does."""
        return "latest" if self.at_end else self.place or "horizon"

    def seek(self, requests: Requests) -> None:
        """Find the place to read on from. Fails as `Requests.iterator` does."""
        if self.at_end:
            self.iterator = requests.iterator(self.name, "LATEST", "")
            self.at_end = False
        elif self.place is None:
            self.iterator = requests.iterator(self.name, "TRIM_HORIZON", "")
        else:
            self.iterator = requests.iterator(self.name, None, self.place)

    def read(self, page: Page) -> None:
        """Take a page."""
        self.iterator = page.after
        self.is_ended = page.after is None
        if page.records:
            self.place = number_of(page.records[-1])
        self.records += [record for record in page.records if self._is_wanted(record)]

    def forget(self) -> None:
        """Begin with the oldest record that is still there."""
        self.iterator, self.place, self.at_end = None, None, False

    def settle(self, count: int) -> Position:
        """Drop the first records, one at least: they are settled. Give the position after them."""
        for _ in range(count - 1):
            self.records.popleft()
        self.position = After(number_of(self.records.popleft()))
        return self.position

    def _is_wanted(self, record: Raw) -> bool:
        if not isinstance(self.position, Since):
            return True
        written = as_moment(member(record.get("dynamodb"), "ApproximateCreationDateTime"))
        return written is None or written >= self.position.moment


def shard_at(name: str, position: Position | None) -> Shard:
    """Make a shard that is read on from a position."""
    return Shard(name, position, place=position.sequence_number if isinstance(position, After) else None)


def number_of(record: Mapping[str, object]) -> str:
    """Read the sequence number off a record. Fails with `ValueError` where a server sends none."""
    number = as_sequence_number(member(record.get("dynamodb"), "SequenceNumber"))
    if number is None:
        raise ValueError("GetRecords gave a record without a sequence number, by which a checkpoint would go")
    return number
