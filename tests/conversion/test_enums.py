"""Enums and Flags decide themselves about the values that they do not list, in every place that a type may stand in."""

from __future__ import annotations

from collections.abc import Callable
from enum import CONFORM, KEEP, Enum, Flag, IntEnum
from typing import Literal
from uuid import UUID

import pytest
from returns.result import Success
from typing_extensions import override

from streamfn import Image, Table, make_converter
from streamfn._tables import compiled_table
from tests.conversion.hints import Access, Colour, Permission, Status, Suit
from tests.conversion.holders import holder


class Level(IntEnum):
    """An Enum of whole numbers, which is asked with whole numbers."""

    LOW = 1
    OTHER = 0

    @classmethod
    @override
    def _missing_(cls, value: object) -> Level | None:
        return cls.OTHER if type(value) is int else None


class Rate(Enum):
    """An Enum of fractions, which is asked with floats."""

    HALF = 0.5
    OTHER = 0.0

    @classmethod
    @override
    def _missing_(cls, value: object) -> Rate | None:
        return cls.OTHER if type(value) is float else None


class Grumpy(Enum):
    """An Enum that raises something of its own."""

    ONE = "one"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Grumpy:
        raise KeyError(value)


class Kept(Flag, boundary=KEEP):
    """A Flag that keeps bits that it does not know."""

    ONE = 1


class Conforming(Flag, boundary=CONFORM):
    """A Flag that drops bits that it does not know."""

    ONE = 1


def tables(hint: object) -> list[Table[object]]:
    """Make a table of a field for each way of reading: generated, by hooks, and by cattrs."""
    model = holder(hint).model
    assert isinstance(model, type)
    return [
        Table("prod-Card", model),
        Table("prod-Card", model, generated=False),
        Table("prod-Card", model, converter=make_converter()),
    ]


@pytest.mark.parametrize(
    ("hint", "value", "member"),
    [
        (Status, {"S": "archived"}, Status.UNKNOWN),
        (Status | None, {"S": "archived"}, Status.UNKNOWN),
        (Status | int, {"S": "archived"}, Status.UNKNOWN),
        (Status | str, {"S": "archived"}, "archived"),
        (Status | str, {"S": "open"}, Status.OPEN),
        (Colour | Status, {"S": "archived"}, Status.UNKNOWN),
        (list[Status], {"L": [{"S": "archived"}]}, [Status.UNKNOWN]),
        (set[Status], {"SS": ["open", "archived", "gone"]}, {Status.OPEN, Status.UNKNOWN}),
        (dict[Status, int], {"M": {"archived": {"N": "1"}}}, {Status.UNKNOWN: 1}),
        (Level, {"N": "7"}, Level.OTHER),
        (Level, {"N": "1.0"}, Level.LOW),
        (Rate, {"N": "7"}, Rate.OTHER),
        (Permission, {"N": "0"}, Permission(0)),
        (Permission, {"N": "3"}, Permission.ALL),
        (Permission | int, {"N": "3"}, Permission.ALL),
        (Permission | int, {"N": "4"}, 4),
        (Permission | str, {"N": "3"}, Permission.ALL),
        (frozenset[Permission], {"NS": ["1", "3"]}, frozenset({Permission.READ, Permission.ALL})),
        (Access, {"N": "7"}, Access(7)),
        (Access | None, {"N": "4"}, Access(4)),
        (Kept, {"N": "5"}, Kept(5)),
        (Conforming, {"N": "5"}, Conforming.ONE),
        (Literal[Colour.RED], {"S": "red"}, Colour.RED),
    ],
)
def test_an_enum_decides(hint: object, value: dict[str, object], member: object) -> None:
    for table in tables(hint):
        image: Image = {"value": value}
        item = table.structure(image).unwrap()
        assert (member, type(member)) == (vars(item)["value"], type(vars(item)["value"]))
        assert table.structure(table.unstructure(item)) == Success(item)


@pytest.mark.parametrize(
    ("hint", "value", "problem"),
    [
        (Status, {"N": "1"}, "$.value: expected S, got N"),
        (Status, {"S": 1}, "$.value: expected text in S, got number"),
        (Suit, {"S": "clubs"}, "$.value: expected one of 3 values in S, got another"),
        (Level, {"N": "1.5"}, "$.value: expected one of 2 values in N, got another"),
        (Grumpy, {"S": "two"}, "$.value: refused with KeyError"),
        (Permission, {"N": "8"}, "$.value: expected one of 2 values in N, got another"),
        (Permission, {"N": "1.5"}, "$.value: expected one of 2 values in N, got another"),
        (Permission | str, {"N": "8"}, "$.value: expected one of 2 values in N, got another"),
        (set[Permission], {"NS": ["1", "8"]}, "$.value[1]: expected one of 2 values in N, got another"),
        (Literal[Colour.RED], {"S": "black"}, "$.value: expected one of 1 values in S, got another"),
        (
            dict[Status, int],
            {"M": {"archived": {"N": "1"}, "gone": {"N": "2"}}},
            "$.value: expected keys that differ, got several that mean the same",
        ),
        (
            dict[UUID, int],
            {"M": {f"{UUID(int=1)}": {"N": "1"}, UUID(int=1).hex: {"N": "2"}}},
            "$.value: expected keys that differ, got several that mean the same",
        ),
    ],
)
def test_what_an_enum_does_not_take_is_a_problem(
    hint: object, value: dict[str, object], problem: str
) -> None:
    for table in tables(hint):
        assert problem == str(table.structure({"value": value}).failure())


def test_a_decoder_has_the_enum_decide_without_a_second_look() -> None:
    table = holder(Status)
    assert Status.UNKNOWN == vars(compiled_table(table).decode({"value": {"S": "archived"}}))["value"]


def test_a_member_may_have_more_than_one_value() -> None:
    """Python 3.13 lets an Enum add some to those that it lists."""

    class Size(Enum):
        SMALL = "small"

        def __init__(self, _: str) -> None:
            add: Callable[[str], None] | None = getattr(self, "_add_value_alias_", None)
            if add is not None:
                add("s")

    Size._value2member_map_.setdefault("s", Size.SMALL)
    for hint in (Size, Size | str):
        assert Size.SMALL == vars(holder(hint).structure({"value": {"S": "s"}}).unwrap())["value"]
