"""Types that a model may have, of every kind."""

# ruff: noqa: UP007, UP045 (users write unions in both ways, and so do these tests)
# pyright: reportDeprecated=false

from __future__ import annotations

import re
from collections import abc
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    Union,
    get_args,
)
from uuid import UUID

import attrs
from typing_extensions import TypeAliasType, TypeVar
from typing_extensions import TypedDict as BackportedTypedDict

from streamfn import Attribute, EpochMilliseconds, EpochSeconds, TimeToLive

T = TypeVar("T")


class Suit(Enum):
    """An Enum of text and numbers."""

    HEARTS = "hearts"
    SPADES = 4
    NONE = None


class Rank(IntEnum):
    """An Enum whose members are numbers."""

    ACE = 1
    TEN = 10


class Colour(StrEnum):
    """An Enum whose members are text."""

    RED = "red"
    BLACK = "black"


CardId = NewType("CardId", int)
Names = TypeAliasType("Names", list[str])


@dataclass(frozen=True, slots=True)
class Owner:
    """A model within models."""

    name: Annotated[str, Attribute("ownerName")]
    born: date | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """Another one, known by another required attribute."""

    version: int
    name: str = "bot"


@dataclass(frozen=True, slots=True)
class Circle:
    """A shape, told from others by its Literal."""

    kind: Literal["circle"]
    size: int


@dataclass(frozen=True, slots=True)
class Square:
    """A shape, told from others by its Literal."""

    kind: Literal["square", 4]
    size: int


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """A generic model."""

    first: T
    second: list[T] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """A model that refers to itself."""

    name: str
    children: tuple[Tree, ...] = ()
    parent: Tree | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of a branch."""

    leaf: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A model in a union with itself."""

    left: Branch | Leaf
    right: Branch | Leaf | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A model without a required attribute, in a union with one that has one."""

    child: Node | Leaf | None = None


@attrs.frozen
class Point:
    """An attrs class, with a field that its constructor knows by another name."""

    x: float
    _y: float = 0.0


class Options(TypedDict):
    """A TypedDict with keys that may be absent."""

    size: int
    colour: NotRequired[str]


class MoreOptions(BackportedTypedDict, total=False):
    """One of typing_extensions, with a key that must be there."""

    size: Required[int]
    names: list[str]


SCALARS: list[object] = [
    str,
    int,
    float,
    bool,
    bytes,
    Decimal,
    None,
    date,
    datetime,
    UUID,
    Annotated[datetime, EpochSeconds],
    Annotated[datetime, EpochMilliseconds],
    Annotated[datetime, TimeToLive],
    CardId,
    Suit,
    Rank,
    Colour,
    Literal["a", 1, True, None],  # noqa: PYI061 (what users write)
    Literal[Colour.RED, "red wine"],
]

CONTAINERS: list[object] = [
    list[int],
    abc.Sequence[str],
    abc.MutableSequence[bool],
    list,
    tuple[int, ...],
    tuple[int, str, bytes],
    tuple[()],
    tuple,
    set[str],
    set[int],
    set[bytes],
    frozenset[Decimal],
    abc.Set[float],
    abc.MutableSet[UUID],
    set[Rank],
    set[Literal["a", "b"]],
    set,
    set[int | str],
    dict[str, int],
    abc.Mapping[str, list[str]],
    abc.MutableMapping[Colour, int],
    dict[UUID, dict[str, bytes]],
    dict,
    list[set[str]],
    list[list[list[int]]],
    Names,
    Annotated[Names, "said of a type"],
    object,
    Any,
]

UNIONS: list[object] = [
    str | None,
    Optional[int],
    Union[int, str],
    str | int | bytes | bool | None,
    int | list[int] | dict[str, int],
    Owner | Bot,
    Circle | Square,
    Circle | Square | None,
    Circle | str,
    Colour | int,
    Colour | str,
    Literal["a", "b"] | Suit,
    Literal["a", 1] | datetime,
    set[str] | str,
    set[str] | None,
    Optional[Annotated[datetime, EpochSeconds]],
    Annotated[datetime | None, EpochMilliseconds],
    Options | int,
    list[Owner | Bot | None],
    str | object,
]

MODELS: list[object] = [
    Owner,
    Pair[int],
    Pair[Pair[str]],
    Pair[Owner | None],
    Tree,
    Branch,
    Branch | Leaf,
    Node,
    Point,
    Options,
    MoreOptions,
]


ALL: list[object] = [*SCALARS, *CONTAINERS, *UNIONS, *MODELS]


def shown(hint: object) -> str:
    """Name a test by the type that it is about."""
    said = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return re.sub(r"<class '(.*?)'>", r"\1", re.sub(r"\w+\.", "", said))
