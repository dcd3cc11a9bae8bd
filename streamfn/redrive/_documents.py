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

# The documents about batches that are given up: Lambda's, of a function's OnFailure destination, and those of a
# pipe.
#
# Their shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS
# Lambda Developer Guide. A queue and a topic are told the range of the shard alone; a bucket gets the records
# too. A pipe of EventBridge sends the like to its dead-letter queue, and names itself there where Lambda names
# the function.

_PIPE_ARN: Final = re.compile(r"arn:[^:]+:pipes:[^:]*:[^:]*:pipe/(?P<name>.+)")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(:[^:]+)?")


class NotADocument(ValueError):
    """A text that has the shape of a document of Lambda's, but not all that is needed; the message says what."""


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A batch that Lambda or a pipe gave up.

    `function` is the function's name, or None where it was a `pipe`, whose name that is, and `owner_arn` the ARN of
    either. `is_of_window` says that the
    mapping has a tumbling window. `size` says how many records the batch had. They lie in the `shard` of
    the `stream`, in the range from `start` to `end`, with others between them if the mapping has parallel lanes
    or a filter. `records` are the batch's, where the document carries them.
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
        """Whose it is: the name of the function, or of the pipe."""
        return self.function or f"the pipe {self.pipe}"

    @override
    def __repr__(self) -> str:
        return f"Document({self.owner!r}, {self.shard!r}, {self.start!r} to {self.end!r})"


def read_document(text: str, *, with_payload: bool = True) -> Document | None:
    """Read a document of Lambda's or of a pipe; None for whatever has another shape. Fails with `NotADocument`.

    Without its payload, the records that it carries are left out.
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
    """Whether a record says that it is of another stream, or of another place in it, than a document is about."""
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


# Reading a stream again: a range of a shard that a document is about, and the record of a truncated letter.

T = TypeVar("T")

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""How long to wait before each further try, in seconds, where DynamoDB turns a request away."""

IDLE: Final = 100
"""After so many answers in a row that bring nothing, the shard counts as one that cannot be read."""

IDLE_AT_ONCE: Final = 10
"""So many, where one record is looked for: a shard that has it gives it at once, or after a page that is empty."""

_ELSEWHERE: Final = "ValidationException"
"""The code for a number that the shard does not have, while another one may."""


class RecordsExpired(Exception):
    """Raised where the stream no longer has what is to be read; says what it answered."""


class StreamUnreachable(Exception):
    """Raised where the stream cannot be read; says what it answered."""


class PatientRequests(StreamRequests):
    """Requests to a stream that are made again after ever longer pauses where DynamoDB turns them away."""

    def __init__(
        self, client: LazyClient[StreamsClient], stream: str, seconds_left: SecondsLeft, wait: Sleep
    ) -> None:
        """Take the client, the ARN of the stream, the time for pauses, and whoever waits."""
        super().__init__(client, stream, reconnects=False)
        self._seconds_left = seconds_left
        self._wait = wait

    @override
    def _ask(self, request: Callable[[], T]) -> T:
        """Make a request until there is an answer, or no time for the next pause."""
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
    """Reads shards, and waits where it is asked to."""

    client: LazyClient[StreamsClient]
    seconds_left: SecondsLeft
    wait: Sleep = sleep

    def read(self, document: Document) -> list[Record]:
        """Give all records of a document's range, as Lambda would send them; the batch's are among them.

        Fails with `RecordsExpired` and with `StreamUnreachable`.
        """
        with _sorted():
            return _range(document, self._requests(document.stream))

    def find(self, stream: str, number: str) -> Record:
        """Give the record of a sequence number, as Lambda would send it, from whichever shard has it.

        Fails with `RecordsExpired` and with `StreamUnreachable`.
        """
        with _sorted():
            return _found(number, self._requests(stream))

    def _requests(self, stream: str) -> StreamRequests:
        return PatientRequests(self.client, stream, self.seconds_left, self.wait)


@contextmanager
def _sorted() -> Generator[None]:
    """Raise `RecordsExpired` or `StreamUnreachable` in the place of whatever is raised.

    The letter or the document stays.
    """
    try:
        yield
    except (RecordsExpired, StreamUnreachable):
        raise
    except (ShardGone, RecordsDropped) as error:
        raise RecordsExpired(str(error)) from None
    except (RetryLater, IteratorExpired) as error:
        raise StreamUnreachable(str(error)) from None
    except Exception as error:  # noqa: BLE001 (whatever it is)
        raise StreamUnreachable(error_name(error)) from None


def _range(document: Document, requests: StreamRequests) -> list[Record]:
    """Read page by page until the end of the range, or of the shard, which has no next iterator then."""
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
    """Begin with the range, or go on after what is found."""
    last = found[-1].sequence_number if found else None
    kind: IteratorType = "AT_SEQUENCE_NUMBER" if last is None else "AFTER_SEQUENCE_NUMBER"
    return requests.iterator(document.shard, kind, last or document.start)


def _found(number: str, requests: StreamRequests) -> Record:
    """Look into each shard whose range holds the number: beside one another lie as many as the table has parts."""
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
    """Name the shards whose range holds a number; one that is open has no end yet."""
    for name, shard in listing.shards.items():
        begins_behind = shard.first is not None and sequence_order(shard.first) > place
        ends_before = shard.last is not None and sequence_order(shard.last) < place
        if name and not begins_behind and not ends_before:
            yield name


def _at(shard: str, number: str, requests: StreamRequests) -> Record | None:
    """Give the record of a number; None where the shard has none, so that another or the end comes first."""
    position: str | None = requests.iterator(shard, "AT_SEQUENCE_NUMBER", number)
    for _ in range(IDLE_AT_ONCE):
        if position is None:
            return None
        try:
            page = requests.page(position)
        except IteratorExpired:  # which takes longer than all these pages do
            break
        if page.records:
            record = parse_record(as_lambda_sends(page.records[0], requests.stream), 0)
            return record if sequence_order(record.sequence_number or "") == sequence_order(number) else None
        position = page.after
    raise StreamUnreachable("the shard is open, and does not come to the record")
