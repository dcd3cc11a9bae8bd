"""A converter has the hooks of a table: for the same types, alone and in models, and for no others."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import make_dataclass
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self, cast

import pytest
from cattrs import Converter

from streamfn import AttributeValue, ConfigurationError, Image, Table, explain, make_converter
from streamfn._conversion.attribute_values import SCALARS, text_scalar
from tests.conversion.hints import Access, Colour, Rank
from tests.conversion.holders import holder
from tests.conversion.test_converter_of_tables import ROOT, agreement


class Mixed(str, Enum):  # noqa: UP042 (the older way)
    """An Enum of text in the older way."""

    RED = "red"


class Odd(int, Enum):
    """An Enum of numbers whose values are other than the numbers that they are."""

    ONE = "one"

    def __new__(cls, value: str) -> Self:
        """Make a member that is the number of its letters."""
        member = int.__new__(cls, len(value))
        member._value_ = value
        return member


@pytest.mark.parametrize(
    "member",
    [Colour.RED, Rank.TEN, Access.READ | Access.WRITE, Mixed.RED, Odd.ONE],
    ids=lambda member: type(member).__name__,
)
def test_an_enum_that_is_text_or_a_number_is_an_enum(member: Enum) -> None:
    """Also for the converter alone: cattrs takes it for text or a number."""
    converter = make_converter()
    value = converter.unstructure(member)
    assert value == converter.unstructure(member, type(member))
    assert converter.structure(value, type(member)) is member
    table = holder(type(member))
    assert table.converter.unstructure(member) == value
    image: Image = {"value": cast("AttributeValue", value)}
    assert (
        table.structure(image).unwrap()
        == Table("prod-Card", table.model, converter=converter).structure(image).unwrap()
    )
    assert table.unstructure(table.structure(image).unwrap()) == image
    assert table.converter.unstructure(table.structure(image).unwrap()) == {"M": image}


class Name(str):
    """A text that may be more than it says."""

    __slots__ = ()


@pytest.mark.parametrize("hint", [Name, Path, type(Path()), complex, list[Path]], ids=str)
def test_a_converter_refuses_the_types_that_a_table_refuses(hint: type) -> None:
    """Those too for which cattrs has hooks of its own."""
    converter = make_converter()
    with pytest.raises(ConfigurationError, match="is not supported"):
        holder(hint)
    with pytest.raises(ConfigurationError, match="is not supported"):
        Table("prod-Card", make_dataclass("Holder", [("value", hint)]), converter=converter)
    with pytest.raises(ConfigurationError, match="is not supported"):
        converter.structure({"S": "a"}, hint)


def test_a_path_is_refused_by_the_methods_of_cattrs_too() -> None:
    """As where a class of the user's calls them by name."""
    with pytest.raises(ConfigurationError, match="Path is not supported"):
        Converter.structure(make_converter(), {"S": "a"}, Path)


def test_a_path_is_stored_by_a_hook_of_ones_own_alone() -> None:
    converter = make_converter()
    with pytest.raises(ConfigurationError, match="register an unstructure hook"):
        converter.unstructure(Path("a"))
    converter.register_structure_hook(Path, lambda value, _: Path(value["S"]))
    converter.register_unstructure_hook(Path, lambda path: {"S": str(path)})
    assert converter.structure(converter.unstructure(Path("a")), Path) == Path("a")


def shout(value: object, _hint: object) -> str:
    """Structure a value as another one."""
    return f"{value}!"


@pytest.mark.parametrize("is_copied", [False, True])
def test_the_hook_of_a_union_is_used(*, is_copied: bool) -> None:
    """In each notation and order, and also by a copy of the converter."""
    converter = make_converter()
    converter.register_structure_hook(int | str, shout)
    used = converter.copy() if is_copied else converter
    table = Table("prod-Card", holder(str | int).model, converter=used)
    assert "Holder(value=\"{'S': 'a'}!\")" == repr(table.structure({"value": {"S": "a"}}).unwrap())
    assert "{'S': 'a'}!" == table.converter.structure({"S": "a"}, int | str)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] (cattrs takes it)


def test_the_hook_of_a_union_may_be_registered_by_a_decorator() -> None:
    def hook(value: object, _hint: object) -> object:
        return f"{value}?"

    hook.__annotations__["return"] = int | str
    converter = make_converter()
    assert converter.register_structure_hook(hook) is hook
    table = Table("prod-Card", holder(int | str).model, converter=converter)
    assert "Holder(value=\"{'S': 'a'}?\")" == repr(table.structure({"value": {"S": "a"}}).unwrap())


ADDRESS = ("ipaddress", "IPv4Address")


def test_a_scalar_type_is_one_row_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tag, its hooks, its inline form and the strategy of its values follow."""
    with pytest.raises(ConfigurationError, match="IPv4Address is not supported"):
        holder(IPv4Address)
    monkeypatch.setitem(SCALARS, ADDRESS, text_scalar(ADDRESS))
    for hint in (
        IPv4Address,
        frozenset[IPv4Address] | None,
        dict[IPv4Address, IPv4Address],
        int | IPv4Address,
    ):
        agreement(holder(hint))
    table = holder(IPv4Address)
    assert "IPv4Address(content)" in explain(table)
    image: Image = {"value": {"S": "10.0.0.1"}}
    item = table.structure(image).unwrap()
    assert "Holder(value=IPv4Address('10.0.0.1'))" == repr(item)
    assert image == table.unstructure(item)
    problem = "$.value: expected the text of a IPv4Address in S, got other text"
    assert problem == str(table.structure({"value": {"S": "10"}}).failure())
    with pytest.raises(ConfigurationError, match="both stored as S"):
        holder(IPv4Address | uuid.UUID)


@pytest.mark.parametrize(
    "first", ["converter = make_converter()", "converter = None"], ids=["given", "its own"]
)
def test_a_type_may_be_loaded_after_the_converter_is_made(first: str) -> None:
    """As one that is known by name: a table, the converter and decoders find it."""
    program = f"""
import sys
from streamfn import Table, explain, make_converter
{first}
assert "uuid" not in sys.modules, "this test has nothing to show"
from dataclasses import dataclass
from uuid import UUID
@dataclass(frozen=True)
class Card:
    id: UUID
    others: frozenset[UUID] = frozenset()
    either: int | UUID | None = None
card = Card(UUID(int=1), frozenset({{UUID(int=2)}}), UUID(int=3))
table = Table("prod-Card", Card, converter=converter)
image = table.unstructure(card)
assert table.structure(image).unwrap() == table.converter.structure({{"M": image}}, Card) == card
assert table.converter.structure(table.converter.unstructure(card.id), UUID) == card.id
assert "UUID(content)" in explain(table)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
