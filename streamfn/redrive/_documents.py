"""OnFailure documents, and reading their range of the shard again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Final, Literal, TypeAlias, cast

from typing_extensions import TypeVar, override

from streamfn._aws import GetRecordsOutput, OnFirstUse, StreamsClient, error_code, error_name, throttle_code
from streamfn._errors import read_json
from streamfn._payloads import NotAStreamEvent, about_a_batch, is_of_a_window, read
from streamfn._records import (
    Record,
    as_lambda_sends,
    as_sequence_number,
    as_text,
    is_map,
    magnitude,
    member,
    record_of,
)
from streamfn._time import SecondsLeft

# The documents about discarded batches: those of a function's OnFailure destination, and those of a pipe.
#
# Their shape is the one of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. A queue and a topic receive the range of the shard alone; a bucket gets the records too. An
# EventBridge pipe sends a similar document to its dead-letter queue, and names itself instead of the function.

_PIPE_ARN: Final = re.compile(r"arn:[^:]+:pipes:[^:]*:[^:]*:pipe/(?P<name>.+)")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(:[^:]+)?")


class NotADocument(ValueError):
    """A text with the shape of a document of Lambda, but without a required part; the message names the part."""


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A batch that Lambda or a pipe discarded.

    `function` is the function's name, or None if a `pipe` sent the document, which is its name then, and `owner_arn`
    is the ARN of either. `is_of_window` says that the mapping has a tumbling window. `size` is the number of records
    in the batch. They lie in the `shard` of the `stream`, in the range from `start` to `end`, with other records
    between them if the mapping has parallel lanes or a filter. `records` are the batch's, if the document carries
    them.
    """

    function: str | None
    stream: str
    shard: str
    start: str
    end: str
    size: int
    records: tuple[Record, ...] | None
    pipe: str | None = None
    is_of_window: bool = False
    owner_arn: str = ""

    @property
    def owner(self) -> str:
        """The owner: the name of the function, or of the pipe."""
        return self.function or f"the pipe {self.pipe}"

    @override
    def __repr__(self) -> str:
        return f"Document({self.owner!r}, {self.shard!r}, {self.start!r} to {self.end!r})"


def read_document(text: str, *, with_payload: bool = True) -> Document | None:
    """Parse a document of Lambda or of a pipe; None for text of another shape. Raises `NotADocument`.

    Without its payload, the records in the document are left out.
    """
    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        return None
    if not is_map(told) or (batch := about_a_batch(told)) is None:
        return None
    function = _FUNCTION_ARN.fullmatch(as_text(member(told.get("requestContext"), "functionArn")) or "")
    pipe = _PIPE_ARN.fullmatch(as_text(member(told.get("context"), "partnerResourceArn")) or "")
    stream, shard = as_text(batch.get("streamArn")), as_text(batch.get("shardId"))
    start, end = (as_sequence_number(batch.get(f"{end}SequenceNumber")) for end in ("start", "end"))
    size = batch.get("batchSize")
    owner = function or pipe
    if owner is None or stream is None or shard is None or start is None or end is None:
        raise NotADocument("the document does not name its function, its stream, or the range of its shard")
    if not isinstance(size, int):
        raise NotADocument("the document does not say how many records there were")
    if not with_payload:
        told = {name: value for name, value in told.items() if name != "payload"}
    records = _records(told)
    if records is not None and any(_is_elsewhere(record, stream, start, end) for record in records):
        raise NotADocument("the document carries records that are not of its range of its stream")
    return Document(
        None if function is None else function["name"],
        stream,
        shard,
        start,
        end,
        size,
        records,
        None if pipe is None else pipe["name"],
        is_of_a_window(told),
        owner[0],
    )


def _is_elsewhere(record: Record, stream: str, start: str, end: str) -> bool:
    """Return whether a record names another stream, or another place in it, than the document."""
    number = record.sequence_number
    return record.event_source_arn not in {None, stream} or (
        number is not None and not magnitude(start) <= magnitude(number) <= magnitude(end)
    )


def _records(told: Mapping[str, object]) -> tuple[Record, ...] | None:
    if "payload" not in told:
        if "KinesisBatchInfo" in told:
            is_of_lambda = "requestContext" in told
            where = (
                "a bucket keeps them with it"
                if is_of_lambda
                else "they have to be read from the stream again"
            )
            raise NotADocument(f"the document of a Kinesis stream carries no records: {where}")
        return None
    try:
        return tuple(read(told))
    except NotAStreamEvent as problem:
        raise NotADocument(f"the document's payload: {problem}") from None


# Reading a stream again: the range of a document, and the record of a truncated letter.

T = TypeVar("T")

