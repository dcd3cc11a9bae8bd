"""Shards: requests to a stream, the lineage of shards, and reading one shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, cast

from typing_extensions import TypeVar

from streamfn._aws import (
    Backoff,
    OnFirstUse,
    Raw,
    ReadGetRecordsOutput,
    ReadStreamsClient,
    error_code,
    error_name,
    retry_reason,
)
from streamfn._records import as_moment, as_sequence_number, as_text, member
from streamfn.sources._checkpoints import After, Drained, Position, Since

# Requests to a stream, with errors sorted by their consequences.

T = TypeVar("T")


class NotAnswered(Exception):
    """Raised if a request is to be made again later; names the answer."""


class IteratorExpired(Exception):
    """Raised if an iterator has expired, which happens after 15 minutes."""


class RecordsDropped(Exception):
    """Raised if the stream no longer has the requested records, as after 24 hours."""


class NotThere(Exception):
    """Raised if the stream no longer has the requested shard, or no longer exists."""


class NoStream(LookupError):
    """There is no such stream, or no stream of such a table; the message gives advice."""


_SORTS: Final[dict[str | None, type[Exception]]] = {
    "ExpiredIteratorException": IteratorExpired,
    "ResourceNotFoundException": NotThere,
    "TrimmedDataAccessException": RecordsDropped,
}


class Listed(NamedTuple):
    """A shard as the stream lists it. A closed one gets no more records; `parent` may no longer be listed."""

    parent: str | None
    is_closed: bool


class Listing(NamedTuple):
    """The stream's shards, by their ids, and whether it has been switched off, so that no more will come."""

    shards: dict[str, Listed]
    is_off: bool


class Page(NamedTuple):
    """Records, and where the next ones are; None where the shard has come to its end."""

    records: list[Raw]
    after: str | None


@dataclass(slots=True)
class Requests:
    """The requests to a stream. All methods raise `NotAnswered`, and the other exceptions of the client."""

    client: OnFirstUse[ReadStreamsClient]
    stream: str
    _was_reached: bool = False

    def shards(self) -> Listing:
        """List all shards. Raises `NoStream`."""
        shards: dict[str, Listed] = {}
        last: str | None = None
        while True:
            description = self._description(last)
            told = description.get("Shards")
            shards |= map(_listed, cast("list[object]", told)) if isinstance(told, list) else ()
            last = as_text(description.get("LastEvaluatedShardId"))
            if not last:
                return Listing(shards, description.get("StreamStatus") == "DISABLED")

    def iterator(self, shard: str, start: Literal["TRIM_HORIZON", "LATEST"] | None, number: str) -> str:
        """Find a place in a shard, by default that after a record. Raises `RecordsDropped` and `NotThere`."""
        client = self.client()
        if start is None:
            answer = self._ask(
                lambda: client.get_shard_iterator(
                    StreamArn=self.stream,
                    ShardId=shard,
                    ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                    SequenceNumber=number,
                )
            )
        else:
            answer = self._ask(
                lambda: client.get_shard_iterator(
                    StreamArn=self.stream, ShardId=shard, ShardIteratorType=start
                )
            )
        return answer["ShardIterator"]

    def page(self, iterator: str) -> Page:
        """Read a page. Raises `IteratorExpired`, `RecordsDropped` and `NotThere`."""
        client = self.client()
        answer: ReadGetRecordsOutput = self._ask(lambda: client.get_records(ShardIterator=iterator))
        return Page(list(answer["Records"]), answer.get("NextShardIterator"))

    def _description(self, last: str | None) -> Mapping[str, object]:
        client = self.client()
        try:
            answer = self._ask(
                lambda: (
                    client.describe_stream(StreamArn=self.stream)
                    if last is None
                    else client.describe_stream(StreamArn=self.stream, ExclusiveStartShardId=last)
                )
            )
        except NotThere:
            raise NoStream(
                f"there is no stream {self.stream}, or no longer: name the table instead, or its LatestStreamArn"
            ) from None
        return answer["StreamDescription"]

    def _ask(self, request: Callable[[], T]) -> T:
        """Make a request, and sort its exceptions.

        A lost connection will come back. A connection that was never there is a mistake in the settings.
        """
        try:
            answer = request()
        except Exception as error:
            if (sort := _SORTS.get(error_code(error))) is not None:
                raise sort(error_name(error)) from None
            reason = retry_reason(error)
            if reason is None or not (self._was_reached or error_code(error)):
                raise
            raise NotAnswered(reason) from None
        self._was_reached = True
        return answer


