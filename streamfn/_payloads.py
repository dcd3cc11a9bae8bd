"""Payloads: their shapes, changes through Kinesis, the routing of records, answers, and how Lambda reads an answer."""

from __future__ import annotations

import json
from abc import abstractmethod
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Never, Protocol, Self, TypeAlias, TypedDict, cast, overload

from typing_extensions import TypeVar, override

from streamfn._failures import Failed
from streamfn._records import (
    EVENT_NAMES,
    EVENT_SOURCE,
    EventName,
    MalformedRecord,
    RawRecord,
    Record,
    StreamRecord,
    get_member,
    is_map,
    is_one_change,
    json_type,
    number_or_none,
    parse_record,
    sequence_number_or_none,
    sequence_order,
    table_of,
    text_or_none,
    unit_of,
)

# Shapes of payloads.
#
# An event source mapping of a DynamoDB stream sends a map with the records. A mapping of a Kinesis stream sends each
# record within an entry of Kinesis. A pipe of EventBridge sends a list. An OnFailure destination in S3 stores the
# event of an invocation within a document.

KINESIS: Final = "aws:kinesis"
"""The name of Kinesis Data Streams as the event source of an entry."""

_EXPECTED: Final = 'expected the event of a DynamoDB stream, {"Records": [...]}'


class NotAStreamEvent(ValueError):
    """The payload as a whole is not an event of a DynamoDB stream; the message names the expected shape.

    The exception is raised, because a Result would need a record. A Lambda function that does not catch it fails the
    invocation, so that the sender keeps the payload.
    """


def open_payload(payload: object) -> IncomingPayload:
    """Return a payload by its shape. Raises `NotAStreamEvent`, whose message names the shape that was found."""
    if isinstance(payload, list):
        return _opened(PipeEvent, cast("object", payload))  # isinstance drops the type
    if not is_map(payload):
        raise NotAStreamEvent(f"{_EXPECTED}, got {json_type(payload)}")
    if "Records" not in payload:
        return _document(payload)
    return _opened(StreamEvent, payload["Records"])


