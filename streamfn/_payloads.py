"""Payloads: each shape that AWS sends, how its records are read, and how it is answered."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol, Self, TypeAlias, TypedDict, cast

from typing_extensions import TypeVar

from streamfn._failures import Failed
from streamfn._records import (
    EVENT_NAMES,
    EVENT_SOURCE,
    EventName,
    MalformedRecord,
    RawRecord,
    Record,
    StreamRecord,
    as_number,
    as_sequence_number,
    as_text,
    is_map,
    is_one_change,
    json_type,
    magnitude,
    member,
    record_of,
    table_of,
    unit_of,
)

# Envelopes: the shapes in which records reach a function, told apart by what they look like.
#
# An event source mapping of a DynamoDB stream sends records as they are, one of a Kinesis stream sends each
# within an entry of Kinesis's own, a pipe of EventBridge sends a bare list, and an OnFailure destination in S3
# keeps the event of an invocation within a document about it.

Sender: TypeAlias = Literal["mapping", "pipe", "destination"]
"""Whose shape the payload has: an event source mapping's, a pipe's, or that of a document in an OnFailure destination.

It decides how an answer names what has to come again; a destination waits for none.
"""

KINESIS: Final = "aws:kinesis"
"""How an entry names the service that it comes from, if that is Kinesis Data Streams."""

_EXPECTED: Final = 'expected the event of a DynamoDB stream, {"Records": [...]}'


class NotAStreamEvent(ValueError):
    """The payload as a whole is no event of a DynamoDB stream; the message says what was expected.

    It is raised, not returned: there is no record that a Result could be about. A Lambda function that lets
    it through fails the invocation, so that whoever sent the payload still has it.
    """


class Envelope(NamedTuple):
    """What a payload holds: the entries of a batch, who sends such, and whether they came through Kinesis."""

    sender: Sender
    entries: list[object]
    through_kinesis: bool


def opened(payload: object) -> Envelope:
    """Find the entries of a payload. Fails with `NotAStreamEvent`, which names what the payload is instead."""
    if isinstance(payload, list):
        return _envelope("pipe", cast("object", payload))  # isinstance knows the list, not what is in it
    if not is_map(payload):
        raise NotAStreamEvent(f"{_EXPECTED}, got {json_type(payload)}")
    if "Records" not in payload:
        return _document(payload)
    return _envelope("mapping", payload["Records"])


def about_a_batch(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Find what a document of an OnFailure destination tells of the batch; None in what is no such document."""
    for name in ("DDBStreamBatchInfo", "KinesisBatchInfo"):
        if is_map(told := document.get(name)):
            return told
    return None


def is_of_a_window(document: Mapping[str, object]) -> bool:
    """Whether a document of an OnFailure destination is about a batch of a mapping with a tumbling window."""
    return is_map(document.get("timeWindowInfo")) or is_map(member(document.get("payload"), "window"))


def _document(payload: Mapping[str, object]) -> Envelope:
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
    return _envelope("destination", event["Records"])


def _envelope(sender: Sender, records: object) -> Envelope:
    if not isinstance(records, list):
        raise NotAStreamEvent(f"{_EXPECTED}, got Records of type {json_type(records)}")
    entries = cast("list[object]", records)  # isinstance knows the list, not what is in it
    through_kinesis = bool(entries) and _source(entries[0]) != EVENT_SOURCE and _is_of_kinesis(entries)
    return Envelope(sender, entries, through_kinesis)


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
    return as_text(member(entry, "eventSource") or member(entry, "EventSource")) or None


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


def records_of(entries: Iterable[object]) -> list[Record]:
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
    outer = nested if is_map(nested := member(entry, "kinesis")) else entry
    number = as_sequence_number(member(outer, "sequenceNumber"))
    told = _told(member(outer, "data"))
    if not is_map(outer) or not is_map(told) or not is_map(change := told.get("dynamodb")):
        return MalformedRecord(
            entry,
            position,
            "kinesis.data: expected a record of DynamoDB",
            event_id=as_text(member(entry, "eventID")) or None,
            sequence_number=number,
        )
    written = _seconds(
        change.get("ApproximateCreationDateTime"), change.get("ApproximateCreationDateTimePrecision")
    )
    inner = {
        **told,
        "eventSourceARN": member(entry, "eventSourceARN"),
        "kinesis": {name: value for name, value in outer.items() if name != "data"},
        "dynamodb": {**change, "SequenceNumber": number, "ApproximateCreationDateTime": written},
    }
    return record_of(inner, position)


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
    number = as_number(written)
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


# The first stage: from the payload that a function receives to its stream records.
#
# `read` checks each record once. An entry that does not pass stays in the list as a `MalformedRecord`: it has a
# place in the batch, and losing sight of it would lose it.

W = TypeVar("W", bound="Way")


class Way(Protocol):
    """Where a record goes: to a fork if there is one, where `choose` gives the way from there."""

    @property
    def choose(self) -> Callable[[RawRecord], Self | None] | None:
        """Find the way that a record goes, which is None if nobody wants it."""
        ...


Ways: TypeAlias = Callable[[str | None], Mapping[EventName, W | None]]
"""Where records go, by the name of their table (None where there is none) and by what happened to the item."""

Take: TypeAlias = Callable[[int, Record, W | None], object]
"""Takes a record: its index in the batch, itself, and the way that it goes, which is None for a malformed one."""


class _Anywhere:
    """The way of records that are not to go anywhere in particular."""

    choose: None = None


_ANYWHERE: Final = dict.fromkeys(EVENT_NAMES, _Anywhere())


