"""Models as people write them, of which each was once refused, misread or not written back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, datetime
from enum import Enum, Flag, StrEnum
from pathlib import Path
from typing import Annotated, Final, Generic, Literal, Self

import pytest
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.gen import override as attribute_override
from returns.result import Success
from typing_extensions import ReadOnly, TypedDict, TypeVar, override

from streamfn import (
    Attribute,
    ConfigurationError,
    Image,
    PartitionKey,
    SortKey,
    Table,
    TimeToLive,
    make_converter,
)
from tests.conversion.aliases import MODULES
from tests.conversion.holders import holder, table_of

ROOT: Final = Path(__file__).parents[2]
T = TypeVar("T")
D = TypeVar("D", default=int)


def test_a_model_may_use_aliases_of_the_type_statement() -> None:
    """Under Python 3.12 and 3.13, ``type Id = str`` was refused as no type; now the alias stands for its type."""
    for module in MODULES:
        table = table_of(vars(module)["Shape"])
        image: Image = {
            "kind": {"S": "square"},
            "PK": {"S": "a"},
            "within": {"L": [{"M": {"kind": {"S": "circle"}, "PK": {"S": "b"}}}]},
        }
        circle = vars(module)["Circle"]("circle", "b")
        assert Success(vars(module)["Square"]("square", "a", (circle,))) == table.structure(image)


def test_a_converter_may_be_made_before_anything_has_loaded_uuid() -> None:
    """The converter remembered which types were loaded; now it knows a UUID by the module and the name of its class."""
    program = """
import sys
from streamfn import Table, make_converter
converter = make_converter()
assert "uuid" not in sys.modules, "this test has nothing to show"
from dataclasses import dataclass
from uuid import UUID
@dataclass(frozen=True)
class Card:
    id: UUID
card = Card(UUID(int=1))
table = Table("prod-Card", Card, converter=converter)
print(table.structure(table.unstructure(card)).unwrap() == card)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == "True\n"


class Sized(TypedDict, Generic[T]):
    """A generic TypedDict whose key is not to be changed."""

    size: ReadOnly[T]


class SizedByNumber(Sized[int]):
    """A child with the type given."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain(Generic[D]):
    """A model with all that stands around and in place of types."""

    id: Final[Annotated[str, PartitionKey]]
    value: D
    sized: SizedByNumber
    next: Self | None = None


def test_a_model_may_use_final_readonly_self_and_defaults_of_type_variables() -> None:
    """All of these were refused, though cattrs takes them; now each field has the type that a type checker sees."""
    table = Table("prod-Chain", Chain)
    item = Chain("a", 1, {"size": 2, "name": "x"}, Chain("b", 3, {"size": 4, "name": "y"}))
    assert Success(item) == table.structure(table.unstructure(item))
    assert {"id": {"S": "a"}} == table.keys(item)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A model of anything."""

    items: list[T]


def test_a_type_variable_that_nothing_is_given_for_is_refused_by_its_field() -> None:
    """The refusal named "its base" as the field; now it names the field, and what to write."""
    with pytest.raises(ConfigurationError) as raised:
        table_of(Page)
    assert "Page.items: nothing is given for T; write Page[…]" == str(raised.value)


class Status(StrEnum):
    """The states of an order, of which there may be more one day."""

    OPEN = "open"
    UNKNOWN = "unknown"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Status:
        return cls.UNKNOWN


class Permission(Flag):
    """What somebody may do."""

    READ = 1
    WRITE = 2


@pytest.mark.parametrize("generated", [True, False])
def test_an_enum_is_asked_for_values_that_it_does_not_list(*, generated: bool) -> None:
    """A ``_missing_`` was ignored, and a Flag was written and not read back; now the Enum itself decides."""
    model = make_dataclass("Order", [("status", Status), ("may", Permission)], frozen=True)
    table: Table[object] = Table("prod-Order", model, generated=generated)
    assert Success(model(Status.UNKNOWN, Permission.READ | Permission.WRITE)) == table.structure(
        {"status": {"S": "archived"}, "may": {"N": "3"}}
    )
    assert "$.may: expected one of 2 values in N, got another" == str(
        table.structure({"status": {"S": "open"}, "may": {"N": "4"}}).failure()
    )


@dataclass(frozen=True, slots=True)
class User:
    """An item that stays."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[str, SortKey]
    email: str


@dataclass(frozen=True, slots=True)
class Session:
    """An item of the same table that expires."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[str, SortKey]
    token: str
    expires_at: Annotated[datetime, TimeToLive]