def about_a_batch(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the part of an OnFailure document about the batch; None if the map is no such document."""
    for name in ("DDBStreamBatchInfo", "KinesisBatchInfo"):
        if is_map(told := document.get(name)):
            return told
    return None


def is_of_a_window(document: Mapping[str, object]) -> bool:
    """Return whether an OnFailure document is about a batch of a mapping with a tumbling window."""
    return is_map(document.get("timeWindowInfo")) or is_map(get_member(document.get("payload"), "window"))


def _document(payload: Mapping[str, object]) -> IncomingPayload:
    """Open an OnFailure document ("Adding an on-failure destination", AWS Lambda Developer Guide)."""
    if about_a_batch(payload) is None:
        what = "an event of EventBridge" if "detail-type" in payload else "an object without Records"
        raise NotAStreamEvent(f"{_EXPECTED}, got {what}")
    if "payload" not in payload:
        what = "the dead letter of a pipe" if is_map(payload.get("context")) else "an OnFailure document"
        then = "redrive() reads them from the stream"
        if is_of_a_window(payload):
            what, then = f"{what} of a tumbling window", "they have to be read from the stream again"
        elif "KinesisBatchInfo" in payload:
            what, then = f"{what} of a Kinesis stream", "they have to be read from the stream again"
        raise NotAStreamEvent(f"{_EXPECTED}, got {what} without its records: {then}")
    event = payload["payload"]
    if isinstance(event, str):
        from streamfn._errors import read_json  # few documents have it as text

        try:
            event = read_json(event)
        except (ValueError, RecursionError):
            raise NotAStreamEvent(
                f"{_EXPECTED}, got an OnFailure document whose payload is no JSON"
            ) from None
    if not is_map(event) or "Records" not in event:
        raise NotAStreamEvent(f"{_EXPECTED}, got an OnFailure document whose payload has no Records")
    return _opened(OnFailureDocument, event["Records"])


def _opened(shape: type[IncomingPayload], records: object) -> IncomingPayload:
    if not isinstance(records, list):
        raise NotAStreamEvent(f"{_EXPECTED}, got Records of type {json_type(records)}")
    entries = cast("list[object]", records)  # isinstance drops the type
    through_kinesis = bool(entries) and _source(entries[0]) != EVENT_SOURCE and _is_of_kinesis(entries)
    return shape(entries, through_kinesis=through_kinesis)


def _is_of_kinesis(entries: Iterable[object]) -> bool:
    """Return whether entries come from Kinesis, not from DynamoDB. Raises `NotAStreamEvent` for another service.

    A batch is of one service. Entries without the name of a service are malformed.
    """
    sources = dict.fromkeys(map(_source, entries))
    if EVENT_SOURCE in sources:
        return False
    if KINESIS in sources:
        return True
    if None not in sources:
        raise NotAStreamEvent(f"{_EXPECTED}, got records of {next(iter(sources))}")
    return False


def _source(entry: object) -> str | None:
    """Return the service that an entry names; some services write the key with a capital letter."""
    return text_or_none(get_member(entry, "eventSource") or get_member(entry, "EventSource")) or None


# Changes through Kinesis Data Streams: records within entries of Kinesis.
#
# "Using Kinesis Data Streams to capture changes to DynamoDB" in the DynamoDB Developer Guide describes these records.
# They have the form of a DynamoDB stream's, except that the entry has the sequence number, and that the time is in
# milliseconds or microseconds. Records may come twice and out of order; equal ones have the same `eventID`.

_UNITS: Final[Mapping[object, int]] = {
    "MILLISECOND": 1_000,
    "MICROSECOND": 1_000_000,
    "NANOSECOND": 1_000_000_000,
}
"""The number of units in a second, by the name of the precision in a record."""


def parse_records(entries: Iterable[object]) -> list[Record]:
    """Return the records of entries, in the order of the batch, without repetitions.

    A repetition has the `eventID`, the keys and the images of an earlier record.

    A record gets the sequence number and the ARN of its entry, which answers and ledgers use. The other members of the
    entry are in the member ``kinesis`` of the raw record. An entry without a record is a `MalformedRecord`.
    """
    records: list[Record] = []
    known: dict[str, list[Record]] = {}
    for position, entry in enumerate(entries):
        record = _record_of(entry, position)
        if not isinstance(record, MalformedRecord):
            same = known.setdefault(record.event_id, [])
            if any(is_one_change(record, other) for other in same):
                continue
            same.append(record)
        records.append(record)
    return records


def _record_of(entry: object, position: int) -> Record:
    # The members of Kinesis's record are one level deeper in Lambda's event than in the list of a pipe.
    outer = nested if is_map(nested := get_member(entry, "kinesis")) else entry
    number = sequence_number_or_none(get_member(outer, "sequenceNumber"))
    told = _told(get_member(outer, "data"))
    if not is_map(outer) or not is_map(told) or not is_map(change := told.get("dynamodb")):
        return MalformedRecord(
            entry,
            position,
            "kinesis.data: expected a record of DynamoDB",
            event_id=text_or_none(get_member(entry, "eventID")) or None,
            sequence_number=number,
        )
    written = _seconds(
        change.get("ApproximateCreationDateTime"), change.get("ApproximateCreationDateTimePrecision")
    )
    inner = {
        **told,
        "eventSourceARN": get_member(entry, "eventSourceARN"),
        "kinesis": {name: value for name, value in outer.items() if name != "data"},
        "dynamodb": {**change, "SequenceNumber": number, "ApproximateCreationDateTime": written},
    }
    return parse_record(inner, position)


def _told(data: object) -> object:
    """Return the content of an entry; None if that is not JSON in base64."""
    try:
        return json.loads(a2b_base64(data, strict_mode=True)) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None


def _seconds(written: object, precision: object) -> object:
    """Return a time in seconds since 1970, by its precision, or by its size if the record has no precision.

    A value that is no number, or too large, is returned unchanged.

    >>> _seconds(1731924555370, None), _seconds(1731924555370500, None), _seconds(1731924555370, "MILLISECOND")
    (1731924555.37, 1731924555.3705, 1731924555.37)
    """
    number = number_or_none(written)
    if number is None:
        return written
    unit = _UNITS.get(precision) if isinstance(precision, str) else None
    if unit is None:
        size = abs(number)
        # A time from 1973 to 5138 fits one unit only; a smaller number is in milliseconds.
        unit = 1 if 100_000_000 <= size < 100_000_000_000 else max(1_000, unit_of(number))
    try:
        return number / unit
    except OverflowError:
        return written


# From entries to stream records: each entry is routed first, and then checked.
#
# An entry that fails the check becomes a `MalformedRecord`: it has a place in the batch, and must not be lost.

R = TypeVar("R", bound="Routable")


class Routable(Protocol):
    """A route. If `select` is not None, it chooses the next route by the record."""

    @property
    def select(self) -> Callable[[RawRecord], Self | None] | None:
        """Return the route of a record; None if no handler wants it."""
        ...


Lookup: TypeAlias = Callable[[str | None], Mapping[EventName, R | None]]
"""Returns routes by event name for the name of a table, or for None if the record names no table."""

Feed: TypeAlias = Callable[[int, Record, R | None], object]
"""Receives a record's index in the batch, the record, and its route, which is None for a malformed record."""


class _Anywhere:
    """The route of records that are only read."""

    select: None = None


_ANYWHERE: Final = dict.fromkeys(EVENT_NAMES, _Anywhere())


def _anywhere(_: str | None) -> Mapping[EventName, _Anywhere]:
    return _ANYWHERE


def _feed_entries(lookup: Lookup[R], entries: list[object], feed: Feed[R]) -> None:
    """Feed the entries of a DynamoDB stream as records. Entries whose route is None are skipped before the check."""
    arn: object = object()  # of the previous record, whose routes are known
    routes: Mapping[EventName, R | None] = {}
    type_of, json_object, text = _names()
    # A copy: handlers may run in between, and one that changes the payload's list must not hide entries. Entries count
    # as JSON objects until an exception shows otherwise.
    for position, entry in enumerate(cast("list[Any]", entries.copy())):
        is_sound = False
        try:
            if entry["eventSourceARN"] != arn:
                arn = entry["eventSourceARN"]
                table = table_of(text_or_none(arn))
                # Without a table in the ARN, the record itself names its table.
                routes = {} if table is None else lookup(table)
            route = routes[entry["eventName"]]
            if route is None:
                continue
            if route.select is not None and (route := route.select(entry)) is None:
                identity = entry.get("userIdentity")
                if identity is None or not ("PrincipalId" in identity or "Type" in identity):
                    continue  # a record of GetRecords is routed again below, with the names that Lambda sends
            # The checks of `parse_record` in few steps, for records as Lambda writes them; it checks all others itself.
            change = entry["dynamodb"]
            event_id = entry["eventID"]
            identity = entry.get("userIdentity", entry)
            is_sound = (
                type_of(entry) is json_object
                and type_of(change) is json_object
                and type_of(event_id) is text
                and event_id
                and entry["eventSource"] == "aws:dynamodb"
                and type_of(change["Keys"]) is json_object
                and type_of(change.get("NewImage", change)) is json_object
                and type_of(change.get("OldImage", change)) is json_object
                and (identity is entry or not ("PrincipalId" in identity or "Type" in identity))
            )
        except (KeyError, TypeError):
            route = None
        if route is not None and is_sound:
            record = StreamRecord()
            record._raw = entry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (as `stream_record` does)
            feed(position, record, route)
        else:
            feed_records(lookup, [parse_record(entry, position)], feed, position)


def _names() -> tuple[Callable[[object], object], object, object]:
    """Return names that a loop needs for each record: a local name is found faster."""
    return type, dict, str


def feed_records(lookup: Lookup[R], records: Iterable[Record], feed: Feed[R], start: int = 0) -> None:
    """Feed records that have been read, except those whose route is None; the first one has the index `start`."""
    arn: object = object()
    routes: Mapping[EventName, R | None] | None = None
    for position, record in enumerate(records, start):
        if isinstance(record, MalformedRecord):
            if not _is_unwanted(record, lookup):
                feed(position, record, None)
            continue
        raw = record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (read, not copied)
        if (named := raw.get("eventSourceARN")) != arn:
            arn, table = named, table_of(text_or_none(named))
            routes = None if table is None else lookup(table)
        route = (lookup(record.table_name) if routes is None else routes)[raw["eventName"]]
        if route is not None and route.select is not None:
            route = route.select(raw)
        if route is not None:
            feed(position, record, route)


def _is_unwanted(record: MalformedRecord, lookup: Lookup[Routable]) -> bool:
    """Return whether a malformed entry names a table and an event name that no handler wants."""
    name = get_member(record.raw, "eventName")
    if not isinstance(name, str) or not is_map(record.raw) or name not in EVENT_NAMES:
        return False
    route = lookup(record.table_name)[name]
    if route is not None and route.select is not None:
        route = route.select(cast("RawRecord", record.raw))  # patterns accept any map
    return route is None


# Payloads: their records, and the answers to their senders. The answer decides which records come again.


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; with an empty list, the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Fails an invocation, so that the whole batch comes again, where no answer can name the records."""


class IncomingPayload(Sequence[Record]):
    """The records of a payload, which are read at their first use.

    A pipeline reads and routes them in one pass, unless they have been read before. That pass skips records that no
    handler wants before the check. `entries` are the entries of the payload.
    """

    __slots__ = ("_read", "_through_kinesis", "entries")

    def __init__(self, entries: list[object], *, through_kinesis: bool) -> None:
        """Store the entries of a batch, and whether they came through Kinesis."""
        self.entries: list[object] = entries
        self._through_kinesis = through_kinesis
        self._read: list[Record] | None = None

    def feed(self, lookup: Lookup[R], feed: Feed[R]) -> None:
        """Feed the records, except those whose route is None."""
        if self._read is None and not self._through_kinesis:
            _feed_entries(lookup, self.entries, feed)
        else:
            feed_records(lookup, self.records, feed)

    def answer(self, open_failures: Sequence[Failed[object]]) -> BatchResponse:
        """Return the answer with the records of failures, which have to come again.

        Raises `BatchFailed` if a failed record has no identifier that the sender knows, and for failures if the sender
        waits for no answer.
        """
        if not open_failures:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": each} for each in self._named(open_failures)]}

    @abstractmethod
    def _named(self, failures: Sequence[Failed[object]]) -> Iterable[str]:
        """Return the sender's identifiers for the records of failures. Raises `BatchFailed`."""
        ...

    @property
    def records(self) -> list[Record]:
        """The records, in the order of the batch. An entry that is no record is a `MalformedRecord`."""
        if self._read is None:
            records: list[Record] = []
            if self._through_kinesis:
                records = parse_records(self.entries)
            else:
                _feed_entries(_anywhere, self.entries, lambda _, record, __: records.append(record))
            self._read = records
        return self._read

    @override
    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    @override
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self.records[index]

    @override
    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


class StreamEvent(IncomingPayload):
    """The event of an event source mapping, of a DynamoDB stream or of a Kinesis stream.

    With ReportBatchItemFailures on the mapping, Lambda takes the lowest sequence number in the answer as its checkpoint
    and sends that record and all after it again (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB",
    "Reporting batch item failures"; Lambda does the same for Kinesis). So the answer has one number.
    """

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> list[str]:
        return [min(_numbers(failures), key=sequence_order)]  # as text, lengths would not count


class PipeEvent(IncomingPayload):
    """The list of a pipe. Its answer has the `eventID` of each record that has to come again.

    See "Amazon EventBridge Pipes batching and concurrency" in the Amazon EventBridge User Guide.
    """

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> list[str]:
        return _event_ids(failures)


class OnFailureDocument(IncomingPayload):
    """An OnFailure document with its records. Its sender waits for no answer."""

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> Never:
        raise _batch_failed(failures)


def read(payload: object) -> list[Record]:
    """Return the records of a Lambda event, in the order of the batch, one for each entry.

    `payload` is one of these:

    - the event of a DynamoDB stream, ``{"Records": [record, …]}``; an answer of GetRecords has that shape too
    - the event of a Kinesis stream with the changes of tables; a record that comes twice is returned once
    - the list of a pipe of EventBridge
    - an OnFailure document with its records, as a destination in S3 stores it

    A single entry of another service is a `MalformedRecord`. Raises `NotAStreamEvent` if the payload has another shape,
    or if no entry comes from DynamoDB.

    >>> read({"Records": []})
    []
    >>> read({"Records": [{"eventSource": "aws:sqs", "body": "…"}]})
    Traceback (most recent call last):
    ...
    streamfn._payloads.NotAStreamEvent: expected the event of a DynamoDB stream, ..., got records of aws:sqs
    """
    return open_payload(payload).records


def fail_batch(open_failures: Sequence[Failed[object]]) -> None:
    """Raise `BatchFailed` if there are failures, so that the whole batch comes again."""
    if open_failures:
        raise _batch_failed(open_failures)


def _batch_failed(failures: Sequence[Failed[object]]) -> BatchFailed:
    return BatchFailed(f"{len(failures)} failures; the first: {failures[0]!r}")


def _numbers(failures: Sequence[Failed[object]]) -> list[str]:
    numbers: list[str] = []
    for failed in failures:
        if (number := failed.record.sequence_number) is None:
            raise BatchFailed(f"a failed record has no sequence number that an answer could name: {failed!r}")
        numbers.append(number)
    return numbers


def _event_ids(failures: Sequence[Failed[object]]) -> list[str]:
    """Return the identifier of each record once, in the order of the batch."""
    names: dict[str, None] = {}
    for failed in failures:
        if (name := _event_id(failed.record)) is None:
            raise BatchFailed(f"a failed record has no eventID that an answer could name: {failed!r}")
        names[name] = None
    return list(names)


def _event_id(record: Record) -> str | None:
    """Return the identifier of a record for a pipe: Kinesis's own if the record came through Kinesis."""
    raw = (
        record.raw if isinstance(record, MalformedRecord) else record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (read, not copied)
    )
    return text_or_none(get_member(get_member(raw, "kinesis"), "eventID")) or record.event_id


# How Lambda reads the answer of a function: as a success, a partial success, or the failure of the whole batch.
#
# A reader of streams and the simulator read answers in the same way.
#
# The shapes are those of "Reporting batch item failures" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. An answer that is not described there, for example a text, counts as a failure.


def parse_batch_response(answer: object, numbers: Sequence[str]) -> int | str:
    """Return the number of records, from the first on, that an answer settles, or the reason why the batch fails.

    `numbers` are the sequence numbers of the batch, in its order.

    >>> parse_batch_response({"batchItemFailures": [{"itemIdentifier": "8"}, {"itemIdentifier": "7"}]}, ["6", "7", "8"])
    1
    >>> parse_batch_response({"batchItemFailures": [{"itemIdentifier": "9"}]}, ["6", "7", "8"])
    'the answer names a record that is not in the batch'
    """
    if answer is None or answer == []:
        return len(numbers)
    if not is_map(answer):
        return "the answer is no object"
    failures = answer.get("batchItemFailures")
    if failures is None:
        return len(numbers)
    if not isinstance(failures, list):
        return "batchItemFailures is no list"
    places = {number: place for place, number in enumerate(numbers)}
    settled = len(numbers)
    for failure in cast("list[object]", failures):  # isinstance drops the type
        place = _place(failure, places)
        if isinstance(place, str):
            return place
        settled = min(settled, place)
    return settled


def _place(failure: object, places: Mapping[str, int]) -> int | str:
    identifier = failure.get("itemIdentifier") if is_map(failure) else None
    if not isinstance(identifier, str) or not identifier:
        return "the answer has an entry without itemIdentifier"
    return places.get(identifier, "the answer names a record that is not in the batch")
