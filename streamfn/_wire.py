"""The words of the wire: what DynamoDB Streams writes, before anything is made of it.

An image maps attribute names to attribute values, and an attribute value maps one type tag to its content:
``{"title": {"S": "hello"}, "votes": {"N": "3"}}``. The tags are those of `AttributeValue` in the DynamoDB API
Reference, the shape of a record is that of `Record` in the DynamoDB Streams API Reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NotRequired, TypeAlias, TypedDict, TypeGuard, cast

from typing_extensions import TypeVar

T = TypeVar("T")

EVENT_SOURCE: Final = "aws:dynamodb"
"""How a record names the service that it comes from."""

AttributeValue: TypeAlias = Mapping[str, object]
"""One tagged value, such as ``{"N": "3"}``."""

Image: TypeAlias = Mapping[str, AttributeValue]
"""An item as the stream carries it: attribute values by attribute name."""

EventName: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
"""What happened to the item."""

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


class RawChange(TypedDict):
    """The `dynamodb` part of a record: what changed. What is typed `object` is not checked at reading."""

    Keys: Image
    NewImage: NotRequired[Image | None]
    OldImage: NotRequired[Image | None]
    ApproximateCreationDateTime: NotRequired[object]
    SequenceNumber: NotRequired[object]
    SizeBytes: NotRequired[object]
    StreamViewType: NotRequired[object]


class RawRecord(TypedDict):
    """A record of a stream, as Lambda and GetRecords hand it over (GetRecords leaves the ARN out).

    Where a record came on another way than a stream of its table, `tableName` says which table it is of, and `kinesis`
    what Kinesis said of it.
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
    """Tell whether a piece of a payload is a JSON object; JSON's keys are text.

    >>> is_map({"S": "hello"}), is_map(["S", "hello"])
    (True, False)
    """
    return isinstance(value, dict)


def json_type(value: object) -> str:
    """Name the type of a piece of a payload as JSON does; what JSON does not have goes by Python's name.

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


def copied(value: T) -> T:
    """Copy what a payload is made of, objects and arrays, however deep they lie within one another.

    >>> original = {"L": [{"S": "a"}]}
    >>> copied(original)["L"].clear()
    >>> original
    {'L': [{'S': 'a'}]}
    """
    copies: list[dict[object, object] | list[object]] = []

    def copy(part: object) -> object:
        if isinstance(part, dict | list):
            copies.append(part := cast("dict[object, object] | list[object]", part).copy())
        return part

    whole = copy(value)
    for each in copies:  # which grows until all that is in it is a copy as well
        if isinstance(each, dict):
            for name, part in each.items():
                each[name] = copy(part)
        else:
            each[:] = map(copy, each)
    return cast("T", whole)  # of a T comes a T


def is_same(one: object, other: object) -> bool:
    """Whether two pieces of payloads are equal, however deep they nest."""
    try:
        return one == other
    except RecursionError:
        return one is other or flattened(one) == flattened(other)


def flattened(value: object) -> list[str]:
    """Tell all that is in a piece of a payload, however deep it nests, the same for what is equal.

    A part that it holds twice, or within itself, is told once: JSON can hold nothing so.

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


def as_text(value: object) -> str | None:
    """Take a piece of a payload for text, or for nothing."""
    return value if isinstance(value, str) else None


def as_sequence_number(value: object) -> str | None:
    """Take a piece of a payload for a sequence number, decimal text of up to 128 digits, or for nothing.

    Those of DynamoDB have up to 40 digits (`StreamRecord` in the DynamoDB Streams API Reference), those of
    Kinesis some more.
    """
    if isinstance(value, str) and len(value) <= 128 and value.isascii() and value.isdecimal():
        return value
    return None


def magnitude(number: str) -> tuple[int, str]:
    """Order decimal text of any length, leading zeros or not, by how large a number it is.

    >>> sorted(["100", "99", "007"], key=magnitude)
    ['007', '99', '100']
    """
    digits = number.lstrip("0")
    return len(digits), digits


def as_moment(value: object) -> datetime | None:
    """Take a piece of a payload for a time, or for nothing.

    Lambda writes the seconds since 1970, often with a fraction; boto3 makes a datetime of them. Others write
    milliseconds, microseconds or nanoseconds, which their size tells apart (`unit_of`), and some write text: such a
    number, or ISO 8601.

    >>> as_moment(1_700_000_000.5) == as_moment(1_700_000_000_500) == as_moment("2023-11-14T22:13:20.5Z")
    True
    >>> as_moment(1_700_000_000.5)
    datetime.datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=datetime.timezone.utc)
    """
    number = as_number(value)
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


def as_number(value: object) -> int | float | None:
    """Take a piece of a payload for a number, which may be written as text, or for nothing.

    >>> as_number(3), as_number("1.479499740E9"), as_number(True), as_number("now")
    (3, 1479499740.0, None, None)
    """
    if isinstance(value, str):
        try:
            return int(value) if value.isdecimal() else float(value) if _NUMBER.issuperset(value) else None
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def unit_of(number: float) -> int:
    """Say how many of its unit a second has, for a time since 1970: by how large the number is.

    What a datetime can hold as seconds is that, up to the year 9999. Two units are a thousand times apart, and so one
    number stands for a time from 1978 to 5138 in one of them alone.

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
    """Give the time that is so many units after 1970; a second has `unit` of them.

    Fails with `OverflowError` or `ValueError` for a time that a datetime cannot hold.
    """
    seconds, rest = divmod(number, unit)  # so that whole numbers lose nothing
    return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 / unit)