def test_one_model_of_a_table_may_have_a_time_to_live_that_another_has_not() -> None:
    """Such a table was said to mark different keys; now its items may expire by kind."""
    table = Table("prod-App", User | Session)
    definition = table.definition()
    assert definition.update_time_to_live is not None
    assert {"Enabled": True, "AttributeName": "expires_at"} == definition.update_time_to_live[
        "TimeToLiveSpecification"
    ]
    session = Session("a", "b", "c", datetime(2030, 1, 1, tzinfo=UTC))
    assert Success(session) == table.structure(table.unstructure(session))


@dataclass(frozen=True, slots=True)
class Opened:
    """A change that one Literal tells."""

    op: Literal[1]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A change that two Literals tell."""

    op: Literal[0]
    t: Literal["a"]


@dataclass(frozen=True, slots=True)
class Moved:
    """Another one."""

    op: Literal[0]
    t: Literal["b"]


def test_models_may_be_told_apart_by_one_literal_after_the_other() -> None:
    """Models that need two Literals were said to be the same; now one is asked after the other, and named if absent."""
    table = Table("prod-Change", Opened | Renamed | Moved)
    assert Success(Opened(1)) == table.structure({"op": {"N": "1"}})
    assert Success(Moved(0, "b")) == table.structure({"op": {"N": "0"}, "t": {"S": "b"}})
    assert ["$.op: missing", "$.t: missing"] == [
        str(table.structure(image).failure()) for image in ({"t": {"S": "a"}}, {"op": {"N": "0"}})
    ]


def test_a_union_of_sets_is_written_by_what_is_in_the_set() -> None:
    """Each set was written as the first kind of the union, which failed for the others; now its elements decide."""
    table = holder(set[str] | set[int])
    image: Image = {"value": {"NS": ["1"]}}
    assert image == table.unstructure(table.structure(image).unwrap())


def test_bytes_of_any_kind_are_binary_in_an_untyped_field() -> None:
    """A bytearray was written as a list of numbers, and boto3's own Binary was refused; now all of them are a B."""
    from boto3.dynamodb.types import Binary

    model = make_dataclass("Note", [("body", object)], frozen=True)
    table: Table[object] = Table("prod-Note", model)
    for body in (bytearray(b"hi"), memoryview(b"hi"), Binary(b"hi")):
        assert {"body": {"B": b"hi"}} == table.unstructure(model(body))


def test_an_empty_set_in_an_untyped_field_is_refused() -> None:
    """An empty set came back as None without a word; now it is refused, since nothing could say what it was."""
    model = make_dataclass("Note", [("body", object)], frozen=True)
    with pytest.raises(ValueError, match=r"^Note\.body: DynamoDB stores no empty set"):
        Table("prod-Note", model).unstructure(model({"tags": set[str]()}))


@dataclass(frozen=True, slots=True)
class Renaming:
    """A model with what cattrs says of its fields."""

    id: Annotated[int, attribute_override(rename="ID")]
    size: Annotated[int, attribute_override(struct_hook=lambda value, _: len(value["S"]))] = 0
    cache: Annotated[int, attribute_override(omit=True)] = field(default=7)


@pytest.mark.parametrize("generated", [True, False])
def test_an_override_of_cattrs_in_a_type_counts(*, generated: bool) -> None:
    """``Annotated[int, attribute_override(rename="ID")]`` was ignored without a word; now it renames the attribute."""
    table = Table("prod-Renaming", Renaming, generated=generated)
    image: Image = {"ID": {"N": "1"}, "size": {"S": "abc"}, "cache": {"N": "1"}}
    assert Success(Renaming(1, 3, 7)) == table.structure(image)
    assert {"ID": {"N": "1"}, "size": {"N": "3"}} == table.unstructure(Renaming(1, 3))


class Money:
    """A type that needs hooks of the user's own."""


def test_a_structure_hook_is_enough_to_read() -> None:
    """A table was refused for want of an unstructure hook that it never called; now only writing demands one."""
    converter = make_converter()
    converter.register_structure_hook(Money, lambda _value, _type: Money())
    model = make_dataclass("Bill", [("total", Money)])
    table: Table[object] = Table("prod-Bill", model, converter=converter)
    bill = table.structure({"total": {"S": "1 EUR"}}).unwrap()
    with pytest.raises(ConfigurationError) as raised:
        table.unstructure(bill)
    assert (
        "Bill.total: nothing says how Money is written: register an unstructure hook for it on the converter"
        == str(raised.value)
    )


