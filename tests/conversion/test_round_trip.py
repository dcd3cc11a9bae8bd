"""What a table writes it reads back: for every type that a model may have, and in both forms of an image."""

# ruff: noqa: UP007, UP045 (users write unions in both ways, and so do these tests)
# pyright: reportDeprecated=false

from __future__ import annotations

import re
from collections import abc
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import GenericAlias
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
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success
from typing_extensions import TypeAliasType, TypeVar
from typing_extensions import TypedDict as BackportedTypedDict

from streamfn import (
    Attribute,
    EpochMilliseconds,
    EpochSeconds,
    PartitionKey,
    SortKey,
    Table,
    TimeToLive,
    configure_converter,
    make_converter,
)
from streamfn.testing.strategies import images, items

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


def shown(hint: object) -> str:
    """Name a test by the type that it is about."""
    said = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
    return re.sub(r"<class '(.*?)'>", r"\1", re.sub(r"\w+\.", "", said))


@pytest.mark.parametrize("hint", [*SCALARS, *CONTAINERS, *UNIONS, *MODELS], ids=shown)
def test_an_item_comes_back_from_its_image(hint: object) -> None:
    """On its own, and as a part of others."""
    model = make_dataclass("Holder", [("value", hint), ("values", GenericAlias(list, (hint,)))], frozen=True)
    table: Table[object] = Table("prod-Card", model)

    @settings(max_examples=50)
    @given(items(model))
    def structures_what_it_unstructures(item: object) -> None:
        assert table.structure(table.unstructure(item)) == Success(item)

    structures_what_it_unstructures()


@dataclass(frozen=True, slots=True)
class Card:
    """A model with a bit of everything, as users have them."""

    id: Annotated[CardId, PartitionKey]
    title: Annotated[str, SortKey]
    owner: Owner | Bot
    image: bytes
    tags: frozenset[str] = frozenset()
    votes: dict[str, Decimal] = field(default_factory=dict)
    history: tuple[tuple[datetime, Suit], ...] = ()
    expires_at: Annotated[datetime, TimeToLive] | None = None
    notes: object = None


cards = Table("prod-Card", Card)


@given(images(cards))
def test_an_image_of_a_lambda_event_says_the_same_as_one_of_boto3(
    image: dict[str, dict[str, object]],
) -> None:
    """Binaries are base64 in the one and bytes in the other."""
    item = cards.structure(image).unwrap()
    assert cards.structure(cards.unstructure(item)) == Success(item)


@dataclass(frozen=True, slots=True)
class Temperature:
    """A type that needs hooks of the user's own."""

    degrees: Decimal


def through_float(value: object, _: object) -> Temperature:
    """Read as so many do: by way of a float, which rounds."""
    return Temperature(Decimal(float(value["N"])))  # type: ignore[index] # pyright: ignore[reportIndexIssue, reportUnknownArgumentType] (a test's own shape)


def exactly(value: object, _: object) -> Temperature:
    """Read what is there."""
    return Temperature(make_converter().structure(value, Decimal))


@dataclass(frozen=True, slots=True)
class Reading:
    """A model with a field of it."""

    at: Temperature


def table_reading(read: Callable[[object, object], Temperature]) -> Table[Reading]:
    """Make a table with hooks of the user's own."""
    converter = make_converter()
    converter.register_structure_hook(Temperature, read)
    converter.register_unstructure_hook(Temperature, lambda each: {"N": f"{each.degrees:f}"})
    return Table("prod-Reading", Reading, converter=converter)


readings = st.builds(Reading, st.builds(Temperature, st.decimals(-100, 100, places=4)))


def round_trip_law(table: Table[Reading]) -> None:
    """Hold a table to the law."""

    @given(readings)
    def law(reading: Reading) -> None:
        assert table.structure(table.unstructure(reading)) == Success(reading)

    law()


def test_hooks_of_the_users_own_keep_the_law() -> None:
    round_trip_law(table_reading(exactly))


def test_a_hook_that_rounds_breaks_it() -> None:
    """So the law can tell."""
    with pytest.raises(AssertionError):
        round_trip_law(table_reading(through_float))


def test_configure_converter_makes_a_converter_of_any_that_cattrs_has() -> None:
    from cattrs import Converter

    converter = Converter()
    configure_converter(converter)
    table = Table("prod-Card", Owner, converter=converter)
    assert table.structure({"ownerName": {"S": "ada"}}) == Success(Owner("ada"))
