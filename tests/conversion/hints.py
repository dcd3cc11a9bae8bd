"""Types that a model may have, of every kind."""

# ruff: noqa: UP007, UP045 (users write unions in both ways, and so do these tests)
# pyright: reportDeprecated=false

from __future__ import annotations

import re
from collections import abc
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    Self,
    TypedDict,
    Union,
    get_args,
)
from uuid import UUID

import attrs
from cattrs.gen import override as attribute_override
from typing_extensions import ReadOnly, TypeAliasType, TypeVar, override
from typing_extensions import TypedDict as BackportedTypedDict

from streamfn import Attribute, EpochMilliseconds, EpochSeconds, TimeToLive

T = TypeVar("T")
D = TypeVar("D", default=int)
L = TypeVar("L", default=list[D])


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


class Permission(Flag):
    """A Flag, whose members go together."""

    READ = 1
    WRITE = 2
    ALL = 3


class Access(IntFlag):
    """A Flag that is a number."""

    READ = 1
    WRITE = 2


class Status(StrEnum):
    """An Enum that has a member for values that are added later."""

    OPEN = "open"
    UNKNOWN = "unknown"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Status:
        return cls.UNKNOWN


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


class Locked(TypedDict):
    """A TypedDict with keys that are not to be changed."""

    size: ReadOnly[Required[Annotated[int, Attribute("SIZE")]]]
    colour: NotRequired[ReadOnly[str]]
    name: Annotated[ReadOnly[NotRequired[str]], "said of a type"]


class Sized(BackportedTypedDict, Generic[T]):
    """A generic TypedDict."""

    size: T
    sizes: list[T]


class SizedByNumbers(Sized[int]):
    """One of numbers."""

    name: str


class SizedAndNamed(SizedByNumbers):
    """A child of that."""

    owner: str


@dataclass(frozen=True)
class Constant:
    """A model whose fields are final."""

    id: Final[Annotated[int, "said of a type"]]
    sizes: Final[tuple[int, ...]] = ()
    number: Final = 3


@dataclass(frozen=True, slots=True)
class Chain(Generic[T]):
    """A model that refers to itself as ``Self``."""

    value: T
    next: Self | None = None
    others: dict[str, tuple[Annotated[Self, "said of a type"], int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chained(Chain[int]):
    """A child, which is what ``Self`` means in it."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Defaulted(Generic[D, L]):
    """A generic model whose variables have defaults."""

    one: D
    many: L


@dataclass(frozen=True, slots=True)
class Opened:
    """A change that one Literal tells."""

    op: Literal[1]
    size: int


@dataclass(frozen=True, slots=True)
class Renamed:
    """A change that two Literals tell."""

    op: Literal[0]
    kind: Literal["name"]
    size: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Another one."""

    op: Literal[0]
    kind: Literal["place"]
    size: int


@dataclass(frozen=True, slots=True)
class Message(Generic[T, D]):
    """A model of which one type argument tells another one."""

    kind: T
    body: D


@dataclass(frozen=True, slots=True)
class Overridden:
    """A model with what cattrs says of its fields."""

    id: Annotated[int, attribute_override(rename="ID")]
    size: Annotated[int, attribute_override(omit_if_default=True)] = 3
    names: Annotated[list[str], attribute_override(omit_if_default=True)] = field(default_factory=list)
    cache: Annotated[int, attribute_override(omit=True)] = 0
    owner: Annotated[str | None, attribute_override(omit_if_default=False)] = None


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
    Permission,
    Access,
    Status,
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
    Status | int | None,
    Permission | str,
    set[str] | set[int] | frozenset[bytes],
    set[UUID] | set[Permission] | None,
    frozenset[str] | list[int],
    Literal["a", "b"] | Suit,
    Literal["a", 1] | datetime,
    set[str] | str,
    set[str] | None,
    Optional[Annotated[datetime, EpochSeconds]],
    Annotated[datetime | None, EpochMilliseconds],
    Options | int,
    list[Owner | Bot | None],
    Opened | Renamed | Moved | None,
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
    Locked,
    SizedAndNamed,
    Constant,
    Chain[str],
    Chained,
    Defaulted,
    Defaulted[str],
    Opened | Renamed | Moved,
    Message[Literal["a"], int] | Message[Literal["b"], str],
    Overridden,
]


ALL: list[object] = [*SCALARS, *CONTAINERS, *UNIONS, *MODELS]


def shown(hint: object) -> str:
    """Name a test by the type that it is about."""
    said = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return re.sub(r"<class '(.*?)'>", r"\1", re.sub(r"\w+\.", "", said))
