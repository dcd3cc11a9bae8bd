"""Shapes: what the values of an attribute have in common, as the type that reads all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from streamfn._conversion.numbers import read_int
from streamfn._conversion.problems import Unfit
from streamfn._conversion.scalars import read_datetime
from streamfn._conversion.tags import tagged
from streamfn._wire import AttributeValue, Image

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""A date with a time and its offset from UTC, as RFC 3339 has it; what else is ISO 8601 may be chance."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
"""What a programmer may have named a key of a map."""


@dataclass(frozen=True)
class Scalar:
    """A type that is written by its name."""

    name: str


@dataclass(frozen=True)
class Collection:
    """A tuple or a frozenset of one shape; None where no element was ever seen."""

    name: str
    elements: Shape | None


@dataclass(frozen=True)
class Dictionary:
    """A map whose keys are data."""

    values: Shape | None


@dataclass(frozen=True)
class Attributes:
    """A map, or an item, whose keys are names, each with its shape and whether all samples have it."""

    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Field:
    """What is known of an attribute."""

    shape: Shape
    always: bool


@dataclass(frozen=True)
class Shape:
    """What an attribute may be; its members have type tags that differ, and `nullable` adds None to them."""

    members: tuple[Member, ...]
    nullable: bool


Member: TypeAlias = Scalar | Collection | Dictionary | Attributes

INT: Final = Scalar("int")
DECIMAL: Final = Scalar("Decimal")
TEXT: Final = Scalar("str")
MOMENT: Final = Scalar("datetime")
BINARY: Final = Scalar("bytes")

_PLAIN: Final[Mapping[str, Scalar]] = {"BOOL": Scalar("bool"), "B": BINARY}


def attributes_of(images: Sequence[Image]) -> Attributes:
    """Find the attributes that items, or maps of one place in them, have."""
    found: dict[str, list[AttributeValue]] = {}
    for image in images:
        for name, value in image.items():
            found.setdefault(name, []).append(value)
    return Attributes(
        {name: Field(shape_of(values), len(values) == len(images)) for name, values in sorted(found.items())}
    )


def shape_of(values: Iterable[AttributeValue]) -> Shape:
    """Find the shape of attribute values. Fails with `Unfit` for what is none."""
    by_tag: dict[str, list[object]] = {}
    for value in values:
        tag, held = tagged(value)
        by_tag.setdefault(tag, []).append(held)
    nullable = by_tag.pop("NULL", None) is not None
    return Shape(tuple(_member(tag, held) for tag, held in sorted(by_tag.items())), nullable)


def _member(tag: str, held: Sequence[object]) -> Member:
    """Find the type for what attribute values of one tag hold."""
    match tag:
        case "S":
            return MOMENT if all(map(_is_moment, held)) else TEXT
        case "N":
            return _number(held)
        case "SS" | "NS" | "BS":
            elements = [element for each in held for element in cast("Sequence[object]", each)]
            scalars = {"SS": TEXT, "NS": _number(elements), "BS": BINARY}
            return Collection("frozenset", Shape((scalars[tag],), nullable=False))
        case "L":
            # What a list holds are attribute values.
            inner = [value for each in held for value in cast("Sequence[AttributeValue]", each)]
            return Collection("tuple", shape_of(inner) if inner else None)
        case "M":
            return _map(cast("Sequence[Image]", held))  # what a map holds are attribute values
        case _:
            return _PLAIN[tag]


def _number(held: Iterable[object]) -> Scalar:
    return INT if all(map(_is_whole, held)) else DECIMAL


def _is_whole(number: object) -> bool:
    try:
        read_int({"N": number})
    except Unfit:
        return False
    return True


def _is_moment(text: object) -> bool:
    if not isinstance(text, str) or _MOMENT.fullmatch(text) is None:
        return False
    try:
        read_datetime({"S": text})
    except Unfit:
        return False
    return True


def _map(maps: Sequence[Image]) -> Attributes | Dictionary:
    if _are_alike(maps):
        return attributes_of(maps)
    values = [value for each in maps for value in each.values()]
    return Dictionary(shape_of(values) if values else None)


def _are_alike(maps: Sequence[Image]) -> bool:
    """Tell whether the keys of maps are names rather than data, which must not be told.

    They look like names, and most come again in other maps; of a single map, the values are of several types.
    """
    keys = {key for each in maps for key in each}
    if not keys or not all(_NAME.fullmatch(key) for key in keys):
        return False
    if len(maps) == 1:
        return len({tagged(value)[0] for value in maps[0].values()}) > 1
    return 2 * sum(map(len, maps)) >= len(keys) * len(maps)
