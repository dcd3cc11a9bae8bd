"""Records: the types of the wire, `StreamRecord`, records of GetRecords, and the check of one raw record."""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple, NotRequired, TypeAlias, TypedDict, TypeGuard, cast

from typing_extensions import TypeVar, override

# The types of the wire: the JSON that DynamoDB Streams writes.
#
# An image maps attribute names to attribute values, and an attribute value maps one type tag to its content:
# ``{"title": {"S": "hello"}, "votes": {"N": "3"}}``. The tags are those of `AttributeValue` in the DynamoDB API
# Reference, the shape of a record is that of `Record` in the DynamoDB Streams API Reference.

T = TypeVar("T")

EVENT_SOURCE: Final = "aws:dynamodb"
"""The name of DynamoDB as the event source of a record."""

AttributeValue: TypeAlias = Mapping[str, object]
"""One tagged value, such as ``{"N": "3"}``."""

Image: TypeAlias = Mapping[str, AttributeValue]
"""An item as the stream carries it: attribute values by attribute name."""

EventName: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
"""The kind of change to the item."""

EVENT_NAMES: Final[tuple[EventName, ...]] = ("INSERT", "MODIFY", "REMOVE")

ImageName: TypeAlias = Literal["NewImage", "OldImage", "Keys"]
"""The parts of a stream record that hold attributes of the item."""

_NUMBER: Final = frozenset("0123456789+-.eE")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class StreamViewType(StrEnum):
    """Which images a stream carries; `Keys` it carries always.

    >>> StreamViewType("KEYS_ONLY")
    <StreamViewType.KEYS_ONLY: 'KEYS_ONLY'>
    """

    NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"
    NEW_IMAGE = "NEW_IMAGE"
    OLD_IMAGE = "OLD_IMAGE"
    KEYS_ONLY = "KEYS_ONLY"


KeyTag: TypeAlias = Literal["B", "N", "S"]
"""The type of a key (DynamoDB API Reference, `AttributeDefinition`)."""


class KeyAttribute(NamedTuple):
    """A key attribute: its name and its type tag, S, N or B."""

    name: str
    tag: KeyTag


class RawChange(TypedDict):
    """The `dynamodb` part of a record: the change. Members of type `object` are not checked at reading."""

    Keys: Image
    NewImage: NotRequired[Image | None]
    OldImage: NotRequired[Image | None]
    ApproximateCreationDateTime: NotRequired[object]
    SequenceNumber: NotRequired[object]
    SizeBytes: NotRequired[object]
    StreamViewType: NotRequired[object]


class RawRecord(TypedDict):
    """A record of a stream, as Lambda and GetRecords return it (GetRecords leaves the ARN out).

    For a record that did not come from a stream of its table, `tableName` names the table, and `kinesis` holds the
    fields of Kinesis.
    """

    eventID: str
    eventName: EventName
    dynamodb: RawChange
    awsRegion: NotRequired[object]
    eventSource: NotRequired[object]
    eventSourceARN: NotRequired[object]
    eventVersion: NotRequired[object]
    kinesis: NotRequired[object]
    tableName: NotRequired[object]
    userIdentity: NotRequired[object]


