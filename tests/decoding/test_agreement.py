"""Decoders and hooks agree: on what fits and what does not, on the items, and on what is wrong with an image."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, make_dataclass
from functools import wraps
from types import GenericAlias
from typing import Final, cast

import pytest
from cattrs.gen import make_dict_structure_fn
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfn import Image, Table, make_converter
from streamfn._conversion.attribute_values import InlineForm, Scalar, structure_int
from streamfn._conversion.decoders import inline_scalar
from streamfn._conversion.hooks import StructureHook
from streamfn._tables import compiled_table
from streamfn.testing.strategies import images
from tests.conversion.hints import ALL, Circle, Square, shown
from tests.fuzz.models import Card
from tests.fuzz.mutations import Json, Mutator

SEEDS: Final = st.integers(0, 2**32)
NUMBERS: Final = st.text("07-+.eE_ ٣", max_size=5) | st.sampled_from(
    [
        "",
        " 1",
        "1_0",
        "٣",
        "+5",
        "--1",
        "-",
        ".",
        "1.",
        "-0",
        "1E3",
        "1.5",
        "1.0",
        "NaN",
        "9" * 400,
        "9" * 1001,
    ]
)
"""Texts of which some are numbers."""


def with_number(value: Json, number: str) -> Json:
    """Put a text in the place of every number."""
    if isinstance(value, dict):
        return {tag: number if tag == "N" else with_number(held, number) for tag, held in value.items()}
    return [with_number(each, number) for each in value] if isinstance(value, list) else value


def holder(hint: object) -> type:
    """Make a model that has a type as a whole and in parts."""
    fields = [("value", hint), ("values", GenericAlias(list, (hint,)))]
    return make_dataclass("Holder", fields, frozen=True)


def agreement(model: type, examples: int = 25) -> None:
    """Hold the decoder of a model to the law, on images that fit and on mutated ones."""
    generated: Table[object] = Table("prod-Card", model)
    called: Table[object] = Table("prod-Card", model, generated=False)

    @settings(max_examples=examples)
    @given(images(generated), SEEDS, NUMBERS)
    def law(image: dict[str, dict[str, object]], seed: int, number: str) -> None:
        assert compiled_table(generated).decode(image) == called.structure(image).unwrap(), (
            "the hooks have to help out"
        )
        json = cast("Json", image)  # what a payload is made of
        mutator = Mutator(seed)
        for changed in (with_number(json, number), *(mutator.mutate(json) for _ in range(5))):
            found, expected = (table.structure(cast("Image", changed)) for table in (generated, called))
            assert (found, repr(found)) == (expected, repr(expected)), "they do not agree"

    law()


@pytest.mark.parametrize("hint", ALL, ids=shown)
def test_decoders_and_hooks_agree(hint: object) -> None:
    """Whatever the type, and whatever stands in its place."""
    agreement(holder(hint))


def test_they_agree_on_an_item_with_everything() -> None:
    agreement(Card, examples=100)


@pytest.mark.parametrize(
    "careless",
    [
        InlineForm("True", "int({0})"),
        InlineForm("{0}.isdecimal()", "int({0})"),
        InlineForm("{0}.isascii()", "int({0})"),
    ],
    ids=["no check", "any digits", "any ASCII"],
)
def test_a_decoder_that_leaves_a_check_out_breaks_the_law(
    careless: InlineForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the law can tell."""

    def inline(hook: StructureHook) -> tuple[Scalar, InlineForm] | None:
        row = inline_scalar(hook)
        return row if row is None or hook is not structure_int else (row[0], careless)

    monkeypatch.setattr("streamfn._conversion.decoders.inline_scalar", inline)
    with pytest.raises(AssertionError, match="they do not agree"):
        agreement(holder(int), examples=300)


@pytest.mark.parametrize("odd", [["NULL"], ("NULL",), {"NULL"}, "NULL", {"NULL": True, "S": "a"}], ids=str)
def test_what_looks_like_null_is_none_of_it(odd: object) -> None:
    generated: Table[object] = Table("prod-Card", holder(str | None))
    called: Table[object] = Table("prod-Card", holder(str | None), generated=False)
    image = cast("Image", {"value": odd, "values": {"L": []}})
    assert called.structure(image) == generated.structure(image)
    assert "$.value: expected" in str(generated.structure(image).failure())


@pytest.mark.parametrize(
    "kind", [{"S": "circle"}, {"S": "square"}, {"N": "4"}, {"S": "line"}, {"N": "5"}], ids=str
)
def test_models_come_before_what_may_be_anything(kind: Json) -> None:
    model = holder(Circle | Square | object)
    generated: Table[object] = Table("prod-Card", model)
    called: Table[object] = Table("prod-Card", model, generated=False)
    shape: Image = {"M": {"kind": kind, "size": {"N": "1"}}}
    image: Image = {"value": shape, "values": {"L": [shape, {"S": "none"}]}}
    assert (called.structure(image), repr(called.structure(image))) == (
        generated.structure(image),
        repr(generated.structure(image)),
    )


@dataclass(frozen=True)
class UUID:
    """A model that is called like a type which it has nothing to do with."""

    id: str


@dataclass(frozen=True)
class Registered:
    """A model with both."""

    tag: UUID
    id: uuid.UUID


def test_a_model_may_be_called_like_what_its_decoder_needs() -> None:
    text = "12345678-1234-5678-1234-567812345678"
    image: Image = {"tag": {"M": {"id": {"S": "a"}}}, "id": {"S": text}}
    assert Registered(UUID("a"), uuid.UUID(text)) == compiled_table(Table("prod-Card", Registered)).decode(
        image
    )


def test_a_hook_around_one_of_cattrs_gets_its_type() -> None:
    """It bears the marks of the one that it wraps."""
    converter = make_converter()
    inner = make_dict_structure_fn(UUID, converter)
    types: list[object] = []

    @wraps(inner)
    def hook(value: dict[str, object], hint: type[UUID]) -> UUID:
        types.append(hint)
        return inner(value, hint)

    converter.register_structure_hook(UUID, hook)
    table: Table[object] = Table("prod-Card", holder(UUID), converter=converter)
    compiled_table(table).decode({"value": {"M": {"id": {"S": "a"}}}, "values": {"L": []}})
    assert [UUID] == types


def test_a_user_hook_is_called_for_its_type_wherever_that_stands() -> None:
    """In a list, a union and a set, with the value and the type that cattrs would call it with."""
    calls: list[tuple[object, object]] = []

    def shout(value: object, hint: object) -> str:
        calls.append((value, hint))
        return "A"

    converter = make_converter()
    converter.register_structure_hook(str, shout)
    table: Table[object] = Table("prod-Card", holder(str), converter=converter)
    image: Image = {"value": {"S": "a"}, "values": {"L": [{"S": "b"}]}}
    assert "Holder(value='A', values=['A'])" == repr(compiled_table(table).decode(image))
    assert [({"S": "a"}, str), ({"S": "b"}, str)] == calls