def _listed(told: object) -> tuple[str, Listed]:
    """Read a shard's part of a page; see `Shard` in the DynamoDB Streams API Reference."""
    closed_by = member(member(told, "SequenceNumberRange"), "EndingSequenceNumber")
    parent = as_text(member(told, "ParentShardId")) or None
    return as_text(member(told, "ShardId")) or "", Listed(parent, closed_by is not None)


# Lineage: the order in which shards may be read, so that the changes of an item come in their order.
#
# DynamoDB closes a shard after some hours, or when its partition is split, and goes on in shards that name the closed
# one as their parent ("Working with DynamoDB Streams", Developer Guide). An item's records lie in one line of descent.

SKEW: Final = timedelta(minutes=5)
"""The allowed difference of clocks; see `Since`."""


def readable(listing: Listing, positions: Mapping[str, Position], reading: Collection[str]) -> Iterator[str]:
    """Yield the shards without a position that may be read now: their parent is drained, or gone.

    A parent that is still being read, for example because its last records have not been settled, is not gone,
    although the stream may no longer list it.
    """
    for name, shard in listing.shards.items():
        if name in positions or name in reading:
            continue
        parent = shard.parent
        is_open = parent is not None and (parent in listing.shards or parent in reading)
        if parent is None or not is_open or isinstance(positions.get(parent), Drained):
            yield name


def childless(listing: Listing, name: str) -> bool:
    """Return whether no listed shard continues this one."""
    return all(shard.parent != name for shard in listing.shards.values())


def at_the_end(listing: Listing, now: datetime) -> dict[str, Position]:
    """Return the positions of a reader that starts at the end of a stream.

    Shards that are closed, or have children, are finished. The others are read from their end on; later shards are
    children of these, and are read from their beginning, or the records between would be lost.
    """
    parents = {shard.parent for shard in listing.shards.values()}
    return {
        name: Drained() if shard.is_closed or name in parents else Since(now - SKEW)
        for name, shard in listing.shards.items()
    }


# One shard while it is read: the position of its next page, and the records that are read and not yet settled.

SHORTEST: Final = 0.1
LONGEST: Final = 30.0
"""The spans from which waits between tries are drawn, in seconds."""


@dataclass(slots=True, eq=False)
class Shard:
    """A shard that is read, and whose parent is drained.

    `place` is the sequence number after which to read, and None for the oldest record. `at_end` is set until the end
    of the shard, where reading starts, has been found. `due` is the time of its next turn, and `next_read` the
    earliest time of its next read, in seconds of a monotonic clock.
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
        """Return where the next page begins, as a notice does."""
        return "latest" if self.at_end else self.place or "horizon"

    def seek(self, requests: Requests) -> None:
        """Set the iterator to the place to read on from. Raises as `Requests.iterator` does."""
        if self.at_end:
            self.iterator = requests.iterator(self.name, "LATEST", "")
            self.at_end = False
        elif self.place is None:
            self.iterator = requests.iterator(self.name, "TRIM_HORIZON", "")
        else:
            self.iterator = requests.iterator(self.name, None, self.place)

    def read(self, page: Page) -> None:
        """Add the records of a page."""
        self.iterator = page.after
        self.is_ended = page.after is None
        if page.records:
            self.place = number_of(page.records[-1])
        self.records += [record for record in page.records if self._is_wanted(record)]

    def forget(self) -> None:
        """Start again with the oldest record that is still there."""
        self.iterator, self.place, self.at_end = None, None, False

    def settle(self, count: int) -> Position:
        """Drop the first records, one at least: they are settled. Return the position after them."""
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
    """Read the sequence number off a record. Raises `ValueError` where a server sends none."""
    number = as_sequence_number(member(record.get("dynamodb"), "SequenceNumber"))
    if number is None:
        raise ValueError("GetRecords gave a record without a sequence number, by which a checkpoint would go")
    return number