def is_map(value: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a piece of a payload is a JSON object; JSON's keys are text.

    >>> is_map({"S": "hello"}), is_map(["S", "hello"])
    (True, False)
    """
    return isinstance(value, dict)


def json_type(value: object) -> str:
    """Return the JSON type of a piece of a payload; for a value that JSON lacks, the name of its Python type.

    >>> [json_type(each) for each in (None, True, 1, 1.5, "a", [], {}, b"a")]
    ['null', 'boolean', 'number', 'number', 'string', 'array', 'object', 'bytes']
    """
    return _JSON_TYPES.get(type(value), type(value).__name__)


_JSON_TYPES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def deep_copy(value: T) -> T:
    """Copy the objects and arrays of a payload, to any depth.

    >>> original = {"L": [{"S": "a"}]}
    >>> deep_copy(original)["L"].clear()
    >>> original
    {'L': [{'S': 'a'}]}
    """
    copies: list[dict[object, object] | list[object]] = []

    def copy(part: object) -> object:
        if isinstance(part, dict | list):
            copies.append(part := cast("dict[object, object] | list[object]", part).copy())
        return part

    whole = copy(value)
    for each in copies:  # grows until all parts are copies
        if isinstance(each, dict):
            for name, part in each.items():
                each[name] = copy(part)
        else:
            each[:] = map(copy, each)
    return cast("T", whole)  # of a T comes a T


def is_same(one: object, other: object) -> bool:
    """Return whether two pieces of payloads are equal, however deep they nest."""
    try:
        return one == other
    except RecursionError:
        return one is other or flattened(one) == flattened(other)


def flattened(value: object) -> list[str]:
    """List the parts of a piece of a payload, to any depth, the same for equal pieces.

    A part that occurs twice, or within itself, is listed once: JSON cannot contain such parts.

    >>> flattened({"b": [1, "x"], "a": None})
    ["{'a', 'b'}", 'None', '[2]', '1', "'x'"]
    """
    told: list[str] = []
    known: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict | list):
            told.append(repr(part))
        elif id(cast("object", part)) in known:  # isinstance knows no parameters
            told.append("^")
        elif isinstance(part, list):
            elements = cast("list[object]", part)  # the same
            known.add(id(elements))
            told.append(f"[{len(elements)}]")
            waiting += reversed(elements)
        else:
            members = cast("dict[object, object]", part)  # the same
            known.add(id(members))
            names = sorted(members, key=repr)
            told.append(f"{{{', '.join(map(repr, names))}}}")
            waiting += [members[name] for name in reversed(names)]
    return told


def text_or_none(value: object) -> str | None:
    """Return a piece of a payload if it is text, otherwise None."""
    return value if isinstance(value, str) else None


def sequence_number_or_none(value: object) -> str | None:
    """Return a piece of a payload if it is a sequence number, decimal text of up to 128 digits, otherwise None.

    The numbers of DynamoDB have up to 40 digits (`StreamRecord` in the DynamoDB Streams API Reference), those of
    Kinesis some more.
    """
    if isinstance(value, str) and len(value) <= 128 and value.isascii() and value.isdecimal():
        return value
    return None


def sequence_order(number: str) -> tuple[int, str]:
    """Return a sort key that orders decimal text of any length, with or without leading zeros, by its value.

    >>> sorted(["100", "99", "007"], key=sequence_order)
    ['007', '99', '100']
    """
    digits = number.lstrip("0")
    return len(digits), digits


def to_datetime(value: object) -> datetime | None:
    """Return a piece of a payload as a time, or None if it is no time.

    Lambda writes the seconds since 1970, often with a fraction; boto3 converts them to a datetime. Others write
    milliseconds, microseconds or nanoseconds, which differ in magnitude (`unit_of`), and some write text: such a
    number, or ISO 8601.

    >>> to_datetime(1_700_000_000.5) == to_datetime(1_700_000_000_500) == to_datetime("2023-11-14T22:13:20.5Z")
    True
    >>> to_datetime(1_700_000_000.5)
    datetime.datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=datetime.timezone.utc)
    """
    number = number_or_none(value)
    try:
        if number is not None:
            return moment_of(number, unit_of(number))
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        pass
    return None


def iso_moment(text: object) -> datetime | None:
    """Read a moment in ISO 8601 with its time zone, and give it in UTC; None for anything else.

    >>> iso_moment("2023-11-15T00:00:00+02:00")
    datetime.datetime(2023, 11, 14, 22, 0, tzinfo=datetime.timezone.utc)
    >>> iso_moment("2023-11-15T00:00:00"), iso_moment("now"), iso_moment(7)
    (None, None, None)
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last hours that there are may be none in UTC
        return None


