"""What does not fit is refused, with all that is wrong and where, and with no word of what is in the item."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, TypedDict, cast
from uuid import UUID

import pytest
from cattrs import Converter
from returns.result import Success

from streamfn import (
    ConfigurationError,
    EpochMilliseconds,
    EpochSeconds,
    Image,
    Problem,
    Table,
    TimeToLive,
    Undecodable,
    make_converter,
)
from streamfn._conversion.hooks import StructureError
from streamfn._tables import compiled_table
from tests.conversion.holders import holder

SECRET = "hunter2"  # noqa: S105 (it stands for a person's data)


class Suit(Enum):
    """An Enum."""

    HEARTS = "hearts"
    SPADES = "spades"


@dataclass(frozen=True, slots=True)
class Owner:
    """A model within models."""

    name: str
    age: int = 0


@dataclass(frozen=True, slots=True)
class Bot:
    """Another one."""

    version: int


@dataclass(frozen=True, slots=True)
class Circle:
    """A shape."""

    kind: Literal["circle"]


@dataclass(frozen=True, slots=True)
class Square:
    """Another shape."""

    kind: Literal["square"]


class Options(TypedDict):
    """A TypedDict."""

    size: int


def problems(hint: object, value: object) -> list[str]:
    """Say what is wrong with a value of a type."""
    return [str(each) for each in holder(hint).structure(image(value)).failure().problems]


def image(value: object) -> Image:
    """Make an image with one attribute, of whatever."""
    return {"value": value}  # type: ignore[dict-item] # pyright: ignore[reportReturnType] (broken images are the point)


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (str, {"S": None}, "expected text in S, got null"),
        (bool, {"BOOL": "true"}, "expected true or false in BOOL, got string"),
        (bool, {"BOOL": 1}, "expected true or false in BOOL, got number"),
        (bytes, {"B": "aGk"}, "expected base64 in B, got other text"),
        (bytes, {"B": "a\N{LATIN SMALL LETTER E WITH ACUTE}k="}, "expected base64 in B, got other text"),
        (bytes, {"B": "aGk=\n"}, "expected base64 in B, got other text"),
        (bytes, {"B": 7}, "expected base64 in B, got number"),
        (bytes, {"S": "aGk="}, "expected B, got S"),
        (None, {"S": ""}, "expected NULL, got S"),
        (int, {"N": "1.5"}, "expected a whole number in N, got a fraction"),
        (int, {"N": "\N{ARABIC-INDIC DIGIT ONE}"}, "expected a number in N, got other text"),
        (Decimal, {"N": "Infinity"}, "expected a number in N, got other text"),
        (Decimal, {"N": "-"}, "expected a number in N, got other text"),
        (Decimal, {"N": "1E999999999"}, "expected a number in N, got other text"),
        (Decimal, {"N": 1.5}, "expected text in N, got number"),
        (float, {"N": "1E400"}, "expected a number in the range of float, got a larger one"),
        (float, {"S": "1"}, "expected N, got S"),
        (datetime, {"S": "yesterday"}, "expected the text of a datetime in S, got other text"),
        (
            datetime,
            {"S": "2024-01-01T00:00:00"},
            "expected a datetime with its offset from UTC in S, got one without",
        ),
        (datetime, {"N": "0"}, "expected S, got N"),
        (date, {"S": "2024-13-01"}, "expected the text of a date in S, got other text"),
        (UUID, {"S": "not-one"}, "expected the text of a UUID in S, got other text"),
        (Annotated[datetime, EpochSeconds], {"S": "0"}, "expected N, got S"),
        (
            Annotated[datetime, EpochSeconds],
            {"N": "1E20"},
            "expected a time between the years 1 and 9999 in N, got another",
        ),
        (Suit, {"N": "1"}, "expected S, got N"),
        (Suit, {"S": SECRET}, "expected one of 2 values in S, got another"),
        (Literal["a", 1], {"BOOL": True}, "expected N or S, got BOOL"),
        (Literal["a", 1], {"N": "2"}, "expected one of 2 values in N, got another"),
        (list[int], {"M": {}}, "expected L, got M"),
        (list[int], {"L": {}}, "expected a list in L, got object"),
        (tuple[int, int], {"L": [{"N": "1"}]}, "expected 2 elements in L, got 1"),
        (set[str], {"L": [{"S": SECRET}]}, "expected SS, NS or BS, got L"),
        (set[str], {"SS": SECRET}, "expected a list in SS, got string"),
        (dict[str, int], {"M": []}, "expected an object in M, got array"),
        (dict[str, int], {"L": []}, "expected M, got L"),
        (int | str, {"BOOL": True}, "expected N or S, got BOOL"),
        (int | Suit, {"S": SECRET}, "expected N or S, got another value"),
        (Circle | Square, {"S": SECRET}, "expected M, got S"),
        (
            Circle | Square,
            {"M": {"kind": {"S": SECRET}}},
            "the attribute 'kind' tells of none of the models which one this is",
        ),
        (
            Circle | Square,
            {"M": {"kind": {"L": []}}},
            "the attribute 'kind' tells of none of the models which one this is",
        ),
        (Owner | Bot, {"M": {}}, "expected one of the attributes name, version, got none"),
        (Options, {"L": []}, "expected M, got L"),
        (object, {"M": []}, "expected an object in M, got array"),
        (object, {"L": {}}, "expected a list in L, got object"),
        (object, {"N": "x"}, "expected a number in N, got other text"),
        (object, {}, "expected an attribute value, got an empty object"),
        (object, {"X": "1"}, "expected an attribute value, got an unknown type"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(hint: object, value: object, message: str) -> None:
    assert problems(hint, value) == [f"$.value: {message}"]


@pytest.mark.parametrize(
    ("hint", "value", "found"),
    [
        (
            list[Owner],
            {"L": [{"M": {"age": {"N": "x"}}}, {"S": "x"}]},
            [
                "$.value[0].name: missing",
                "$.value[0].age: expected a number in N, got other text",
                "$.value[1]: expected M, got S",
            ],
        ),
        (
            tuple[int, list[str]],
            {"L": [{"S": "x"}, {"L": [{"S": "ok"}, {"N": "1"}]}]},
            ["$.value[0]: expected N, got S", "$.value[1][1]: expected S, got N"],
        ),
        (set[int], {"NS": ["1", "x"]}, ["$.value[1]: expected a number in N, got other text"]),
        (
            dict[UUID, Owner],
            {"M": {SECRET: {"M": {}}}},
            ["$.value[*]: expected the text of a UUID in S, got other text", "$.value[*].name: missing"],
        ),
        (Owner | Bot, {"M": {"version": {"S": "x"}}}, ["$.value.version: expected N, got S"]),
        (Owner | None, {"M": {}}, ["$.value.name: missing"]),
        (Circle | Square, {"M": {}}, ["$.value.kind: missing"]),
        (
            Circle | Square,
            {"M": {"kind": "circle"}},
            ["$.value.kind: expected an attribute value, got no object but string"],
        ),
        (
            Options,
            {"M": {"size": {}}},
            ["$.value.size: expected N, got an empty object"],
        ),
    ],
)
def test_problems_have_their_paths_and_come_all_at_once(
    hint: object, value: object, found: list[str]
) -> None:
    assert problems(hint, value) == found


def test_a_required_attribute_that_is_absent_is_missing_and_an_optional_one_is_none() -> None:
    assert holder(str).structure({}).failure() == Undecodable((Problem("$.value", "missing"),))
    table = holder(str | None)
    absent, null = (table.structure(each) for each in ({}, {"value": {"NULL": True}}))
    assert absent == null == Success(make(table, None))


@pytest.mark.parametrize("generated", [True, False])
def test_unknown_attributes_are_ignored_unless_the_table_forbids_them(*, generated: bool) -> None:
    more: Image = {"name": {"S": "ada"}, "colour": {"S": SECRET}}
    assert Table("prod-Card", Owner, generated=generated).structure(more) == Success(Owner("ada"))
    strict = Table("prod-Card", Owner, forbid_unknown_attributes=True, generated=generated)
    with pytest.raises(StructureError):
        compiled_table(strict).decode(more)
    assert str(strict.structure(more).failure()) == "$.colour: the model has no such attribute"
    assert strict.structure({"name": {"S": "ada"}}) == Success(Owner("ada"))


def test_unknown_attributes_within_an_item_are_counted() -> None:
    model = cast("type[object]", make_dataclass("Card", [("owner", Owner)]))
    strict = Table("prod-Card", model, forbid_unknown_attributes=True)
    shown = Table("prod-Card", model, forbid_unknown_attributes=True, include_values=True)

    def found(table: Table[object], **owner: dict[str, object]) -> list[str]:
        return [str(each) for each in table.structure({"owner": {"M": owner}}).failure().problems]

    name: dict[str, object] = {"S": "ada"}
    assert ["$.owner: found an attribute that the model does not have"] == found(strict, name=name, x=name)
    assert ["$.owner: found 2 attributes that the model does not have"] == found(
        strict, name=name, x=name, y=name
    )
    assert ["$.owner.age: expected N, got S"] == found(strict, name=name, age=name)
    assert ["$.owner.x: the model has no such attribute: {'S': 'ada'}"] == found(shown, name=name, x=name)


def test_a_table_that_includes_values_shows_them_with_their_keys() -> None:
    table = Table("prod-Card", holder(dict[str, Owner]).model, include_values=True)
    assert [
        str(each) for each in table.structure({"value": {"M": {"k": {"S": "x"}}}}).failure().problems
    ] == ["$.value['k']: expected M, got S: {'S': 'x'}"]


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (datetime, datetime(2024, 1, 1), "a datetime needs its offset from UTC to be stored"),  # noqa: DTZ001
        (Annotated[datetime, TimeToLive], datetime(2024, 1, 1), "a datetime needs its offset"),  # noqa: DTZ001
        (float, float("nan"), "DynamoDB stores finite numbers only"),
        (float, float("inf"), "DynamoDB stores finite numbers only"),
        (Decimal, Decimal("NaN"), "DynamoDB stores finite numbers only"),
        (int, 10**38 + 1, "DynamoDB stores 38 significant digits, got 39"),
        (Decimal, Decimal("1E126"), "DynamoDB stores magnitudes from 1E-130 to 9.9E"),
        (Decimal, Decimal("1E-131"), "DynamoDB stores magnitudes from 1E-130 to 9.9E"),
        (Decimal, SECRET, "expected a number, got str"),
        (tuple[int, int], (1,), "expected 2 elements, got 1"),
        (set[object], {1, "a"}, "a set holds only text, only numbers or only binary"),
        (object, {1: "a"}, "a map's keys are text, got int"),
        (object, object(), "DynamoDB has no type for a object"),
        (int | str, 1.5, "float is not a member of the union"),
        (Owner | None, {"name": "ada"}, "dict is not a member of the union"),
        (Options | int, {"colour": SECRET}, "dict is not a member of the union"),
    ],
)
def test_what_dynamodb_does_not_store_is_refused_by_the_name_of_its_field(
    hint: object, value: object, message: str
) -> None:
    table = holder(hint)
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        table.unstructure(make(table, value))
    assert str(raised.value).startswith("Holder.value: ")
    assert SECRET not in str(raised.value)


def make(table: Table[object], value: object) -> object:
    """Make an item that its types would not allow."""
    return cast("Callable[..., object]", table.model)(value=value)  # it is a class


EMPTY = set[str]()
NOTHING = list[object]()


@pytest.mark.parametrize(
    ("hint", "value", "written"),
    [
        (float, -0.0, {"N": "0"}),
        (float, 1e20, {"N": "100000000000000000000"}),
        (Decimal, Decimal("1.50"), {"N": "1.5"}),
        (Decimal, Decimal("1E+3"), {"N": "1000"}),
        (int, True, {"N": "1"}),
        (Annotated[datetime, EpochSeconds], datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), {"N": "1.5"}),
        (
            Annotated[datetime, EpochMilliseconds],
            datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC),
            {"N": "1000.5"},
        ),
        (Annotated[datetime, TimeToLive], datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC), {"N": "1"}),
        (bytes, b"hi", {"B": b"hi"}),
        (set[str], EMPTY, {"NULL": True}),
        (set[str] | None, EMPTY, {"L": NOTHING}),
        (set[int], {7}, {"NS": ["7"]}),
        (
            object,
            [1, {"a": b"x"}, None, {"b"}],
            {"L": [{"N": "1"}, {"M": {"a": {"B": b"x"}}}, {"NULL": True}, {"SS": ["b"]}]},
        ),
    ],
)
def test_values_are_written_as_dynamodb_would_hand_them_out(
    hint: object, value: object, written: object
) -> None:
    table = holder(hint)
    assert table.unstructure(make(table, value)) == {"value": written}


@pytest.mark.parametrize(
    ("hint", "given", "value"),
    [
        (int, {"N": "1E2"}, 100),
        (int, {"N": "1.0"}, 1),
        (int, {"N": "-0"}, 0),
        (Decimal, {"N": "0.1" + "0" * 40}, Decimal("0.1")),
        (bytes, {"B": b"hi"}, b"hi"),
        (bytes, {"B": bytearray(b"hi")}, b"hi"),
        (bytes, {"B": "aGk="}, b"hi"),
        (set[str], {"SS": ["a", "a"]}, {"a"}),
        (set[str], {"SS": list[str]()}, EMPTY),
        (set[str], {"NULL": True}, EMPTY),
        (set[str], {"L": NOTHING}, EMPTY),
        (set[str] | None, {"L": NOTHING}, EMPTY),
        (set[str] | None, {"NULL": True}, None),
        (Literal["a"] | datetime, {"S": "a"}, "a"),
    ],
)
def test_forms_that_occur_in_the_wild_are_read(hint: object, given: object, value: object) -> None:
    table = holder(hint)
    assert table.structure(image(given)) == Success(make(table, value))


@dataclass(frozen=True, slots=True)
class Tagged:
    """A model with defaults that DynamoDB does not store."""

    id: int
    tags: set[str] = field(default_factory=set)
    names: frozenset[str] = frozenset()
    owner: str | None = None


def test_an_empty_set_or_none_by_default_is_left_out_and_comes_back() -> None:
    table = Table("prod-Card", Tagged)
    assert table.unstructure(Tagged(1)) == {"id": {"N": "1"}}
    assert table.structure({"id": {"N": "1"}}) == Success(Tagged(1))


class Name(str):
    """A text that may be more than it says."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A model with a field of it."""

    name: Name


@pytest.mark.parametrize("converter", [None, make_converter()], ids=["standard hooks", "cattrs"])
def test_a_subclass_of_a_type_is_another_type(converter: Converter | None) -> None:
    with pytest.raises(ConfigurationError, match="Name is not supported"):
        Table("prod-Card", Named, converter=converter)


def test_problems_are_found_without_cattrs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table without a converter of its own does not load it, not even then."""
    monkeypatch.delitem(sys.modules, "cattrs")
    found = Table("prod-Card", Bot).structure({"version": {"S": "1"}}).failure()
    assert found == Undecodable((Problem("$.version", "expected N, got S"),))
    assert "cattrs" not in sys.modules
