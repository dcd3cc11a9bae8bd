"""Shards: requests to a stream, the lineage of shards, and reading one shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from typing_extensions import TypeVar

from streamfn._aws import Backoff, LazyClient, Raw, StreamsClient, error_name, retry_reason
from streamfn._errors import error_code
from streamfn._records import get_member, sequence_number_or_none, text_or_none, to_datetime
from streamfn.sources._checkpoints import After, Drained, Position, Since

# Requests to a stream, with errors sorted by their consequences.

T = TypeVar("T")

IteratorType: TypeAlias = Literal["TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]
"""Where in a shard an iterator begins; the latter two go by a sequence number."""


class RetryLater(Exception):
    """Raised if a request may succeed later; the message has DynamoDB's reason."""


class IteratorExpired(Exception):
    """Raised if an iterator has expired, which happens after 15 minutes."""


class RecordsDropped(Exception):
    """Raised if the stream no longer has the requested records, as after 24 hours."""


class ShardGone(Exception):
    """Raised if the stream no longer has the requested shard, or no longer exists."""


class NoStream(LookupError):
    """There is no such stream, or no stream of such a table; the message gives advice."""


_SORTS: Final[dict[str | None, type[Exception]]] = {
    "ExpiredIteratorException": IteratorExpired,
    "ResourceNotFoundException": ShardGone,
    "TrimmedDataAccessException": RecordsDropped,
}


class ShardInfo(NamedTuple):
    """A shard as the stream lists it. A closed shard gets no more records; `parent` may no longer be listed.

    `first` and `last` are the first and last sequence number of the shard, or None if the stream does not name them.
    """

    parent: str | None
    is_closed: bool
    first: str | None = None
    last: str | None = None


class ShardList(NamedTuple):
    """The stream's shards by their ids, and whether the stream is disabled: then it gets no more shards."""

    shards: dict[str, ShardInfo]
    is_off: bool


class RecordsPage(NamedTuple):
    """Records, and the next iterator; None at the end of the shard."""

    records: list[Raw]
    after: str | None


class StreamRequests:
    """The requests to a stream. All methods raise `RetryLater`, and the other exceptions of the client."""

    def __init__(self, client: LazyClient[StreamsClient], stream: str, *, reconnects: bool = True) -> None:
        """Store the client, the ARN of the stream, and whether a lost connection raises `RetryLater`."""
        self.client = client
        self.stream = stream
        self._reconnects = reconnects
        self._was_reached = False

    def shards(self) -> ShardList:
        """List all shards. Raises `NoStream`."""
        shards: dict[str, ShardInfo] = {}
        last: str | None = None
        while True:
            description = self._description(last)
            told = description.get("Shards")
            shards |= map(_listed, cast("list[object]", told)) if isinstance(told, list) else ()
            last = text_or_none(description.get("LastEvaluatedShardId"))
            if not last:
                return ShardList(shards, description.get("StreamStatus") == "DISABLED")

    def iterator(self, shard: str, kind: IteratorType, number: str | None = None) -> str:
        """Return an iterator of a shard. Raises `RecordsDropped` and `ShardGone`."""
        client = self.client()
        place = {} if number is None else {"SequenceNumber": number}
        answer = self._ask(
            lambda: client.get_shard_iterator(
                StreamArn=self.stream, ShardId=shard, ShardIteratorType=kind, **place
            )
        )
        return answer["ShardIterator"]

    def page(self, iterator: str) -> RecordsPage:
        """Return a page of records. Raises `IteratorExpired`, `RecordsDropped` and `ShardGone`."""
        client = self.client()
        answer = self._ask(lambda: client.get_records(ShardIterator=iterator))
        return RecordsPage(list(answer["Records"]), answer.get("NextShardIterator"))

    def _description(self, last: str | None) -> Mapping[str, object]:
        client = self.client()
        answer = self._ask(
            lambda: (
                client.describe_stream(StreamArn=self.stream)
                if last is None
                else client.describe_stream(StreamArn=self.stream, ExclusiveStartShardId=last)
            )
        )
        return answer["StreamDescription"]

    def _ask(self, request: Callable[[], T]) -> T:
        """Make a request, and replace its exceptions by the classes above.

        A lost connection comes back. A connection that has never worked is a mistake in the settings.
        """
        try:
            answer = request()
        except Exception as error:
            if (sort := _SORTS.get(error_code(error))) is not None:
                raise sort(error_name(error)) from None
            if (reason := retry_reason(error, reconnects=self._reconnects and self._was_reached)) is None:
                raise
            raise RetryLater(reason) from None
        self._was_reached = True
        return answer