def number_or_none(value: object) -> int | float | None:
    """Return a piece of a payload as a number, also from text, or None if it is no number.

    >>> number_or_none(3), number_or_none("1.479499740E9"), number_or_none(True), number_or_none("now")
    (3, 1479499740.0, None, None)
    """
    if isinstance(value, str):
        try:
            return int(value) if value.isdecimal() else float(value) if _NUMBER.issuperset(value) else None
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def unit_of(number: float) -> int:
    """Return how many units a second has, for a time since 1970, by the magnitude of the number.

    A number that a datetime can hold as seconds, up to the year 9999, counts seconds. Two units are a thousand times
    apart, so one number stands for a time from 1978 to 5138 in one of them alone.

    >>> unit_of(1_700_000_000), unit_of(1_700_000_000_000), unit_of(1_700_000_000_000_000)
    (1, 1000, 1000000)
    """
    size = abs(number)
    if size < 253_402_300_800:
        return 1
    if size < 100_000_000_000_000:
        return 1_000
    return 1_000_000 if size < 100_000_000_000_000_000 else 1_000_000_000


def moment_of(number: float, unit: int) -> datetime:
    """Return the time that is this many units after 1970; a second has `unit` of them.

    Raises `OverflowError` or `ValueError` for a time that a datetime cannot hold.
    """
    seconds, rest = divmod(number, unit)  # whole numbers stay exact
    return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 / unit)


# Stream records: one change to one item each, and their substitute for an entry that is no record.
#
# Their properties cannot fail: the check of the entry covers the members that they read.

_VIEW_TYPES: Final = {view.value: view for view in StreamViewType}
_STREAM_ARN: Final = re.compile(r"arn:[^:]+:dynamodb:[^:]*:[^:]*:table/(?P<table>[^/]+)/stream/.+")


class StreamRecord:
    """One change to one item, as DynamoDB Streams reports it.

    Its properties return copies of mutable values, so that no handler changes the values of another. The fields are
    those of `Record` and `StreamRecord` in the DynamoDB Streams API Reference.
    """

    # No dataclass, and no __init__: there is one object for each record, and these would cost more than the checks.
    __slots__ = ("_raw",)
    _raw: RawRecord

    @property
    def event_id(self) -> str:
        """The globally unique identifier of this change, the same in every redelivery."""
        return self._raw["eventID"]

    @property
    def event_name(self) -> EventName:
        """The kind of change to the item."""
        return self._raw["eventName"]

    @property
    def sequence_number(self) -> str | None:
        """The record's place in its shard: a decimal number of any length, as text; None if there is none.

        For a record that came through Kinesis, this is the place in the Kinesis shard.
        """
        return sequence_number_or_none(self._raw["dynamodb"].get("SequenceNumber"))

    @property
    def event_source_arn(self) -> str | None:
        """The ARN of the stream, or of the Kinesis stream on the way; None in records of GetRecords."""
        return text_or_none(self._raw.get("eventSourceARN"))

    @property
    def table_name(self) -> str | None:
        """The table's name: from the ARN of its stream, or else from the record; None if neither has one."""
        return table_of(self.event_source_arn) or text_or_none(self._raw.get("tableName"))

    @property
    def region(self) -> str | None:
        """The AWS region in which the change was made."""
        return text_or_none(self._raw.get("awsRegion"))

    @property
    def keys(self) -> Image:
        """The item's key attributes, as attribute values; streams of all view types carry them."""
        return deep_copy(self._raw["dynamodb"]["Keys"])

    @property
    def new_image(self) -> Image | None:
        """The item after the change, as attribute values; None if it was removed or the view type leaves it out."""
        return deep_copy(self.raw_image("NewImage"))

    @property
    def old_image(self) -> Image | None:
        """The item before the change, as attribute values; None if it is new or the view type leaves it out."""
        return deep_copy(self.raw_image("OldImage"))

    @property
    def view_type(self) -> StreamViewType | None:
        """The images that the stream carries; None if the record does not say, or names an unknown type."""
        return _VIEW_TYPES.get(text_or_none(self._raw["dynamodb"].get("StreamViewType")) or "")

    @property
    def approximate_creation(self) -> datetime | None:
        """The time of the change, in UTC; None if the record has none."""
        return to_datetime(self._raw["dynamodb"].get("ApproximateCreationDateTime"))

    @property
    def size_bytes(self) -> int | None:
        """The size of the record as DynamoDB counts it, in bytes; None if the record has none."""
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
    def is_of_kinesis(self) -> bool:
        """Whether a Kinesis stream carried the change, and not the table's own stream."""
        return "kinesis" in self._raw

    @property
    def raw(self) -> RawRecord:
        """A copy of the record as it was received."""
        return deep_copy(self._raw)

    def raw_image(self, image: ImageName) -> Image | None:
        """Look at a part of the record without copying it: for reading only."""
        return self._raw["dynamodb"].get(image)

    @override
    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, StreamRecord) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.event_id)

    @override
    def __repr__(self) -> str:
        return (
            f"StreamRecord({self.event_name}, table_name={self.table_name!r}, event_id={self.event_id!r}, "
            f"sequence_number={self.sequence_number!r})"
        )


