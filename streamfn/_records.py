"""The first stage: from the payload that a function receives to its stream records.

`read` checks each record once, here, so that no property of a `StreamRecord` can fail later. An entry that
does not pass stays in the list as a `MalformedRecord`: it has a place in the batch, and losing sight of it
would lose it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias, cast

from typing_extensions import override

from streamfn._wire import (
    EVENT_NAMES,
    EVENT_SOURCE,
    EventName,
    Image,
    ImageName,
    RawRecord,
    StreamViewType,
    is_map,
)

_VIEW_TYPES: Final = {view.value: view for view in StreamViewType}
_STREAM_ARN: Final = re.compile(r"arn:[^:]+:dynamodb:[^:]*:[^:]*:table/(?P<table>[^/]+)/stream/.+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999, where `datetime` ends."""


class NotAStreamEvent(ValueError):
    """The payload as a whole is no event of a DynamoDB stream; the message says what was expected.

    It is raised, not returned: there is no record that a Result could be about. A Lambda function that lets
    it through fails the invocation, so that whoever sent the payload still has it.
    """


@dataclass(frozen=True, slots=True, repr=False)
class StreamRecord:
    """One change to one item, as DynamoDB Streams reports it.

    Its properties hand out copies of what can be changed, so that no handler changes what another one sees.
    The fields are those of `Record` and `StreamRecord` in the DynamoDB Streams API Reference.
    """

    _raw: RawRecord

    @property
    def event_id(self) -> str:
        """The globally unique identifier of this change, the same in every redelivery."""
        return self._raw["eventID"]

    @property
    def event_name(self) -> EventName:
        """What happened to the item."""
        return self._raw["eventName"]

    @property
    def sequence_number(self) -> str | None:
        """The record's place in its shard: a decimal number of any length, as text; None where there is none."""
        return _sequence_number(self._raw["dynamodb"].get("SequenceNumber"))

    @property
    def event_source_arn(self) -> str | None:
        """The stream's ARN; None in what GetRecords returns."""
        return _text(self._raw.get("eventSourceARN"))

    @property
    def table_name(self) -> str | None:
        """The table's name, read from the stream's ARN; None where there is no such ARN."""
        arn = self.event_source_arn
        return None if arn is None else _table_of(arn)

    @property
    def region(self) -> str | None:
        """The AWS region in which the change was made."""
        return _text(self._raw.get("awsRegion"))

    @property
    def keys(self) -> Image:
        """The item's key attributes, as attribute values; a stream carries them whatever its view type."""
        return deepcopy(self._raw["dynamodb"]["Keys"])

    @property
    def new_image(self) -> Image | None:
        """The item after the change, as attribute values; None if it was removed or the view type leaves it out."""
        return deepcopy(self.peek("NewImage"))

    @property
    def old_image(self) -> Image | None:
        """The item before the change, as attribute values; None if it is new or the view type leaves it out."""
        return deepcopy(self.peek("OldImage"))

    @property
    def view_type(self) -> StreamViewType | None:
        """Which images the stream carries; None if the record does not say, or says what is not known here."""
        return _VIEW_TYPES.get(_text(self._raw["dynamodb"].get("StreamViewType")) or "")

    @property
    def approximate_creation(self) -> datetime | None:
        """When the change was written, in UTC; None if the record does not say."""
        return _moment(self._raw["dynamodb"].get("ApproximateCreationDateTime"))

    @property
    def size_bytes(self) -> int | None:
        """The size of the record as DynamoDB counts it, in bytes; None if the record does not say."""
        size = self._raw["dynamodb"].get("SizeBytes")
        return size if isinstance(size, int) else None

    @property
    def expired(self) -> bool:
        """Whether the item was removed by DynamoDB's time to live and not by a client.

        True only in the region where it expired: in a replica of a global table such a removal looks like a
        client's (DynamoDB Developer Guide, "DynamoDB Streams and Time to Live").
        """
        identity = self._raw.get("userIdentity")
        return (
            self.event_name == "REMOVE"
            and is_map(identity)
            and identity.get("type") == "Service"
            and identity.get("principalId") == "dynamodb.amazonaws.com"
        )

    @property
    def raw(self) -> RawRecord:
        """A copy of the record as it was received."""
        return deepcopy(self._raw)

    def peek(self, image: ImageName) -> Image | None:
        """Look at a part of the record without copying it: for reading only."""
        change = self._raw["dynamodb"]
        return change["Keys"] if image == "Keys" else change.get(image)

    @override
    def __hash__(self) -> int:
        return hash(self.event_id)

    @override
    def __repr__(self) -> str:
        return (
            f"StreamRecord({self.event_name}, table_name={self.table_name!r}, event_id={self.event_id!r}, "
            f"sequence_number={self.sequence_number!r})"
        )