def _listed(told: object) -> tuple[str, ShardInfo]:
    """Return a shard's id and description; see `Shard` in the DynamoDB Streams API Reference."""
    numbers = get_member(told, "SequenceNumberRange")
    first, closed_by = (get_member(numbers, f"{end}SequenceNumber") for end in ("Starting", "Ending"))
    parent = text_or_none(get_member(told, "ParentShardId")) or None
    listed = ShardInfo(parent, closed_by is not None, text_or_none(first), text_or_none(closed_by))
    return text_or_none(get_member(told, "ShardId")) or "", listed


# Lineage: the order in which shards may be read, so that the changes of an item come in their order.
#
# DynamoDB closes a shard after some hours, or when its partition is split, and goes on in shards that name the closed
# one as their parent ("Working with DynamoDB Streams", Developer Guide). An item's records lie in one line of descent.

SKEW: Final = timedelta(minutes=5)
"""The largest difference of clocks; see `Since`."""


def readable(
    listing: ShardList, positions: Mapping[str, Position], reading: Collection[str]
) -> Iterator[str]:
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


def childless(listing: ShardList, name: str) -> bool:
    """Return whether no listed shard continues this one."""
    return all(shard.parent != name for shard in listing.shards.values())


def at_the_end(listing: ShardList, now: datetime) -> dict[str, Position]:
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

MIN_WAIT: Final = 0.1
MAX_WAIT: Final = 30.0
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
    requests: Backoff = field(default_factory=lambda: Backoff(MIN_WAIT, MAX_WAIT))
    deliveries: Backoff = field(default_factory=lambda: Backoff(MIN_WAIT, MAX_WAIT))

    @property
    def start(self) -> str:
        """The start of the next page, as notices name it."""
        return "latest" if self.at_end else self.place or "trim_horizon"

    def seek(self, requests: StreamRequests) -> None:
        """Set the iterator to the place of the next read. Raises the exceptions of `StreamRequests.iterator`."""
        if self.at_end:
            self.iterator = requests.iterator(self.name, "LATEST")
            self.at_end = False
        elif self.place is None:
            self.iterator = requests.iterator(self.name, "TRIM_HORIZON")
        else:
            self.iterator = requests.iterator(self.name, "AFTER_SEQUENCE_NUMBER", self.place)

    def read(self, page: RecordsPage) -> None:
        """Add the records of a page."""
        self.iterator = page.after
        self.is_ended = page.after is None
        if page.records:
            self.place = number_of(page.records[-1])
        self.records += [record for record in page.records if self._is_wanted(record)]

    def forget(self) -> None:
        """Start again with the oldest record that the stream has."""
        self.iterator, self.place, self.at_end = None, None, False

    def settle(self, count: int) -> Position:
        """Drop the first `count` records (1 or more), which are settled, and return the position after them."""
        for _ in range(count - 1):
            self.records.popleft()
        self.position = After(number_of(self.records.popleft()))
        return self.position

    def _is_wanted(self, record: Raw) -> bool:
        if not isinstance(self.position, Since):
            return True
        written = to_datetime(get_member(record.get("dynamodb"), "ApproximateCreationDateTime"))
        return written is None or written >= self.position.moment


def shard_at(name: str, position: Position | None) -> Shard:
    """Make a shard that is read from a position on."""
    return Shard(name, position, place=position.sequence_number if isinstance(position, After) else None)


def number_of(record: Mapping[str, object]) -> str:
    """Return the sequence number of a record. Raises `ValueError` if it has none."""
    number = sequence_number_or_none(get_member(record.get("dynamodb"), "SequenceNumber"))
    if number is None:
        raise ValueError("GetRecords gave a record without a sequence number, by which a checkpoint would go")
    return number
