"""Requests to a stream, with what it says to them sorted by what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from typing_extensions import TypeVar

from streamfn._clients import OnFirstUse, error_code, named
from streamfn._entries import member
from streamfn._wire import as_text
from streamfn.sources._client import GetRecordsOutput, Raw, StreamsClient, turned_away

T = TypeVar("T")


class NotAnswered(Exception):
    """Raised where a request is to be made again later; says what was answered instead."""


class IteratorExpired(Exception):
    """Raised where an iterator is too old, which it is after 15 minutes."""


class RecordsDropped(Exception):
    """Raised where the stream no longer has the records that were asked for, as after 24 hours."""


class NotThere(Exception):
    """Raised where the stream no longer has the shard that was asked for, or is itself no longer there."""


class NoStream(LookupError):
    """There is no such stream, or no stream of such a table; the message says what to do."""


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
    """Asks a stream. All methods fail with `NotAnswered`, and with what else the client raises."""

    client: OnFirstUse[StreamsClient]
    stream: str
    _was_reached: bool = False

    def shards(self) -> Listing:
        """List all shards. Fails with `NoStream`."""
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
        """Find a place in a shard, by default that after a record. Fails with `RecordsDropped` and `NotThere`."""
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
        """Read a page. Fails with `IteratorExpired`, `RecordsDropped` and `NotThere`."""
        client = self.client()
        answer: GetRecordsOutput = self._ask(lambda: client.get_records(ShardIterator=iterator))
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
        """Make a request, and sort what is raised.

        A connection that is lost will be found again. One that was never there is a mistake in the settings.
        """
        try:
            answer = request()
        except Exception as error:
            if (sort := _SORTS.get(error_code(error))) is not None:
                raise sort(named(error)) from None
            reason = turned_away(error)
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
