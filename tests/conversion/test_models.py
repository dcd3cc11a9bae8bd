"""Models in all their forms: what a table makes of them when it is declared, and what it tells their authors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, field, make_dataclass
from datetime import datetime
from enum import Enum, StrEnum
from types import ModuleType
from typing import Annotated, Generic, Literal, NamedTuple, NotRequired, Self, TypedDict, TypeVarTuple

import attrs
import pytest
from returns.result import Success
from typing_extensions import TypeVar

from streamfn import (
    Attribute,
    ConfigurationError,
    EpochMilliseconds,
    EpochSeconds,
    Image,
    PartitionKey,
    SortKey,
    Table,
    TimeToLive,
)
from streamfn._conversion.models import fields_of
from streamfn._tables import compiled_table
from tests.conversion.holders import holder, table_of

T = TypeVar("T")
N = TypeVar("N", bound=int)
Ts = TypeVarTuple("Ts")
Us = TypeVarTuple("Us")


@dataclass(frozen=True, slots=True)
class Entity:
    """What several models have in common."""

    pk: Annotated[str, PartitionKey, Attribute("PK")]
    _: KW_ONLY
    version: int = 1


@dataclass(frozen=True, slots=True)
class Card(Entity):
    """A model with a base, keywords, a factory, a field of its own making and a check."""

    title: str
    tags: list[str] = field(default_factory=list)
    shout: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Refuse cards without a title."""
        if not self.title:
            raise ValueError("secret")
        object.__setattr__(self, "shout", self.title.upper())


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A generic model."""

    items: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class Numbers(Page[N]):
    """A generic model of a generic model, whose variable has a bound."""

    total: N


@attrs.define
class Point:
    """An attrs class that can be changed, with a default, a factory and a field of its own making."""

    x: int
    _y: int = 0
    names: list[str] = attrs.field(factory=list)
    sum: int = attrs.field(init=False, default=0)


@attrs.frozen
class Fixed:
    """An attrs class that cannot be changed."""

    x: int


class Options(TypedDict):
    """A TypedDict."""

    size: Annotated[int, Attribute("SIZE")]
    colour: NotRequired[str]


@pytest.mark.parametrize(
    ("model", "item", "image"),
    [
        (
            Card,
            Card("a", title="hello", tags=["x"], version=2),
            {"PK": {"S": "a"}, "version": {"N": "2"}, "title": {"S": "hello"}, "tags": {"L": [{"S": "x"}]}},
        ),
        (Page[int], Page((1, 2)), {"items": {"L": [{"N": "1"}, {"N": "2"}]}}),
        (Numbers[int], Numbers((1,), 1), {"items": {"L": [{"N": "1"}]}, "total": {"N": "1"}}),
        (Numbers, Numbers((1,), 1), {"items": {"L": [{"N": "1"}]}, "total": {"N": "1"}}),
        (
            Point,
            Point(1, 2, ["p"]),
            {"x": {"N": "1"}, "_y": {"N": "2"}, "names": {"L": [{"S": "p"}]}},
        ),
        (Fixed, Fixed(1), {"x": {"N": "1"}}),
        (Options, {"size": 1}, {"SIZE": {"N": "1"}}),
        (Options, {"size": 1, "colour": "red"}, {"SIZE": {"N": "1"}, "colour": {"S": "red"}}),
    ],
)
def test_models_of_every_form_are_written_and_read(model: object, item: object, image: Image) -> None:
    table = table_of(model)
    assert table.unstructure(item) == image
    assert table.structure(image) == Success(item)


def test_defaults_stand_in_for_absent_attributes() -> None:
    assert Table("prod-Card", Point).structure({"x": {"N": "1"}}) == Success(Point(1))
    assert Table("prod-Card", Card).structure({"PK": {"S": "a"}, "title": {"S": "b"}}) == Success(
        Card("a", title="b")
    )


def test_what_a_model_refuses_itself_is_a_problem_without_its_words() -> None:
    """Its words may well quote the item."""
    refused = Table("prod-Card", Card).structure({"PK": {"S": "a"}, "title": {"S": ""}}).failure()
    assert str(refused) == "$: refused with ValueError"


@pytest.mark.parametrize(
    ("model", "immutable"),
    [
        (Entity, True),
        (Card, False),
        (Page[int], True),
        (Page[list[int]], False),
        (Fixed, True),
        (Point, False),
        (Options, False),
        (Entity | Fixed, True),
        (Fixed | Options, False),
    ],
)
def test_only_what_nobody_can_change_is_shared_between_handlers(model: object, *, immutable: bool) -> None:
    assert compiled_table(table_of(model)).is_immutable is immutable


class Suit(Enum):
    """An Enum whose members DynamoDB has no type for."""

    HEARTS = object()


class Grid(Enum):
    """An Enum whose members DynamoDB stores as more than one thing."""

    SMALL = (1, 2)


class Colour(StrEnum):
    """An Enum that is text."""

    RED = "red"


class Loud(str):
    """Text that is more than text."""

    __slots__ = ()


class Coordinates(NamedTuple):
    """A tuple with names."""

    x: int


@dataclass(frozen=True, slots=True)
class Circle:
    """A shape that nothing tells from the other one."""

    size: int


@dataclass(frozen=True, slots=True)
class Square:
    """The other one."""

    size: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A model whose Literal says what another's says too."""

    kind: Literal["circle"]
    size: int


