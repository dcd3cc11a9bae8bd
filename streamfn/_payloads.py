"""Payloads: each shape that AWS sends, how its records are read, and how it is answered."""

from __future__ import annotations

import json
from abc import abstractmethod
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, Self, TypeAlias, TypedDict, cast, overload

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

# Shapes: those in which records reach a function, told apart by what they look like.
#
# An event source mapping of a DynamoDB stream sends records as they are, one of a Kinesis stream sends each
# within an entry of Kinesis's own, a pipe of EventBridge sends a bare list, and an OnFailure destination in S3
# keeps the event of an invocation within a document about it.

KINESIS: Final = "aws:kinesis"
"""How an entry names the service that it comes from, if that is Kinesis Data Streams."""

_EXPECTED: Final = 'expected the event of a DynamoDB stream, {"Records": [...]}'


class NotAStreamEvent(ValueError):
    """The payload as a whole is no event of a DynamoDB stream; the message says what was expected.

    It is raised, not returned: there is no record that a Result could be about. A Lambda function that lets
    it through fails the invocation, so that whoever sent the payload still has it.
    """


def open_payload(payload: object) -> IncomingPayload:
    """Find the entries of a payload. Fails with `NotAStreamEvent`, which names what the payload is instead."""
    if isinstance(payload, list):
        return _opened(PipeEvent, cast("object", payload))  # isinstance knows the list, not what is in it
    if not is_map(payload):
        raise NotAStreamEvent(f"{_EXPECTED}, got {json_type(payload)}")
    if "Records" not in payload:
        return _document(payload)
    return _opened(StreamEvent, payload["Records"])