def stream_record(raw: RawRecord) -> StreamRecord:
    """Return the record of a checked entry."""
    record = StreamRecord()
    record._raw = raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (in place of an __init__)
    return record


@dataclass(frozen=True, slots=True, repr=False)
class MalformedRecord:
    """An entry of a batch that is no stream record, with the members that could still be read.

    `position` is its index in the batch; `event_id` and `sequence_number` are None if it has no usable ones.
    """

    raw: object
    position: int
    problem: str
    event_id: str | None
    sequence_number: str | None

    @property
    def event_source_arn(self) -> str | None:
        """The stream's ARN; None if the entry has no usable one."""
        return text_or_none(self.raw.get("eventSourceARN")) if is_map(self.raw) else None

    @property
    def table_name(self) -> str | None:
        """The table's name, if the entry has one; see `StreamRecord.table_name`."""
        told = text_or_none(self.raw.get("tableName")) if is_map(self.raw) else None
        return table_of(self.event_source_arn) or told

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


_PARTS: Final[tuple[ImageName, ...]] = ("Keys", "NewImage", "OldImage")


def is_one_change(one: Record, other: Record) -> bool:
    """Return whether two records of one name are the same change: to the same item, in the same stream.

    Kinesis gives a change that it carries twice two numbers. In a DynamoDB stream, two numbers are two changes.
    """
    if not isinstance(one, StreamRecord) or not isinstance(other, StreamRecord):
        return is_same(one.raw, other.raw)
    return (
        one.event_name == other.event_name
        and (one.event_source_arn, one.table_name) == (other.event_source_arn, other.table_name)
        and (one.sequence_number == other.sequence_number or (one.is_of_kinesis and other.is_of_kinesis))
        and all(is_same(one.raw_image(part), other.raw_image(part)) for part in _PARTS)
    )


@lru_cache(maxsize=256)
def table_of(arn: str | None) -> str | None:
    """Read a table's name from the ARN of its stream; None if it is none."""
    match = _STREAM_ARN.fullmatch(arn or "")
    return match["table"] if match else None


# Records as GetRecords returns them, converted to the form that Lambda sends for the same change.
#
# Lambda writes JSON, and boto3 converts the answer to Python. The names of the two differ in one place: `Identity` in
# the DynamoDB Streams API Reference has ``PrincipalId`` and ``Type``, and the event of "Using AWS Lambda with Amazon
# DynamoDB" has ``principalId`` and ``type``. The stream's ARN is Lambda's alone.

_IDENTITY: Final = {"PrincipalId": "principalId", "Type": "type"}
"""The names in an identity: GetRecords' and Lambda's."""