def test_an_unknown_attribute_of_an_item_is_named_and_those_within_are_counted() -> None:
    """The problem was ``$[*]`` for each; now the schema's own names are told, and the names in a map are not."""
    inner = make_dataclass("Owner", [("name", str)])
    table: Table[object] = Table(
        "prod-Card", make_dataclass("Card", [("owner", inner)]), forbid_unknown_attributes=True
    )
    refused = table.structure(
        {"owner": {"M": {"name": {"S": "a"}, "x": {"S": "b"}, "y": {"S": "c"}}}, "colour": {"S": "red"}}
    )
    assert [
        "$.owner: found 2 attributes that the model does not have",
        "$.colour: the model has no such attribute",
    ] == list(map(str, refused.failure().problems))


class Colour(Enum):
    """An Enum on a converter of the user's own."""

    RED = "red"


def test_an_enum_works_on_a_converter_of_the_users_own() -> None:
    """With cattrs before 26.1, which was declared to be enough, each Enum was refused; now 26.1 is demanded."""
    model = make_dataclass("Card", [("colour", Colour)], frozen=True)
    table: Table[object] = Table("prod-Card", model, converter=make_converter())
    assert Success(model(Colour.RED)) == table.structure({"colour": {"S": "red"}})


@dataclass(frozen=True, slots=True)
class Owner:
    """A model that cattrs makes a function for."""

    name: str


@dataclass(frozen=True, slots=True)
class Owned:
    """A model that holds it, with a function of its own."""

    owner: Owner


def test_a_function_that_cattrs_makes_for_a_model_may_stand_within_another() -> None:
    """The inner function got and gave the whole M as if that were its attributes; now it gets what the M holds."""
    converter = make_converter()
    inner, outer = attribute_override(rename="NAME"), attribute_override(rename="OWNER")
    converter.register_structure_hook(Owner, make_dict_structure_fn(Owner, converter, name=inner))
    converter.register_unstructure_hook(Owner, make_dict_unstructure_fn(Owner, converter, name=inner))
    converter.register_structure_hook(Owned, make_dict_structure_fn(Owned, converter, owner=outer))
    converter.register_unstructure_hook(Owned, make_dict_unstructure_fn(Owned, converter, owner=outer))
    table = Table("prod-Owned", Owned, converter=converter)
    image: Image = {"OWNER": {"M": {"NAME": {"S": "ada"}}}}
    assert Success(Owned(Owner("ada"))) == table.structure(image)
    assert image == table.unstructure(Owned(Owner("ada")))


M = TypeVar("M", default=list[D])


@dataclass(frozen=True, slots=True)
class Results(Generic[D, M]):
    """A model whose second type follows from the first, if nothing is given for it."""

    one: D
    all: M


@dataclass(frozen=True, slots=True)
class Search:
    """A model with results of text."""

    found: Results[str]
    before: list[Results[str]] = field(default_factory=list)


def test_a_default_of_a_type_variable_follows_from_what_is_given_before_it() -> None:
    """In a field, ``Results[str]`` held a list of numbers, and text was refused; now it holds a list of text."""
    table = Table("prod-Search", Search)
    item = Search(Results("a", ["a", "b"]), [Results("c", [])])
    assert Success(item) == table.structure(table.unstructure(item))


@pytest.mark.parametrize("said", [attribute_override(omit=True), attribute_override(omit_if_default=True)])
def test_a_key_cannot_be_left_out(said: object) -> None:
    """A key with such an override was not written, and DynamoDB takes no item without it; now it is refused."""
    model = make_dataclass("Card", [("id", Annotated[int, PartitionKey, said], field(default=0))])
    with pytest.raises(ConfigurationError) as raised:
        table_of(model)
    assert "Card.id is marked PartitionKey, and no item is without its keys: take its override(…) off" == str(
        raised.value
    )


@pytest.mark.parametrize("said", [attribute_override(rename=""), Attribute("")])
def test_an_attribute_has_a_name(said: object) -> None:
    """An empty name was taken, and DynamoDB takes no item with one; now it is refused."""
    model = make_dataclass("Card", [("title", Annotated[str, said])])
    with pytest.raises(ConfigurationError, match=r"^Card\.title has an empty name for its attribute"):
        table_of(model)


@dataclass(frozen=True, slots=True)
class Named:
    """An item of one kind, known by its name."""

    kind: Literal["item"]
    name: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """Another item of that kind, known by its number."""

    kind: Literal["item"]
    number: int


@dataclass(frozen=True, slots=True)
class Note:
    """An item of another kind."""

    kind: Literal["note"]


def test_a_literal_tells_models_apart_before_their_other_attributes_do() -> None:
    """A note with a name from former days was refused as an item; now its kind is asked first."""
    table = Table("prod-Card", Named | Numbered | Note)
    assert Success(Note("note")) == table.structure({"kind": {"S": "note"}, "name": {"S": "old"}})
    assert "$: expected one of the attributes name, number, got none" == str(
        table.structure({"kind": {"S": "item"}}).failure()
    )