def about_a_batch(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Find what a document of an OnFailure destination tells of the batch; None in what is no such document."""
    for name in ("DDBStreamBatchInfo", "KinesisBatchInfo"):
        if is_map(told := document.get(name)):
            return told
    return None


def is_of_a_window(document: Mapping[str, object]) -> bool:
    """Whether a document of an OnFailure destination is about a batch of a mapping with a tumbling window."""
    return is_map(document.get("timeWindowInfo")) or is_map(get_member(document.get("payload"), "window"))


def _document(payload: Mapping[str, object]) -> IncomingPayload:
    """Open a document, whose shape is that of "Adding an on-failure destination" in the AWS Lambda Developer Guide."""
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
        from streamfn._errors import read_json  # few documents keep it as text

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
    entries = cast("list[object]", records)  # isinstance knows the list, not what is in it
    through_kinesis = bool(entries) and _source(entries[0]) != EVENT_SOURCE and _is_of_kinesis(entries)
    return shape(entries, through_kinesis=through_kinesis)


def _is_of_kinesis(entries: Iterable[object]) -> bool:
    """Tell the entries of Kinesis from those of DynamoDB. Fails with `NotAStreamEvent` for those of other services.

    A batch is of one service; entries that name none are broken ones of whichever it is.
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
    """The service that an entry names; some spell the key with a capital."""
    return text_or_none(get_member(entry, "eventSource") or get_member(entry, "EventSource")) or None


# Changes that come through Kinesis Data Streams: records within entries of Kinesis's own, taken out of them.
#
# What DynamoDB writes there is described in "Using Kinesis Data Streams to capture changes to DynamoDB" in the
# DynamoDB Developer Guide. It is the record of a DynamoDB stream, but for its place in a shard, which is the
# entry's, and its time, which is in milliseconds or microseconds. Records may come twice and out of order;
# their `eventID` tells which are the same.

_UNITS: Final[Mapping[object, int]] = {
    "MILLISECOND": 1_000,
    "MICROSECOND": 1_000_000,
    "NANOSECOND": 1_000_000_000,
}
"""How many of them a second has, by the name that a record gives the precision of its time."""


def parse_records(entries: Iterable[object]) -> list[Record]:
    """Take the records out of their entries, in the order of the batch, each of those that came twice once.

    A record came twice if its `eventID` did, with the same keys and images.

    Each has the sequence number and the ARN of its entry, by which an answer and a ledger know it. What the entry
    says besides is the member ``kinesis`` of the raw record. An entry that holds no record is a `MalformedRecord`.
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
    # Lambda's event has the members of Kinesis's record one level further down than the list of a pipe.
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
    """Read what an entry carries; nothing where that is not JSON in base64."""
    try:
        return json.loads(a2b_base64(data, strict_mode=True)) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None


def _seconds(written: object, precision: object) -> object:
    """Give a time in seconds since 1970, by its precision, or by how large it is where the record does not say.

    What is no number, or no time, is given as it is.

    >>> _seconds(1731924555370, None), _seconds(1731924555370500, None), _seconds(1731924555370, "MILLISECOND")
    (1731924555.37, 1731924555.3705, 1731924555.37)
    """
    number = number_or_none(written)
    if number is None:
        return written
    unit = _UNITS.get(precision) if isinstance(precision, str) else None
    if unit is None:
        size = abs(number)
        # From 1973 to 5138 a time is in one of these alone; what is smaller than each of them is in milliseconds.
        unit = 1 if 100_000_000 <= size < 100_000_000_000 else max(1_000, unit_of(number))
    try:
        return number / unit
    except OverflowError:
        return written


# The first stage: from entries to stream records, each of which is routed and then checked.
#
# An entry that does not pass the check stays in the list as a `MalformedRecord`: it has a place in the batch, and
# losing sight of it would lose it.

R = TypeVar("R", bound="Routable")


class Routable(Protocol):
    """A route: with `select`, it leads to a choice, which gives the route of a record from there."""

    @property
    def select(self) -> Callable[[RawRecord], Self | None] | None:
        """Find the route of a record; None if no handler is there for it."""
        ...


Lookup: TypeAlias = Callable[[str | None], Mapping[EventName, R | None]]
"""Finds routes, by the name of a table (None where there is none) and by what happened to the item."""

Feed: TypeAlias = Callable[[int, Record, R | None], object]
"""Takes a record: its index in the batch, itself, and its route, which is None for a malformed one."""


class _Anywhere:
    """The route of records that are not to go anywhere in particular."""

    select: None = None


_ANYWHERE: Final = dict.fromkeys(EVENT_NAMES, _Anywhere())


def _anywhere(_: str | None) -> Mapping[EventName, _Anywhere]:
    return _ANYWHERE


def _feed_entries(lookup: Lookup[R], entries: list[object], feed: Feed[R]) -> None:
    """Have entries of a DynamoDB stream taken as records, but for those whose route is None, which are not checked."""
    arn: object = object()  # that of the record before, whose routes are known
    routes: Mapping[EventName, R | None] = {}
    type_of, json_object, text = _names()
    # Entries are taken for JSON objects until something shows that one is none.
    for position, entry in enumerate(cast("list[Any]", entries)):
        is_sound = False
        try:
            if entry["eventSourceARN"] != arn:
                arn = entry["eventSourceARN"]
                table = table_of(text_or_none(arn))
                # without a table in the ARN, the record says which table it is of
                routes = {} if table is None else lookup(table)
            route = routes[entry["eventName"]]
            if route is None:
                continue
            if route.select is not None and (route := route.select(entry)) is None:
                identity = entry.get("userIdentity")
                if identity is None or not ("PrincipalId" in identity or "Type" in identity):
                    continue  # and a record of GetRecords is chosen by the names that Lambda sends
            # What `_problem` asks, of a record as Lambda writes it, in the fewest steps; any other it judges itself.
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
            record._raw = entry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (what `stream_record` does)
            feed(position, record, route)
        else:
            feed_records(lookup, [parse_record(entry, position)], feed, position)


def _names() -> tuple[Callable[[object], object], object, object]:
    """Give what is looked at for each record, for names that are local, which are found faster."""
    return type, dict, str


def feed_records(lookup: Lookup[R], records: Iterable[Record], feed: Feed[R], start: int = 0) -> None:
    """Have records taken that have been read, but for those whose route is None; the first has the index `start`."""
    arn: object = object()
    routes: Mapping[EventName, R | None] | None = None
    for position, record in enumerate(records, start):
        if isinstance(record, MalformedRecord):
            if not _is_unwanted(record, lookup):
                feed(position, record, None)
            continue
        raw = record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
        if (named := raw.get("eventSourceARN")) != arn:
            arn, table = named, table_of(text_or_none(named))
            routes = None if table is None else lookup(table)
        route = (lookup(record.table_name) if routes is None else routes)[raw["eventName"]]
        if route is not None and route.select is not None:
            route = route.select(raw)
        if route is not None:
            feed(position, record, route)


def _is_unwanted(record: MalformedRecord, lookup: Lookup[Routable]) -> bool:
    """Whether nobody would want an entry, were it a record: so much it says of its table and kind."""
    name = get_member(record.raw, "eventName")
    if not isinstance(name, str) or not is_map(record.raw) or name not in EVENT_NAMES:
        return False
    route = lookup(record.table_name)[name]
    if route is not None and route.select is not None:
        route = route.select(cast("RawRecord", record.raw))  # patterns take whatever they are given
    return route is None


# Payloads: their records, and how whoever sent them is answered, which decides what comes again.


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; an empty list says that the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Raised out of a Lambda function to have the whole batch come again, where no answer could say so."""


class IncomingPayload(Sequence[Record]):
    """The records of a payload, which are read when somebody asks for them.

    A pipeline that nobody has asked before reads and routes them in one go, and leaves out what no handler is there
    for before that is checked. `entries` are what the payload holds.
    """

    __slots__ = ("_read", "_through_kinesis", "entries")

    def __init__(self, entries: list[object], *, through_kinesis: bool) -> None:
        """Take the entries of a batch, and whether they came through Kinesis."""
        self.entries: list[object] = entries
        self._through_kinesis = through_kinesis
        self._read: list[Record] | None = None

    def feed(self, lookup: Lookup[R], feed: Feed[R]) -> None:
        """Have the records taken, but for those whose route is None."""
        if self._read is None and not self._through_kinesis:
            _feed_entries(lookup, self.entries, feed)
        else:
            feed_records(lookup, self.records, feed)

    def answer(self, open_failures: Sequence[Failed[object]]) -> BatchResponse:
        """Name to the sender the records of failures, which have to come again.

        Fails with `BatchFailed` where a failed record has no identifier that the sender knows, and for failures of a
        sender that waits for no answer.
        """
        if not open_failures:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": each} for each in self._named(open_failures)]}

    @abstractmethod
    def _named(self, failures: Sequence[Failed[object]]) -> Iterable[str]:
        """Name the records of failures as the sender knows them. Fails with `BatchFailed`."""
        ...

    @property
    def records(self) -> list[Record]:
        """The records, in the order of the batch, one for each entry: one that is no record is a `MalformedRecord`."""
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
    "Reporting batch item failures"; it does the same for Kinesis). So one number says all that an answer can say.
    """

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> list[str]:
        return [min(_numbers(failures), key=sequence_order)]  # their lengths differ, so text would not do


class PipeEvent(IncomingPayload):
    """The list of a pipe, which goes by the `eventID` of each record that has to come again.

    See "Amazon EventBridge Pipes batching and concurrency" in the Amazon EventBridge User Guide.
    """

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> list[str]:
        return _event_ids(failures)


class OnFailureDocument(IncomingPayload):
    """The document of an OnFailure destination with its records. Its sender waits for no answer."""

    __slots__ = ()

    @override
    def _named(self, failures: Sequence[Failed[object]]) -> Iterable[str]:
        fail_batch(failures)
        return ()  # as of no failures


def read(payload: object) -> list[Record]:
    """Take the records out of a Lambda event, in the order of the batch, one element for each entry.

    `payload` is what Lambda hands to a function that is fed by a DynamoDB stream: ``{"Records": [record, …]}``; what
    GetRecords answers has that shape too. It may as well be the event of a Kinesis stream that carries the changes of
    tables, of which a record that comes twice is taken once; the list that a pipe of EventBridge sends; or a document
    with its records, as an OnFailure destination in S3 keeps it. A batch in which no entry comes from DynamoDB is not
    one of ours; a single stranger is a `MalformedRecord`.

    Fails with `NotAStreamEvent` if the payload is of another shape or of another service.

    >>> read({"Records": []})
    []
    >>> read({"Records": [{"eventSource": "aws:sqs", "body": "…"}]})
    Traceback (most recent call last):
    ...
    streamfn._payloads.NotAStreamEvent: expected the event of a DynamoDB stream, ..., got records of aws:sqs
    """
    return open_payload(payload).records


def fail_batch(open_failures: Sequence[Failed[object]]) -> None:
    """Have the whole batch come again if there are failures: fails with `BatchFailed` then."""
    if open_failures:
        raise BatchFailed(f"{len(open_failures)} failures; the first: {open_failures[0]!r}")


def _numbers(failures: Sequence[Failed[object]]) -> list[str]:
    numbers: list[str] = []
    for failed in failures:
        if (number := failed.record.sequence_number) is None:
            raise BatchFailed(f"a failed record has no sequence number that an answer could name: {failed!r}")
        numbers.append(number)
    return numbers


def _event_ids(failures: Sequence[Failed[object]]) -> list[str]:
    """Name each record once, in the order of the batch."""
    names: dict[str, None] = {}
    for failed in failures:
        if (name := _event_id(failed.record)) is None:
            raise BatchFailed(f"a failed record has no eventID that an answer could name: {failed!r}")
        names[name] = None
    return list(names)


def _event_id(record: Record) -> str | None:
    """Find by what a pipe knows a record, which is Kinesis's own identifier if it came through that."""
    raw = (
        record.raw if isinstance(record, MalformedRecord) else record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
    )
    return text_or_none(get_member(get_member(raw, "kinesis"), "eventID")) or record.event_id


# How Lambda takes the answer of a function: as a success, as a partial one, or as the failure of the whole
# batch.
#
# A reader of streams and the simulator take answers so, too.
#
# The shapes are those of "Reporting batch item failures" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. What is not described there, an answer that is neither an object nor empty say, is taken for
# a failure.


def parse_batch_response(answer: object, numbers: Sequence[str]) -> int | str:
    """Count the records, from the first on, that an answer settles, or say why it fails the whole batch.

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