Wait: TypeAlias = Callable[[float], None]
"""Waits this many seconds: `time.sleep`, except in tests."""

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""The waits before further tries, in seconds, when DynamoDB throttles a request."""

IDLE: Final = 100
"""The number of empty answers in a row after which the shard counts as unreadable."""

IDLE_AT_ONCE: Final = 10
"""The same limit for a search of one record: a shard with the record returns it at once, or after an empty page."""

_GONE: Final = frozenset({"ResourceNotFoundException", "TrimmedDataAccessException"})
"""The error codes for a shard, or for records in it, that the stream no longer has after 24 hours."""


_NOT_HERE: Final = _GONE | {"ValidationException"}
"""The code for a number that the shard does not have, or no longer has, while another shard may."""

_Kind: TypeAlias = Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]


class Forgotten(Exception):
    """Raised if the stream no longer has the records; names the answer."""


class Unreachable(Exception):
    """Raised if the stream cannot be read; names the answer."""


@dataclass(frozen=True, slots=True)
class Shards:
    """Reads shards, and waits between requests."""

    client: OnFirstUse[StreamsClient]
    seconds_left: SecondsLeft
    wait: Wait = sleep

    def read(self, document: Document) -> list[Record]:
        """Return all records of a document's range, as Lambda would send them; the batch's are among them.

        Raises `Forgotten` and `Unreachable`.
        """
        try:
            return self._range(document)
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 (the document stays)
            if error_code(error) in _GONE:
                raise Forgotten(error_name(error)) from None
            raise Unreachable(error_name(error)) from None

    def find(self, stream: str, number: str) -> Record:
        """Return the record of a sequence number, as Lambda would send it, from the shard that has it.

        Raises `Forgotten` and `Unreachable`.
        """
        try:
            return self._found(stream, number)
        except (Forgotten, Unreachable):
            raise
        except Exception as error:  # noqa: BLE001 (the letter stays)
            if error_code(error) in _GONE:
                raise Forgotten(error_name(error)) from None
            raise Unreachable(error_name(error)) from None

    def _found(self, stream: str, number: str) -> Record:
        """Search each shard whose range contains the number: one for each partition of the table."""
        undecided = False
        for shard in list(self._shards_around(stream, magnitude(number))):
            try:
                record = self._at(stream, shard, number)
            except Unreachable:
                undecided = True
            except Exception as error:
                if error_code(error) not in _NOT_HERE:
                    raise
            else:
                if record is not None:
                    return record
        if undecided:
            raise Unreachable("a shard that may have the record is open, and gives nothing")
        raise Forgotten("no shard of the stream has the record")

    def _shards_around(self, stream: str, place: tuple[int, str]) -> Iterator[str]:
        """Name the shards whose range holds a number; one that is open has no end yet."""
        last: str | None = None
        while True:
            description = self._description(stream, last)
            shards = description.get("Shards")
            for shard in cast("list[object]", shards) if isinstance(shards, list) else ():
                name, numbers = as_text(member(shard, "ShardId")), member(shard, "SequenceNumberRange")
                start = as_text(member(numbers, "StartingSequenceNumber"))
                end = as_text(member(numbers, "EndingSequenceNumber"))
                begins_behind = start is not None and magnitude(start) > place
                ends_before = end is not None and magnitude(end) < place
                if name is not None and not begins_behind and not ends_before:
                    yield name
            if not (last := as_text(description.get("LastEvaluatedShardId"))):
                return

    def _description(self, stream: str, last: str | None) -> Mapping[str, object]:
        client = self.client()
        if last is None:
            answer = self._ask(lambda: client.describe_stream(StreamArn=stream))
        else:
            answer = self._ask(lambda: client.describe_stream(StreamArn=stream, ExclusiveStartShardId=last))
        return answer["StreamDescription"]

    def _at(self, stream: str, shard: str, number: str) -> Record | None:
        """Return the record of a number; None if the shard has none, so that another record or the end comes first."""
        position: str | None = self._position(stream, shard, "AT_SEQUENCE_NUMBER", number)
        for _ in range(IDLE_AT_ONCE):
            if position is None:
                return None
            if (page := self._page(position)) is None:  # the wait takes longer than all these pages
                break
            if page["Records"]:
                record = record_of(as_lambda_sends(page["Records"][0], stream), 0)
                return record if magnitude(record.sequence_number or "") == magnitude(number) else None
            position = page.get("NextShardIterator")
        raise Unreachable("the shard is open, and does not come to the record")

    def _range(self, document: Document) -> list[Record]:
        """Read page by page until the end of the range, or of the shard, which has no next iterator then."""
        found: list[Record] = []
        position: str | None = self._iterator(document, found)
        end, idle = magnitude(document.end), 0
        while position is not None and idle < IDLE:
            idle += 1
            if (page := self._page(position)) is None:
                position = self._iterator(document, found)
                continue
            for raw in page["Records"]:
                idle = 0
                record = record_of(as_lambda_sends(raw, document.stream), len(found))
                place = magnitude(record.sequence_number or "")
                if place <= end:
                    found.append(record)
                if place >= end:
                    return found
            position = page.get("NextShardIterator")
        if position is not None:
            raise Unreachable("the shard is open, and does not come to the end of the range")
        return found

    def _iterator(self, document: Document, found: list[Record]) -> str:
        """Return an iterator at the start of the range, or after the last record that was read."""
        last = found[-1].sequence_number if found else None
        kind: _Kind = "AT_SEQUENCE_NUMBER" if last is None else "AFTER_SEQUENCE_NUMBER"
        return self._position(document.stream, document.shard, kind, last or document.start)

    def _position(self, stream: str, shard: str, kind: _Kind, number: str) -> str:
        answer = self._ask(
            lambda: self.client().get_shard_iterator(
                StreamArn=stream, ShardId=shard, ShardIteratorType=kind, SequenceNumber=number
            )
        )
        return answer["ShardIterator"]

    def _page(self, position: str) -> GetRecordsOutput | None:
        """Read a page; None where its iterator is too old, which it is after 15 minutes."""
        try:
            return self._ask(lambda: self.client().get_records(ShardIterator=position))
        except Exception as error:
            if error_code(error) == "ExpiredIteratorException":
                return None
            raise

    def _ask(self, request: Callable[[], T]) -> T:
        for pause in PAUSES:
            try:
                return request()
            except Exception as error:
                if throttle_code(error) is None or self.seconds_left() <= pause:
                    raise
            self.wait(pause)
        return request()