@dataclass(frozen=True, slots=True, repr=False)
class MalformedRecord:
    """An entry of a batch that is no stream record, with what could still be read of it.

    `position` is its index in the batch; `event_id` and `sequence_number` are None where it has no usable
    ones.
    """

    raw: object
    position: int
    problem: str
    event_id: str | None
    sequence_number: str | None

    @override
    def __hash__(self) -> int:
        return hash((self.position, self.event_id, self.sequence_number))

    @override
    def __repr__(self) -> str:
        return (
            f"MalformedRecord(position={self.position}, problem={self.problem!r}, event_id={self.event_id!r}, "
            f"sequence_number={self.sequence_number!r})"
        )


Record: TypeAlias = StreamRecord | MalformedRecord
"""An entry of a batch."""


def read(payload: object) -> list[Record]:
    """Take the records out of a Lambda event, in the order of the batch, one element for each entry.

    `payload` is what Lambda hands to a function: ``{"Records": [record, …]}``; what GetRecords answers has
    that shape too. A batch in which no entry comes from DynamoDB is not one of ours; a single stranger is a
    `MalformedRecord`.

    Fails with `NotAStreamEvent` if the payload is of another shape or of another service.

    >>> read({"Records": []})
    []
    >>> read({"Records": [{"eventSource": "aws:sqs", "body": "…"}]})
    Traceback (most recent call last):
    ...
    streamfn._records.NotAStreamEvent: expected the event of a DynamoDB stream, got records of aws:sqs
    """
    entries = _entries(payload)
    sources = [_source(entry) for entry in entries]
    if (stranger := sources[0] if sources else None) and EVENT_SOURCE not in sources and None not in sources:
        raise NotAStreamEvent(f"expected the event of a DynamoDB stream, got records of {stranger}")
    return [_record(entry, position) for position, entry in enumerate(entries)]


def _entries(payload: object) -> Sequence[object]:
    expected = 'expected the event of a DynamoDB stream, {"Records": [...]}'
    if not is_map(payload):
        raise NotAStreamEvent(f"{expected}, got {type(payload).__name__}")
    if "Records" not in payload:
        raise NotAStreamEvent(f"{expected}, got an object without Records")
    records = payload["Records"]
    if not isinstance(records, list):
        raise NotAStreamEvent(f"{expected}, got Records of type {type(records).__name__}")
    return cast("list[object]", records)  # isinstance knows the list, not what is in it


def _source(entry: object) -> str | None:
    """The service that an entry names; some spell the key with a capital."""
    return _text(_member(entry, "eventSource") or _member(entry, "EventSource"))


def _record(entry: object, position: int) -> Record:
    if (problem := _problem(entry)) is None:
        return StreamRecord(cast("RawRecord", entry))  # _problem has just checked all that RawRecord promises
    return MalformedRecord(
        entry,
        position,
        problem,
        event_id=_text(_member(entry, "eventID")) or None,
        sequence_number=_sequence_number(_member(_member(entry, "dynamodb"), "SequenceNumber")),
    )


def _member(value: object, name: str) -> object:
    return value.get(name) if is_map(value) else None


def _problem(entry: object) -> str | None:
    """Say why an entry is no stream record, or None if it is one. Says what is there, never its value."""
    if not is_map(entry):
        return f"expected an object, got {type(entry).__name__}"
    change = entry.get("dynamodb")
    if not is_map(change):
        return _expected("dynamodb", "an object", change)
    if not _text(entry.get("eventID")):
        return _expected("eventID", "text", entry.get("eventID"))
    if entry.get("eventSource", EVENT_SOURCE) != EVENT_SOURCE:
        return f"eventSource: expected {EVENT_SOURCE}"
    if entry.get("eventName") not in EVENT_NAMES:
        return _expected("eventName", "INSERT, MODIFY or REMOVE", entry.get("eventName"))
    if not is_map(change.get("Keys")):
        return _expected("dynamodb.Keys", "an object", change.get("Keys"))
    for image in ("NewImage", "OldImage"):
        if (found := change.get(image)) is not None and not is_map(found):
            return _expected(f"dynamodb.{image}", "an object", found)
    written = change.get("ApproximateCreationDateTime")
    if written is not None and _moment(written) is None:
        return _expected("dynamodb.ApproximateCreationDateTime", "seconds since 1970", written)
    return None


def _expected(path: str, what: str, found: object) -> str:
    return (
        f"{path} is missing"
        if found is None
        else f"{path}: expected {what}, got another {type(found).__name__}"
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _sequence_number(value: object) -> str | None:
    return value if isinstance(value, str) and value.isascii() and value.isdecimal() else None


@lru_cache(maxsize=256)
def _table_of(arn: str) -> str | None:
    match = _STREAM_ARN.fullmatch(arn)
    return match["table"] if match else None


def _moment(value: object) -> datetime | None:
    """A time as Lambda writes it (seconds, often with a fraction) or as boto3 does (a datetime)."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float) and 0 <= value <= _LAST_SECOND:
        return _EPOCH + timedelta(seconds=value)
    return None
