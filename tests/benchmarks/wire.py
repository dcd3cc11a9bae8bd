"""What a load is made of: attribute values, images and records, as a Lambda event carries them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, NotRequired, TypeAlias, TypedDict, cast


class Value(TypedDict):
    """One attribute value. Exactly one of these tags is there, and who reads a model's image knows which."""

    S: str
    N: str
    B: str
    BOOL: bool
    NULL: Literal[True]
    SS: list[str]
    L: list[Value]
    M: dict[str, Value]


Image: TypeAlias = dict[str, Value]
"""An item: attribute values by attribute name."""

EventName: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]


class Change(TypedDict):
    """What changed, and how the item looked before and after."""

    ApproximateCreationDateTime: float
    Keys: Image
    NewImage: NotRequired[Image]
    OldImage: NotRequired[Image]
    SequenceNumber: str
    SizeBytes: int
    StreamViewType: str


class Record(TypedDict):
    """One record of a stream."""

    eventID: str
    eventName: EventName
    eventVersion: str
    eventSource: str
    awsRegion: str
    eventSourceARN: str
    dynamodb: Change


Payload: TypeAlias = dict[str, list[Record]]
"""What Lambda hands to a function: ``{"Records": [record, …]}``."""


def text(value: str) -> Value:
    """Write a text."""
    return _value("S", value)


def number(value: float | Decimal) -> Value:
    """Write a number."""
    return _value("N", str(value))


def truth(value: bool) -> Value:  # noqa: FBT001 (the value is all there is)
    """Write a truth value."""
    return _value("BOOL", value)


def texts(values: Iterable[str]) -> Value:
    """Write a list of texts."""
    return listed(map(text, values))


def listed(values: Iterable[Value]) -> Value:
    """Write a list."""
    return _value("L", list(values))


def text_set(values: Iterable[str]) -> Value:
    """Write a set of texts."""
    return _value("SS", list(values))


def binary(value: bytes) -> Value:
    """Write a binary, in base64 as Lambda does."""
    return _value("B", b64encode(value).decode())


def null() -> Value:
    """Write that there is nothing."""
    return _value("NULL", True)  # noqa: FBT003 (as DynamoDB writes it)


def nested(image: Image) -> Value:
    """Write a map."""
    return _value("M", image)


def count_attributes(image: Mapping[str, Value]) -> int:
    """Count the attributes of an image, those of nested maps and the elements of lists included."""
    return sum(1 + _count_within(value) for value in image.values())


def _count_within(value: Value) -> int:
    tags = set(value)
    if "M" in tags:
        return count_attributes(value["M"])
    return sum(1 + _count_within(part) for part in value["L"]) if "L" in tags else 0


def _value(tag: str, content: object) -> Value:
    return cast("Value", cast("object", {tag: content}))  # one tag, as `Value` says