@dataclass(frozen=True, slots=True)
class LabelledToo:
    """The other one."""

    kind: Literal["circle"]
    size: int


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (complex, "complex is not supported: use a supported type, or register hooks for it on a converter"),
        (Loud, "Loud is not supported"),
        (Callable[[], int], "is not supported"),
        (list[complex], "Holder.value: complex is not supported"),
        (set[list[int]], "DynamoDB's sets hold text, numbers or binary; use a tuple or list"),
        (set[bool], "set[bool] is not supported: DynamoDB's sets hold text, numbers or binary"),
        (dict[int, str], "the keys of a map are text"),
        (Suit, "object is not supported as a value of an Enum or a Literal"),
        (Grid, "tuple is not supported as a value of an Enum or a Literal"),
        (int | float, "int and float are both stored as N: nothing tells them apart"),
        (str | datetime, "str and datetime are both stored as S: nothing tells them apart"),
        (list[int] | tuple[int, ...], "list[int] and tuple[int, ...] are both stored as L"),
        (Circle | Square, "nothing tells Circle and Square apart"),
        (Labelled | LabelledToo, "nothing tells Labelled and LabelledToo apart"),
        (Circle | Labelled | dict[str, int], "are both stored as M: nothing tells them apart"),
        (Annotated[str, EpochSeconds], "EpochSeconds is for a datetime, not for str"),
        (Annotated[int, EpochMilliseconds], "EpochMilliseconds is for a datetime, not for int"),
        (Page, "nothing is given for T; write Page[…]"),
        (Page[complex], r"Page.items: complex is not supported"),
    ],
)
def test_a_field_that_cannot_be_is_named_when_the_table_is_declared(hint: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        holder(hint)
    assert str(raised.value).startswith("Holder.value: ") or "Page" in str(raised.value)
    assert message in str(raised.value)


class Custom:
    """A type that a converter would need hooks for."""


@pytest.mark.parametrize("hint", [Custom, Custom | None, Coordinates])
def test_a_type_without_hooks_is_refused(hint: object) -> None:
    with pytest.raises(ConfigurationError, match=r"Holder\.value: "):
        holder(hint)


# Each union is named `Union` from Python 3.14 on, so the names of the hints are no ids.
@pytest.mark.parametrize("model", [int, str | None, list[Circle], Suit, None, Circle | int], ids=str)
def test_a_model_that_has_no_fields_is_refused(model: object) -> None:
    with pytest.raises(
        ConfigurationError, match="a table's model is a dataclass, an attrs class or a TypedDict, got"
    ):
        table_of(model)


def test_a_field_that_no_attribute_can_give_back_is_refused() -> None:
    @dataclass(frozen=True)
    class Seeded:
        id: int
        seed: InitVar[int]

    with pytest.raises(
        ConfigurationError, match=r"Seeded\.seed is an InitVar, which no attribute can give back"
    ):
        Table("prod-Card", Seeded)


def test_two_fields_of_one_attribute_are_refused() -> None:
    model = make_dataclass("Twice", [("a", int), ("b", Annotated[int, Attribute("a")])])
    with pytest.raises(ConfigurationError, match=r"Twice\.b and \.a are both stored as 'a'"):
        table_of(model)


def test_a_local_type_that_cannot_be_found_names_its_field() -> None:
    """With ``from __future__ import annotations``, which turns annotations into text."""

    @dataclass(frozen=True)
    class Local:
        id: int

    @dataclass(frozen=True)
    class Outer:
        id: int
        inner: Local

    @dataclass(frozen=True)
    class Derived(Outer):
        name: str

    expected = "inner: the type 'Local' cannot be found; define it, and the model, at the top of a module"
    with pytest.raises(ConfigurationError, match=f"Outer.{expected}"):
        Table("prod-Card", Outer)
    with pytest.raises(ConfigurationError, match=f"Outer.{expected}"):
        Table("prod-Card", Derived)


UNFINDABLE = {
    "a dataclass": """
@dataclass(frozen=True)
class Model:
    id: int
    later: Later | None
""",
    "a dataclass with slots": """
@dataclass(frozen=True, slots=True)
class Model:
    id: int
    later: Later
""",
    "a dataclass of a base": """
@dataclass(frozen=True)
class Model:
    id: int
    later: Later

@dataclass(frozen=True)
class Derived(Model):
    Laterally: int
""",
    "an attrs class": """
@attrs.frozen
class Model:
    id: int
    later: dict[str, Later]
""",
    "a TypedDict": """
class Model(TypedDict):
    id: int
    later: NotRequired[Later]
""",
    "a model within a model": """
@dataclass(frozen=True)
class Model:
    id: int
    later: Annotated[list[Later], "said"]

@dataclass(frozen=True)
class Outer:
    id: int
    inner: Model
""",
    "a name of a module": """
@dataclass(frozen=True)
class Model:
    laterally: int
    later: types.Later
""",
}
"""Models with a type that is not there when Python runs: one that type checkers alone import."""

DEFERRED = {"as text": "from __future__ import annotations"}
"""The first line of a module in which annotations are evaluated late."""
if sys.hexversion >= 0x030E0000:  # a form that the type checkers do not take for code that is never reached
    DEFERRED["in every module"] = ""


def last_model_of(source: str, beginning: str, monkeypatch: pytest.MonkeyPatch) -> type:
    """Run a module that defines models, and give the last of them."""
    imports = (
        "import types",
        "from dataclasses import dataclass",
        "from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict",
        "import attrs",
        "if TYPE_CHECKING: from elsewhere import Later",
    )
    module = ModuleType("models_of_a_user")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where text is evaluated
    exec("\n".join((beginning, *imports, source)), vars(module))  # noqa: S102 (it is written above)
    models = [each for each in vars(module).values() if isinstance(each, type)]
    return models[-1]


@pytest.mark.parametrize("beginning", DEFERRED.values(), ids=DEFERRED)
@pytest.mark.parametrize("source", UNFINDABLE.values(), ids=UNFINDABLE)
def test_a_type_that_only_type_checkers_import_names_its_field(
    source: str, beginning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = (
        r"Model\.later: the type 'Later' cannot be found; .*, and import it outside of `if TYPE_CHECKING`"
    )
    with pytest.raises(ConfigurationError, match=expected):
        table_of(last_model_of(source, beginning, monkeypatch))


@pytest.mark.parametrize("text", ["list[int", "int @ str", "{}['int']"])
def test_an_annotation_that_is_no_type_names_its_field(text: str) -> None:
    model = make_dataclass("Holder", [("id", int), ("value", text)], frozen=True)
    with pytest.raises(
        ConfigurationError, match=r"Holder\.value: its annotation is no type: evaluating it raises \w+Error$"
    ):
        table_of(model)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            [("a", Annotated[int, SortKey])],
            "marks a SortKey and no PartitionKey: a table has a partition key first",
        ),
        (
            [("a", Annotated[int, PartitionKey]), ("b", Annotated[int, PartitionKey])],
            "Keyed.a and .b are both marked PartitionKey: mark one",
        ),
        (
            [("a", Annotated[bool, PartitionKey])],
            "Keyed.a is marked PartitionKey: a key is text, a number or binary",
        ),
        ([("a", Annotated[int | str, PartitionKey])], "Keyed.a is marked PartitionKey: a key is"),
        ([("a", Annotated[list[int], PartitionKey])], "Keyed.a is marked PartitionKey: a key is"),
        (
            [("a", Annotated[set[str], TimeToLive])],
            "Keyed.a is marked TimeToLive: make it a datetime or an int",
        ),
    ],
)
def test_marks_that_dynamodb_does_not_allow_are_refused(
    fields: list[tuple[str, object]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Table("prod-Card", make_dataclass("Keyed", fields, frozen=True))


@dataclass(frozen=True, slots=True)
class Row(Generic[T, *Ts]):
    """A generic model of as many types as one likes."""

    first: T
    cells: tuple[T, *Ts]


@dataclass(frozen=True, slots=True)
class NumberedRow(Row[int, *Us], Generic[*Us]):
    """A child that gives the first of them."""

    others: tuple[*Us]


@pytest.mark.parametrize(
    ("model", "types"),
    [
        (Row[int, str, bool], {"first": int, "cells": tuple[int, str, bool]}),
        (Row[int], {"first": int, "cells": tuple[int]}),
        (NumberedRow[str], {"first": int, "cells": tuple[int, str], "others": tuple[str]}),
    ],
)
def test_a_generic_model_may_be_of_any_number_of_types(model: object, types: dict[str, object]) -> None:
    assert types == {each.name: each.hint for each in fields_of(model)}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Row, "Row.first: nothing is given for T; write Row[…]"),
        (NumberedRow, "NumberedRow.cells: nothing is given for Us; write NumberedRow[…]"),
    ],
)
def test_a_generic_model_of_nothing_is_refused(model: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        table_of(model)
    assert message == str(raised.value)


@dataclass(frozen=True, slots=True)
class Deck(Page):  # type: ignore[type-arg] # pyright: ignore[reportMissingTypeArgument] (that is what is refused)
    """A child that does not say what its base is of."""


def test_a_base_of_nothing_is_refused_by_the_field_that_it_has() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"Deck\.items: nothing is given for T; say what it is where Deck names its base",
    ):
        Table("prod-Deck", Deck)


@dataclass(frozen=True, slots=True)
class Family:
    """A model that holds itself in a union of containers."""

    name: str
    members: list[Self] | str | None = None


def test_a_model_may_hold_itself_in_a_union() -> None:
    table = Table("prod-Family", Family)
    family = Family("a", [Family("b"), Family("c", "nobody")])
    assert Success(family) == table.structure(table.unstructure(family))


def test_a_type_variable_of_a_class_that_is_not_generic_is_refused_by_its_field() -> None:
    model = make_dataclass("Loose", [("id", int), ("value", T)], frozen=True)
    with pytest.raises(
        ConfigurationError, match=r"Loose\.value: nothing is given for T; write class Loose\(Generic\[…\]\)"
    ):
        table_of(model)