def as_lambda_sends(record: Mapping[str, object], stream: str) -> dict[str, object]:
    """Convert a record of GetRecords into Lambda's form, so that handlers see no difference.

    Lambda adds the ARN of the stream, and writes bytes as base64 text and times as seconds since 1970. A record that
    has Lambda's shape stays as it is. Raises `TypeError` for a value that no stream record holds.

    >>> as_lambda_sends({"userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}}, "arn:…")
    {'userIdentity': {'principalId': 'dynamodb.amazonaws.com', 'type': 'Service'},
     'eventSource': 'aws:dynamodb', 'eventSourceARN': 'arn:…'}
    >>> as_lambda_sends({"dynamodb": {"Keys": {"id": {"B": b"hi"}}}}, "arn:…")
    {'dynamodb': {'Keys': {'id': {'B': 'aGk='}}}, 'eventSource': 'aws:dynamodb', 'eventSourceARN': 'arn:…'}
    """
    plain: dict[str, object] = json.loads(json.dumps(record, default=_checked))
    return {**with_identity(plain), "eventSource": EVENT_SOURCE, "eventSourceARN": stream}


def with_identity(record: Mapping[str, object]) -> Mapping[str, object]:
    """Return a record whose `userIdentity` has Lambda's names; a record without an identity is unchanged."""
    identity = record.get("userIdentity")
    if not is_map(identity) or identity.keys().isdisjoint(_IDENTITY):
        return record
    renamed: dict[str, object] = {}
    for name, value in identity.items():
        place = _IDENTITY.get(name, name)
        if renamed.get(place) is None:  # a tool that knows both names may leave one of them empty
            renamed[place] = value
    return {**record, "userIdentity": renamed}


def as_json_value(value: object) -> object:
    """Write a value that boto3 makes, and JSON has no word for, as Lambda does. Raises `LookupError` for others."""
    if isinstance(value, bytes | bytearray):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, set | frozenset):
        return list(cast("set[object]", value))  # isinstance knows the set, not its elements
    raise LookupError


def _checked(value: object) -> object:
    try:
        return as_json_value(value)
    except LookupError:
        raise TypeError(f"a stream record holds no {type(value).__name__}") from None


# Entries of a batch: each is checked once, so that no property of a `StreamRecord` can fail later.


def parse_record(entry: object, position: int) -> Record:
    """Check one entry of a batch, at its index there; an entry that is no stream record becomes a `MalformedRecord`."""
    if is_map(entry) and is_map(entry.get("userIdentity")):
        entry = with_identity(entry)
    if (problem := _validation_error(entry)) is None:
        # `_validation_error` has just checked all that RawRecord promises.
        return stream_record(cast("RawRecord", entry))
    return MalformedRecord(
        entry,
        position,
        problem,
        event_id=text_or_none(get_member(entry, "eventID")) or None,
        sequence_number=sequence_number_or_none(get_member(get_member(entry, "dynamodb"), "SequenceNumber")),
    )


def get_member(value: object, name: str) -> object:
    """Return a member of a piece of a payload, or None."""
    return value.get(name) if is_map(value) else None


def _validation_error(entry: object) -> str | None:
    """Return why an entry is no stream record, or None if it is one. Names types, never values."""
    if not is_map(entry):
        return f"expected an object, got {json_type(entry)}"
    change = entry.get("dynamodb")
    if not is_map(change):
        return _expected("dynamodb", "an object", change)
    if not text_or_none(entry.get("eventID")):
        return _expected("eventID", "text", entry.get("eventID"))
    if (source := entry.get("eventSource")) is not None and source != EVENT_SOURCE:
        return f"eventSource: expected {EVENT_SOURCE}"
    if entry.get("eventName") not in EVENT_NAMES:
        return _expected("eventName", "INSERT, MODIFY or REMOVE", entry.get("eventName"))
    if not is_map(change.get("Keys")):
        return _expected("dynamodb.Keys", "an object", change.get("Keys"))
    for image in ("NewImage", "OldImage"):
        if (found := change.get(image)) is not None and not is_map(found):
            return _expected(f"dynamodb.{image}", "an object", found)
    return None


def _expected(path: str, what: str, found: object) -> str:
    if found is None:
        return f"{path} is missing"
    got = "an empty string" if found == "" else f"another {json_type(found)}"
    return f"{path}: expected {what}, got {got}"
