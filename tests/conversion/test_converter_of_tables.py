"""Each table is paired with a cattrs converter, and both agree: on items, on images and on problems."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest
from cattrs import Converter
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success

from streamfn import Image, Table, make_converter
from streamfn._conversion.attribute_values import structure_int
from streamfn._conversion.dispatch import HOOK_FACTORIES, LightConverter
from streamfn.testing.strategies import images
from tests.conversion.hints import ALL, MODELS, shown
from tests.conversion.holders import holder, table_of
from tests.fuzz.models import Card as Everything
from tests.fuzz.models import sound_records
from tests.fuzz.mutations import Json, Mutator

ROOT: Final = Path(__file__).parents[2]
SEEDS: Final = st.integers(0, 2**32)


def structured(converter: Converter, model: object, image: Image) -> object:
    """Return the item that a converter makes of an image, or the error that it raises."""
    try:
        return converter.structure({"M": image}, cast("type[object]", model))
    except ValueError as error:
        return type(error)


def agreement(table: Table[object], examples: int = 15) -> None:
    """Hold a table and its converter to the law, on images that fit and on mutated ones."""
    converter = table.converter
    paired = Table("prod-Card", table.model, converter=converter)

    @settings(max_examples=examples, report_multiple_bugs=False)
    @given(images(table), SEEDS)
    def law(image: Image, seed: int) -> None:
        item = table.structure(image).unwrap()
        assert item == structured(converter, table.model, image), "they do not agree"
        written = converter.unstructure(item, cast("Any", table.model))
        assert {"M": table.unstructure(item)} == written, "they do not agree"
        mutator = Mutator(seed)
        for _ in range(5):
            changed = cast("Image", mutator.mutate(cast("Json", image)))
            expected = table.structure(changed)
            found = structured(converter, table.model, changed)
            if isinstance(expected, Success):
                assert expected.unwrap() == found, "they do not agree"
            else:
                assert isinstance(found, type), "they do not agree"
                assert issubclass(found, ValueError), "they do not agree"
            assert (repr(expected), expected) == (repr(paired.structure(changed)), paired.structure(changed))

    law()


@pytest.mark.parametrize("hint", ALL, ids=shown)
def test_a_table_and_its_converter_agree(hint: object) -> None:
    """For each supported type."""
    agreement(holder(hint))


@pytest.mark.parametrize("model", MODELS, ids=shown)
def test_they_agree_on_each_kind_of_model(model: object) -> None:
    """For each kind of model, as the model of the table itself."""
    agreement(table_of(model))


@pytest.mark.parametrize("strict", [False, True])
def test_they_agree_on_an_item_with_everything(*, strict: bool) -> None:
    """Also where attributes are forbidden that the model does not have."""
    agreement(Table[object]("prod-Card", Everything, forbid_unknown_attributes=strict), examples=100)


def without_sign(value: object, hint: object) -> int:
    """Structure another number than the one that stands there."""
    return abs(structure_int(value, hint))


def refusing_nothing(value: object, hint: object) -> int:
    """Structure a number also where there is none."""
    try:
        return structure_int(value, hint)
    except ValueError:
        return 0


@pytest.mark.parametrize("careless", [without_sign, refusing_nothing])
def test_a_dispatcher_with_a_hook_of_its_own_breaks_the_law(
    careless: Callable[[object, object], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The law can tell."""
    find = LightConverter.get_structure_hook

    def get_structure_hook(self: LightConverter, hint: object) -> Callable[[object, object], object]:
        return careless if hint is int else find(self, hint)

    monkeypatch.setattr(LightConverter, "get_structure_hook", get_structure_hook)
    with pytest.raises(AssertionError, match="they do not agree"):
        agreement(holder(int), examples=300)


@dataclass(frozen=True)
class Card:
    """An item."""

    id: int
    title: str = ""


def test_a_table_keeps_the_converter_that_it_was_given() -> None:
    converter = make_converter()
    assert Table("prod-Card", Card, converter=converter).converter is converter


def test_a_table_makes_one_converter_of_its_own() -> None:
    """Also where several threads ask for it at once."""
    table, other = Table("prod-Card", Card), Table("prod-Card", Card)

    def converter_of(each: Table[Card]) -> Converter:
        return each.converter

    with ThreadPoolExecutor(8) as pool:
        converters = {id(each) for each in pool.map(converter_of, [table] * 8)}
    assert {id(table.converter)} == converters
    assert table.converter is not other.converter


def test_hooks_that_are_registered_later_are_not_the_table_s() -> None:
    """Its decoders are compiled by then; another table takes them from a converter that it is given."""
    table = Table("prod-Card", Card)
    table.converter.register_structure_hook(str, lambda _value, _type: "other")
    image: Image = {"id": {"N": "1"}, "title": {"S": "hello"}}
    assert Success(Card(1, "hello")) == table.structure(image)
    assert Card(1, "other") == table.converter.structure({"M": image}, Card)
    assert Success(Card(1, "other")) == Table("prod-Card", Card, converter=table.converter).structure(image)


def test_cattrs_is_loaded_by_the_first_access_and_not_before() -> None:
    program = """
import sys
from dataclasses import dataclass
from streamfn import Table
@dataclass
class Card:
    id: int
cards = Table("prod-Card", Card)
image = {"id": {"N": "1"}}
item = cards.structure(image).unwrap()
assert cards.unstructure(item) == image and str(cards.structure({}).failure()) == "$.id: missing"
assert not {"cattrs", "attr"} & sys.modules.keys(), "nothing has asked for them"
assert cards.converter.structure({"M": image}, Card) == item
assert "cattrs" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("is_given", [False, True], ids=["its own", "one that is given"])
def test_no_hook_is_made_twice(*, is_given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the table and its converter where it was given one, nor by either of them alone."""
    made: list[tuple[int, object, int]] = []

    def counting(number: int, make: Callable[[object, Any], object]) -> Callable[[object, object], object]:
        def factory(hint: object, converter: object) -> object:
            made.append((number, hint, id(converter)))
            return make(hint, converter)

        return factory

    factories = [
        (is_of_kind, counting(2 * number, structure), counting(2 * number + 1, unstructure))
        for number, (is_of_kind, structure, unstructure) in enumerate(HOOK_FACTORIES)
    ]
    monkeypatch.setattr("streamfn._conversion.converter.HOOK_FACTORIES", factories)
    monkeypatch.setattr("streamfn._conversion.dispatch.HOOK_FACTORIES", factories)
    table = Table[object]("prod-Card", Everything, converter=make_converter() if is_given else None)
    image = cast("Image", json.loads(sound_records()[0])["dynamodb"]["NewImage"])
    item = table.structure(image).unwrap()
    converter = table.converter
    assert item == converter.structure({"M": image}, Everything)
    converter.unstructure(item, Everything)
    assert made
    assert not [each for each in {*made} if made.count(each) > 1]
    assert len({converter for _, _, converter in made}) == (1 if is_given else 2)