def _anywhere(_: str | None) -> Mapping[EventName, _Anywhere]:
    return _ANYWHERE


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
    return records_in(opened(payload))


def records_in(envelope: Envelope) -> list[Record]:
    """Take the records out of an opened payload; see `read`."""
    records: list[Record] = []
    _read(_anywhere, envelope, lambda _, record, __: records.append(record))
    return records


def read_for(ways: Ways[W], payload: object, take: Take[W]) -> None:
    """Do what `read` does, and have the records taken, but for those whose way is None.

    What nobody wants is left out before it is checked. Fails with `NotAStreamEvent` as `read` does.
    """
    _read(ways, opened(payload), take)


def _read(ways: Ways[W], envelope: Envelope, take: Take[W]) -> None:
    if envelope.through_kinesis:
        take_for(ways, records_of(envelope.entries), take)
        return
    arn: object = object()  # that of the record before, whose ways are known
    ways_of_arn: Mapping[EventName, W | None] = {}
    type_of, json_object, text = _names()
    # Entries are taken for JSON objects until something shows that one is none.
    for position, entry in enumerate(cast("list[Any]", envelope.entries)):
        is_sound = False
        try:
            if entry["eventSourceARN"] != arn:
                arn = entry["eventSourceARN"]
                table = table_of(as_text(arn))
                ways_of_arn = (
                    {} if table is None else ways(table)
                )  # without one, the record says which table it is of
            way = ways_of_arn[entry["eventName"]]
            if way is None:
                continue
            if way.choose is not None and (way := way.choose(entry)) is None:
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
            way = None
        if way is not None and is_sound:
            record = StreamRecord()
            record._raw = entry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (what `stream_record` does)
            take(position, record, way)
        else:
            take_for(ways, [record_of(entry, position)], take, position)


def _names() -> tuple[Callable[[object], object], object, object]:
    """Give what is looked at for each record, for names that are local, which are found faster."""
    return type, dict, str


def take_for(ways: Ways[W], records: Iterable[Record], take: Take[W], start: int = 0) -> None:
    """Have records taken that have been read, but for those whose way is None; the first has the index `start`."""
    arn: object = object()
    ways_of_arn: Mapping[EventName, W | None] | None = None
    for position, record in enumerate(records, start):
        if isinstance(record, MalformedRecord):
            if not _is_unwanted(record, ways):
                take(position, record, None)
            continue
        if (named := record.event_source_arn) != arn:
            arn, table = named, table_of(named)
            ways_of_arn = None if table is None else ways(table)
        way = (ways(record.table_name) if ways_of_arn is None else ways_of_arn)[record.event_name]
        if way is not None and way.choose is not None:
            way = way.choose(record._raw)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
        if way is not None:
            take(position, record, way)


def _is_unwanted(record: MalformedRecord, ways: Ways[Way]) -> bool:
    """Whether nobody would want an entry, were it a record: so much it says of its table and kind."""
    name = member(record.raw, "eventName")
    if not isinstance(name, str) or not is_map(record.raw) or name not in EVENT_NAMES:
        return False
    way = ways(record.table_name)[name]
    if way is not None and way.choose is not None:
        way = way.choose(cast("RawRecord", record.raw))  # patterns take whatever they are given
    return way is None


# Answers to whoever sent a batch, which decide what comes again.
#
# With ReportBatchItemFailures on the event source mapping, Lambda takes the lowest sequence number in the
# answer as its checkpoint and sends that record and all after it again (AWS Lambda Developer Guide, "Using AWS
# Lambda with Amazon DynamoDB", "Reporting batch item failures"; it does the same for Kinesis). So one number
# says all that an answer can say. A pipe of EventBridge goes by the `eventID` of each record that has to come
# again (Amazon EventBridge User Guide, "Amazon EventBridge Pipes batching and concurrency"). Who hands in a
# document of an OnFailure destination waits for no answer, and is told by an exception.


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; an empty list says that the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Raised out of a Lambda function to have the whole batch come again, where no answer could say so."""


def answer(open_failures: Sequence[Failed[object]], sender: Sender = "mapping") -> BatchResponse:
    """Name to a sender the records of failures, which have to come again.

    Fails with `BatchFailed` where a failed record has no identifier that the sender knows, and for failures of a
    sender that waits for no answer.
    """
    if not open_failures:
        return {"batchItemFailures": []}
    if sender == "destination":
        fail_whole(open_failures)
    if sender == "pipe":
        return {"batchItemFailures": [{"itemIdentifier": each} for each in _event_ids(open_failures)]}
    # Their lengths differ, so text would not do.
    return {"batchItemFailures": [{"itemIdentifier": min(_numbers(open_failures), key=magnitude)}]}


def fail_whole(open_failures: Sequence[Failed[object]]) -> None:
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
    return as_text(member(member(raw, "kinesis"), "eventID")) or record.event_id


# How Lambda takes the answer of a function: as a success, as a partial one, or as the failure of the whole
# batch.
#
# A reader of streams and the simulator take answers so, too.
#
# The shapes are those of "Reporting batch item failures" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. What is not described there, an answer that is neither an object nor empty say, is taken for
# a failure.


def settled_by(answer: object, numbers: Sequence[str]) -> int | str:
    """Count the records, from the first on, that an answer settles, or say why it fails the whole batch.

    `numbers` are the sequence numbers of the batch, in its order.

    >>> settled_by({"batchItemFailures": [{"itemIdentifier": "8"}, {"itemIdentifier": "7"}]}, ["6", "7", "8"])
    1
    >>> settled_by({"batchItemFailures": [{"itemIdentifier": "9"}]}, ["6", "7", "8"])
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
