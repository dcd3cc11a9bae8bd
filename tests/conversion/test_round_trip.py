"""What a table writes it reads back: for every type that a model may have, and in both forms of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime
from decimal import Decimal
from types import GenericAlias
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success

from streamfn import PartitionKey, SortKey, Table, TimeToLive, configure_converter, make_converter
from streamfn.testing.strategies import images, items
from tests.conversion.hints import ALL, Bot, CardId, Owner, Suit, shown


@pytest.mark.parametrize("hint", ALL, ids=shown)
def test_an_item_comes_back_from_its_image(hint: object) -> None:
    """On its own, and as a part of others."""
    model = make_dataclass("Holder", [("value", hint), ("values", GenericAlias(list, (hint,)))], frozen=True)
    table: Table[object] = Table("prod-Card", model)

    @settings(max_examples=50)
    @given(items(model))
    def structures_what_it_unstructures(item: object) -> None:
        assert table.structure(table.unstructure(item)) == Success(item)

    structures_what_it_unstructures()


@pytest.mark.parametrize("hint", ALL, ids=shown)
def test_a_converter_of_the_users_own_makes_the_same(hint: object) -> None:
    """It finds the hooks by way of cattrs, which a table without one does not load."""
    model = make_dataclass("Holder", [("value", hint), ("values", GenericAlias(list, (hint,)))], frozen=True)
    table: Table[object] = Table("prod-Card", model)
    converted: Table[object] = Table("prod-Card", model, converter=make_converter())

    @settings(max_examples=10)
    @given(items(model))
    def law(item: object) -> None:
        image = table.unstructure(item)
        assert image == converted.unstructure(item)
        assert converted.structure(image) == table.structure(image) == Success(item)

    law()


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
