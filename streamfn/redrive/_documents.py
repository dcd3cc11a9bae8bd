"""OnFailure documents, and reading their range of the shard again."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from typing import Final

from typing_extensions import TypeVar, override

from streamfn._aws import LazyClient, Sleep, StreamsClient, error_name
from streamfn._errors import error_code, read_json_object
from streamfn._payloads import NotAStreamEvent, about_a_batch, is_of_a_window, read
from streamfn._records import (
    Record,
    as_lambda_sends,
    get_member,
    parse_record,
    sequence_number_or_none,
    sequence_order,
    text_or_none,
)
from streamfn._time import SecondsLeft
from streamfn.sources._shards import (
    IteratorExpired,
    IteratorType,
    RecordsDropped,
    RetryLater,
    ShardGone,
    ShardList,
    StreamRequests,
)

# OnFailure documents: the messages of Lambda, or of a pipe, about a discarded batch.
#
# Their shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. A queue or a topic gets the range of the shard only; a bucket also gets the records. A pipe of
# EventBridge sends a similar document to its dead-letter queue, with the pipe's name in place of the function's.

_PIPE_ARN: Final = re.compile(r"arn:[^:]+:pipes:[^:]*:[^:]*:pipe/(?P<name>.+)")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(:[^:]+)?")


class NotADocument(ValueError):
    """A text with the shape of an OnFailure document that a redrive cannot use; the message has the reason."""


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A batch that Lambda or a pipe discarded.

    `function` is the function's name, or None if a pipe sent the document: `pipe` is the pipe's name then. `owner_arn`
    is the ARN of either. `is_of_window` says whether the mapping has a tumbling window. The batch had `size` records.
    They lie in the `shard` of the `stream`, in the range from `start` to `end`, among other records if the mapping has
    parallel lanes or a filter. `records` are the batch's records if the document has them.
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
        """The name of the function or the pipe."""
        return self.function or f"the pipe {self.pipe}"

    @override
    def __repr__(self) -> str:
        return f"Document({self.owner!r}, {self.shard!r}, {self.start!r} to {self.end!r})"


def read_document(text: str, *, with_payload: bool = True) -> Document | None:
    """Return a document of Lambda or a pipe; None for a text of another shape. Raises `NotADocument`.

    Unless `with_payload` is set, the document's records are left out.
    """
    told = read_json_object(text)
    if told is None or (batch := about_a_batch(told)) is None:
        return None
    function = _FUNCTION_ARN.fullmatch(
        text_or_none(get_member(told.get("requestContext"), "functionArn")) or ""
    )
    pipe = _PIPE_ARN.fullmatch(text_or_none(get_member(told.get("context"), "partnerResourceArn")) or "")
    stream, shard = text_or_none(batch.get("streamArn")), text_or_none(batch.get("shardId"))
    start, end = (sequence_number_or_none(batch.get(f"{end}SequenceNumber")) for end in ("start", "end"))
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
    """Return whether a record is of another stream than its document, or outside of the document's range."""
    number = record.sequence_number
    return record.event_source_arn not in {None, stream} or (
        number is not None and not sequence_order(start) <= sequence_order(number) <= sequence_order(end)
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

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""The waits before each further try of a throttled request, in seconds."""

IDLE: Final = 100
"""The number of empty pages in a row after which a shard counts as unreachable."""

IDLE_AT_ONCE: Final = 10
"""The number of pages in the search for one record: a shard that has it returns it in the first pages."""

_ELSEWHERE: Final = "ValidationException"
"""The code for a sequence number that is not in the shard; another shard may have it."""


class RecordsExpired(Exception):
    """Raised if the stream no longer has the records; the message has the cause."""


class StreamUnreachable(Exception):
    """Raised if the stream cannot be read; the message has the cause."""


class PatientRequests(StreamRequests):
    """Requests to a stream, which are repeated after ever longer waits if DynamoDB throttles them."""

    def __init__(
        self, client: LazyClient[StreamsClient], stream: str, seconds_left: SecondsLeft, wait: Sleep
    ) -> None:
        """Store the client, the ARN of the stream, the time that is left, and the function that waits."""
        super().__init__(client, stream, reconnects=False)
        self._seconds_left = seconds_left
        self._wait = wait

    @override
    def _ask(self, request: Callable[[], T]) -> T:
        """Repeat a request until it has an answer. Raises `RetryLater` after the last try, or if no time is left."""
        for pause in PAUSES:
            try:
                return super()._ask(request)
            except RetryLater:
                if self._seconds_left() <= pause:
                    raise
            self._wait(pause)
        return super()._ask(request)


@dataclass(frozen=True, slots=True)
class Shards:
    """Reads records from shards, with waits for throttled requests."""

    client: LazyClient[StreamsClient]
    seconds_left: SecondsLeft
    wait: Sleep = sleep

    def read(self, document: Document) -> list[Record]:
        """Return all records of a document's range, in the form that Lambda sends; the batch's records are among them.

        Raises `RecordsExpired` and `StreamUnreachable`.
        """
        with _sorted():
            return _range(document, self._requests(document.stream))

    def find(self, stream: str, number: str) -> Record:
        """Return the record of a sequence number, in the form that Lambda sends, from any shard of the stream.

        Raises `RecordsExpired` and `StreamUnreachable`.
        """
        with _sorted():
            return _found(number, self._requests(stream))

    def _requests(self, stream: str) -> StreamRequests:
        return PatientRequests(self.client, stream, self.seconds_left, self.wait)


@contextmanager
def _sorted() -> Generator[None]:
    """Replace every exception with `RecordsExpired` or `StreamUnreachable`.

    The letter or the document stays in its source.
    """
    try:
        yield
    except (RecordsExpired, StreamUnreachable):
        raise
    except (ShardGone, RecordsDropped) as error:
        raise RecordsExpired(str(error)) from None
    except (RetryLater, IteratorExpired) as error:
        raise StreamUnreachable(str(error)) from None
    except Exception as error:  # noqa: BLE001 (any exception leaves the stream unread)
        raise StreamUnreachable(error_name(error)) from None


def _range(document: Document, requests: StreamRequests) -> list[Record]:
    """Return the records of a range, page by page, until the end of the range, or of the shard: no next iterator."""
    found: list[Record] = []
    position: str | None = _iterator(document, requests, found)
    end, idle = sequence_order(document.end), 0
    while position is not None and idle < IDLE:
        idle += 1
        try:
            page = requests.page(position)
        except IteratorExpired:
            position = _iterator(document, requests, found)
            continue
        for raw in page.records:
            idle = 0
            record = parse_record(as_lambda_sends(raw, document.stream), len(found))
            place = sequence_order(record.sequence_number or "")
            if place <= end:
                found.append(record)
            if place >= end:
                return found
        position = page.after
    if position is not None:
        raise StreamUnreachable("the shard is open, and does not come to the end of the range")
    return found


def _iterator(document: Document, requests: StreamRequests, found: list[Record]) -> str:
    """Return the iterator at the start of the range, or after the last record found."""
    last = found[-1].sequence_number if found else None
    kind: IteratorType = "AT_SEQUENCE_NUMBER" if last is None else "AFTER_SEQUENCE_NUMBER"
    return requests.iterator(document.shard, kind, last or document.start)


def _found(number: str, requests: StreamRequests) -> Record:
    """Return the record from the shards whose range has the number: there is one for each partition of the table."""
    undecided = False
    for shard in _shards_around(requests.shards(), sequence_order(number)):
        try:
            record = _at(shard, number, requests)
        except StreamUnreachable:
            undecided = True
        except (ShardGone, RecordsDropped):
            pass
        except Exception as error:
            if error_code(error) != _ELSEWHERE:
                raise
        else:
            if record is not None:
                return record
    if undecided:
        raise StreamUnreachable("a shard that may have the record is open, and gives nothing")
    raise RecordsExpired("no shard of the stream has the record")


def _shards_around(listing: ShardList, place: tuple[int, str]) -> Iterator[str]:
    """Yield the names of the shards whose range has a number; an open shard has no end yet."""
    for name, shard in listing.shards.items():
        begins_behind = shard.first is not None and sequence_order(shard.first) > place
        ends_before = shard.last is not None and sequence_order(shard.last) < place
        if name and not begins_behind and not ends_before:
            yield name


def _at(shard: str, number: str, requests: StreamRequests) -> Record | None:
    """Return the record of a number; None if the shard's next record is another one, or the shard ends."""
    position: str | None = requests.iterator(shard, "AT_SEQUENCE_NUMBER", number)
    for _ in range(IDLE_AT_ONCE):
        if position is None:
            return None
        try:
            page = requests.page(position)
        except IteratorExpired:  # an iterator lives longer than these requests take
            break
        if page.records:
            record = parse_record(as_lambda_sends(page.records[0], requests.stream), 0)
            return record if sequence_order(record.sequence_number or "") == sequence_order(number) else None
        position = page.after
    raise StreamUnreachable("the shard is open, and does not come to the record")
