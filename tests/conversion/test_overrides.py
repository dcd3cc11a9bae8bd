"""What cattrs' ``override`` says of a field inside its type counts, or is refused where it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Final, NotRequired, Required, TypedDict

import attrs
import pytest
from cattrs.gen import make_dict_structure_fn, override
from returns.result import Success
from typing_extensions import TypeAliasType

from streamfn import Attribute, ConfigurationError, Image, PartitionKey, Table, make_converter
from streamfn._tables import compiled_table
from tests.conversion.holders import holder, table_of

Renamed = TypeAliasType("Renamed", Annotated[int, override(rename="N")])


@dataclass(frozen=True, slots=True)
class Card:
    """A dataclass with every override."""

    id: Annotated[int, PartitionKey, override(rename="PK")]
    size: Final[Annotated[int, override(omit_if_default=True)]] = 3
    names: Annotated[list[str], override(omit_if_default=True)] = field(default_factory=list)
    owner: Annotated[str | None, override(omit_if_default=False)] = None
    cache: Annotated[int, override(omit=True)] = 7
    title: Annotated[
        str,
        override(
            struct_hook=lambda value, _: value["S"].upper(), unstruct_hook=lambda text: {"S": text.lower()}
        ),
    ] = "A"
    number: Renamed = 0
    made: Annotated[int, override(rename="elsewhere")] = field(init=False, default=1)


@attrs.frozen
class Point:
    """An attrs class with some."""

    x: Annotated[int, override(rename="X")]
    names: Annotated[list[str], override(omit_if_default=True)] = attrs.field(factory=list)
    made: int = attrs.field(init=False, default=0)


class Options(TypedDict):
    """A TypedDict with some."""

    size: Annotated[Required[int], override(rename="SIZE")]
    colour: NotRequired[Annotated[str, override(rename="COLOUR")]]
    cache: NotRequired[Annotated[str, override(omit=True)]]


@pytest.mark.parametrize("generated", [True, False])
@pytest.mark.parametrize(
    ("model", "item", "image"),
    [
        (Card, Card(1), {"PK": {"N": "1"}, "owner": {"NULL": True}, "title": {"S": "a"}, "N": {"N": "0"}}),
        (
            Card,
            Card(1, 4, ["x"], "ada", 7, "B", 2),
            {
                "PK": {"N": "1"},
                "size": {"N": "4"},
                "names": {"L": [{"S": "x"}]},
                "owner": {"S": "ada"},
                "title": {"S": "b"},
                "N": {"N": "2"},
            },
        ),
        (Point, Point(1), {"X": {"N": "1"}}),
        (Options, {"size": 1, "colour": "red"}, {"SIZE": {"N": "1"}, "COLOUR": {"S": "red"}}),
    ],
)
def test_an_override_counts(model: type, item: object, image: Image, *, generated: bool) -> None:
    table: Table[object] = Table("prod-Card", model, generated=generated)
    assert image == table.unstructure(item)
    assert Success(item) == table.structure(image)
    assert Success(item) == table.structure({**image, "cache": {"N": "1"}})


def test_a_key_bears_the_name_that_an_override_gives_it() -> None:
    assert {"PK": {"N": "1"}} == Table("prod-Card", Card).keys(Card(1))


def test_a_field_that_a_hook_of_its_own_reads_counts_as_one_that_can_change() -> None:
    assert not compiled_table(Table("prod-Card", make_hooked())).is_immutable


def make_hooked() -> type:
    """Make a frozen model with such a field."""
    hook = override(struct_hook=lambda value, _: value)
    return make_dataclass("Hooked", [("value", Annotated[int, hook])], frozen=True)


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (
            Annotated[int, override(omit=True)],
            "Holder.value is left out by override(omit=True), and has no default",
        ),
        (
            list[Annotated[int, override(rename="x")]],
            "Holder.value: override(…) is for a field as a whole: write Annotated[…, override(…)] around its type",
        ),
        (
            tuple[Annotated[int, override(rename="x")], ...],
            "Holder.value: override(…) is for a field as a whole",
        ),
        (
            Annotated[int, override(rename="x"), override(omit=False)],
            "Holder.value has two overrides: write one",
        ),
        (
            Annotated[int, override(rename="x"), Attribute("y")],
            "Holder.value has two names for its attribute, 'y' and 'x': write one",
        ),
    ],
)
def test_an_override_that_cannot_count_is_refused(hint: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        holder(hint)
    assert str(raised.value).startswith(message)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A model whose override stands on a member of a union."""

    value: Annotated[int, override(rename="x")] | None


def test_an_override_of_a_member_of_a_union_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Maybe\.value: override\(…\) is for a field as a whole"):
        Table("prod-Maybe", Maybe)


def test_one_name_may_be_said_twice() -> None:
    table = holder(Annotated[int, override(rename="x"), Attribute("x")])
    assert table.structure({"x": {"N": "1"}}).unwrap() is not None


def test_what_cannot_be_read_cannot_be_asked_for() -> None:
    asked = (Annotated[int, override(omit=False)], field(init=False, default=0))
    with pytest.raises(ConfigurationError, match=r"Odd\.made has init=False, so that it cannot be read"):
        table_of(make_dataclass("Odd", [("made", *asked)]))


def test_a_default_that_differs_by_item_cannot_be_left_out() -> None:
    default = attrs.field(default=attrs.Factory(lambda item: item.x, takes_self=True))

    @attrs.define
    class Odd:
        x: int
        y: int = default

    Odd.__annotations__["y"] = Annotated[int, override(omit_if_default=True)]
    with pytest.raises(
        ConfigurationError, match=r"Odd\.y: override\(omit_if_default=True\) is for a default that is"
    ):
        Table("prod-Odd", Odd)


def test_a_final_field_without_a_type_needs_a_default() -> None:
    made: list[object] = field(default_factory=list[object])
    for model in (make_dataclass("Odd", [("made", Final)]), make_dataclass("Odd", [("made", Final, made)])):
        with pytest.raises(ConfigurationError, match=r"Odd\.made is Final of no type: write Final\[…\]"):
            table_of(model)


@dataclass(frozen=True, slots=True)
class Made:
    """A model that cattrs' own function reads."""

    id: int
    cache: int = 0


@dataclass(frozen=True, slots=True)
class Outer:
    """A model with one."""

    inner: Made


def test_what_cattrs_leaves_out_of_a_model_is_no_field_of_it() -> None:
    converter = make_converter()
    hook = make_dict_structure_fn(Made, converter, cache=override(omit=True))
    converter.register_structure_hook(Made, hook)
    table = Table("prod-Made", Made, converter=converter)
    assert Success(Made(1)) == table.structure({"id": {"N": "1"}, "cache": {"N": "5"}})


def test_what_cattrs_forbids_is_named_or_counted() -> None:
    converter = make_converter()
    hook = make_dict_structure_fn(Made, converter, _cattrs_forbid_extra_keys=True)
    converter.register_structure_hook(Made, hook)
    more: Image = {"id": {"N": "1"}, "a b": {"N": "1"}, "c": {"N": "1"}}
    table = Table("prod-Made", Made, converter=converter)
    assert ["$['a b']: the model has no such attribute", "$.c: the model has no such attribute"] == [
        str(each) for each in table.structure(more).failure().problems
    ]
    within = Table("prod-Outer", Outer, converter=converter)
    assert "$.inner: found 2 attributes that the model does not have" == str(
        within.structure({"inner": {"M": more}}).failure()
    )
