"""Tables: their keys, their definition, the converters that they take, and what they are checked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, NewType

import attrs
import pytest
from cattrs import Converter
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from returns.result import Success

from streamfn import (
    Attribute,
    ConfigurationError,
    PartitionKey,
    Problem,
    SortKey,
    StreamViewType,
    Table,
    TimeToLive,
    make_converter,
)
from streamfn._tables import compiled_table
from tests.cards import Card, cards
from tests.conversion.holders import table_of

CardId = NewType("CardId", bytes)


@dataclass(frozen=True, slots=True)
class Keyed:
    """An item with all that can be marked, under names of the table's own."""

    id: Annotated[CardId, PartitionKey, Attribute("PK")]
    at: Annotated[Decimal, SortKey(), Attribute("SK")]
    gone: Annotated[datetime | None, TimeToLive, Attribute("ttl")] = None


@dataclass(frozen=True, slots=True)
class Bare:
    """An item that marks nothing."""

    id: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Another entity of a table of items marked alike."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    email: str


keyed = Table("prod-Keyed", Keyed)
ITEM = Keyed(CardId(b"a"), Decimal("1.5"))


def test_keys_are_what_the_model_marks() -> None:
    assert keyed.keys(ITEM) == {"PK": {"B": b"a"}, "SK": {"N": "1.5"}}


def test_a_definition_is_what_boto3_takes() -> None:
    definition = keyed.definition(StreamViewType.KEYS_ONLY)
    assert definition.create_table == {
        "TableName": "prod-Keyed",
        "AttributeDefinitions": [
            {"AttributeName": "PK", "AttributeType": "B"},
            {"AttributeName": "SK", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    }
    assert definition.update_time_to_live == {
        "TableName": "prod-Keyed",
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"},
    }


def test_a_table_without_a_time_to_live_says_so() -> None:
    assert cards.definition().update_time_to_live is None


def test_what_needs_a_key_says_that_none_is_marked() -> None:
    bare = Table("prod-Bare", Bare)
    for use in (bare.definition, lambda: bare.keys(Bare(1))):
        with pytest.raises(
            ConfigurationError,
            match=r"the model of prod-Bare marks no key: write Annotated\[…, PartitionKey\]",
        ):
            use()


def test_the_models_of_a_union_share_their_keys() -> None:
    table = Table("prod-Card", Card | Owner)
    assert table.keys(Owner(1, "a", "b")) == {"id": {"N": "1"}, "title": {"S": "a"}}
    assert table.structure(table.unstructure(Owner(1, "a", "b"))) == Success(Owner(1, "a", "b"))


def test_models_that_mark_different_keys_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="the models of prod-Card mark different keys"):
        Table("prod-Card", Card | Keyed)


@dataclass(frozen=True, slots=True)
class Expiring:
    """An entity that expires."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    token: str
    gone: Annotated[datetime, TimeToLive]


@dataclass(frozen=True, slots=True)
class ExpiringElsewhere:
    """One that says otherwise when."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    code: str
    until: Annotated[datetime, TimeToLive]


def test_the_models_of_a_union_share_their_time_to_live() -> None:
    for model in (Owner | Expiring, Expiring | Owner):
        assert "gone" == compiled_table(table_of(model)).keys.time_to_live
    with pytest.raises(
        ConfigurationError,
        match="mark different attributes TimeToLive, Expiring and ExpiringElsewhere: a table has one",
    ):
        Table("prod-Card", Owner | Expiring | ExpiringElsewhere)


def test_keys_can_be_read_as_another_model() -> None:
    found = cards.structure_keys(Bare, {"id": {"N": "1"}, "title": {"S": "a"}})
    assert found == Success(Bare(1))
    assert cards.structure_keys(Bare, {}).failure().problems == (Problem("$.id", "missing"),)


def test_a_table_shows_its_name_and_models() -> None:
    assert repr(Table("prod-Card", Card | Owner)) == "Table('prod-Card', Card | Owner)"


@dataclass(frozen=True, slots=True)
class Temperature:
    """A type that needs hooks of the user's own."""

    degrees: float


@dataclass(frozen=True, slots=True)
class Weather:
    """A model with one, in every place that a type may stand in."""

    now: Temperature
    maybe: Temperature | None
    past: list[Temperature]


def warm() -> Converter:
    """Make a converter that writes temperatures as text."""
    converter = make_converter()

    @converter.register_structure_hook
    def read(value: dict[str, str], _: type[Temperature]) -> Temperature:
        return Temperature(float(value["S"].removesuffix("°")))

    @converter.register_unstructure_hook
    def write(value: Temperature) -> dict[str, str]:
        return {"S": f"{value.degrees}°"}

    return converter


def test_a_users_hook_is_used_wherever_its_type_stands() -> None:
    table = Table("prod-Weather", Weather, converter=warm())
    for maybe, written in ((None, {"NULL": True}), (Temperature(3.0), {"S": "3.0°"})):
        weather = Weather(Temperature(1.5), maybe, [Temperature(-2.0)])
        image = table.unstructure(weather)
        assert image == {"now": {"S": "1.5°"}, "maybe": written, "past": {"L": [{"S": "-2.0°"}]}}
        assert table.structure(image) == Success(weather)


@dataclass(frozen=True, slots=True)
class Measured:
    """A model with a union of a type of the user's own and others."""

    value: Temperature | int | bool


def test_what_no_other_member_of_a_union_is_meant_for_goes_to_the_users_hook() -> None:
    table = Table("prod-Weather", Measured, converter=warm())
    for value in (Temperature(1.5), 2, True):
        assert table.structure(table.unstructure(Measured(value))) == Success(Measured(value))


@dataclass(frozen=True, slots=True)
class Pressure:
    """Another type that needs hooks of the user's own."""

    hectopascals: int


@dataclass(frozen=True, slots=True)
class Either:
    """A model with a union of two of them."""

    value: Temperature | Pressure


def test_two_types_of_the_users_own_in_a_union_need_a_hook_for_the_union() -> None:
    converter = warm()
    converter.register_structure_hook(Pressure, lambda value, _: Pressure(int(value["N"])))
    with pytest.raises(
        ConfigurationError, match=r"Either\.value: Temperature and Pressure cannot both be in a union"
    ):
        Table("prod-Weather", Either, converter=converter)

    def read(value: dict[str, str], _: object) -> Temperature | Pressure:
        return Pressure(int(value["N"])) if "N" in value else Temperature(float(value["S"].removesuffix("°")))

    converter.register_structure_hook(Temperature | Pressure, read)
    converter.register_unstructure_hook(Temperature | Pressure, converter.unstructure)
    table = Table("prod-Weather", Either, converter=converter)
    assert table.structure({"value": {"N": "7"}}) == Success(Either(Pressure(7)))


@dataclass(frozen=True, slots=True)
class Appointment:
    """A model with a time that may be absent."""

    at: datetime | None = None


def test_a_users_hook_for_one_of_our_types_may_read_other_tags() -> None:
    converter = make_converter()
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromtimestamp(int(value["N"]), UTC))
    table = Table("prod-Appointment", Appointment, converter=converter)
    assert table.structure({"at": {"N": "0"}}) == Success(Appointment(datetime(1970, 1, 1, tzinfo=UTC)))
    assert table.structure({"at": {"NULL": True}}) == Success(Appointment())


def test_problems_that_a_users_hook_finds_in_a_list_have_their_index() -> None:
    converter = make_converter()
    plain = Converter()
    converter.register_structure_hook(
        Temperature, lambda value, _: Temperature(sum(plain.structure(value["L"], list[float])))
    )
    refused = Table("prod-Weather", Weather, converter=converter).structure(
        {"now": {"L": ["1", "x"]}, "past": {"L": []}}
    )
    assert list(map(str, refused.failure().problems)) == ["$.now[1]: refused with ValueError"]


def test_problems_without_a_place_are_those_of_the_whole_value() -> None:
    def refuse(value: object, _: object) -> Temperature:
        cause = ValueError(str(value))
        cause.add_note("said by the user")
        raise ClassValidationError("cold", [cause], Temperature)  # pyright: ignore[reportCallIssue] (its __new__ takes three)

    converter = make_converter()
    converter.register_structure_hook(Temperature, refuse)
    refused = Table("prod-Weather", Weather, converter=converter).structure(
        {"now": {"S": "1"}, "past": {"L": []}}
    )
    assert list(map(str, refused.failure().problems)) == ["$.now: refused with ValueError"]


def test_what_a_users_hook_raises_is_a_problem_at_its_place() -> None:
    table = Table("prod-Weather", Weather, converter=warm())
    refused = table.structure({"now": {"S": "hot"}, "past": {"L": [{"N": "1"}]}}).failure()
    assert list(map(str, refused.problems)) == [
        "$.now: refused with ValueError",
        "$.past[0]: refused with KeyError",
    ]


def renaming(*, detailed: bool) -> Converter:
    """Make a converter on which cattrs' own functions rename a field and leave one out."""
    converter = make_converter()
    converter.detailed_validation = detailed
    converter.register_structure_hook(
        Owner,
        make_dict_structure_fn(
            Owner, converter, email=override(rename="mail"), _cattrs_detailed_validation=detailed
        ),
    )
    converter.register_unstructure_hook(
        Owner, make_dict_unstructure_fn(Owner, converter, email=override(rename="mail"))
    )
    return converter


@pytest.mark.parametrize("detailed", [True, False])
def test_what_cattrs_makes_and_renames_is_understood(*, detailed: bool) -> None:
    table = Table("prod-Card", Owner, converter=renaming(detailed=detailed))
    image = {"id": {"N": "1"}, "title": {"S": "a"}, "mail": {"S": "b"}}
    assert table.unstructure(Owner(1, "a", "b")) == image
    assert table.structure(image) == Success(Owner(1, "a", "b"))
    assert table.keys(Owner(1, "a", "b")) == {"id": {"N": "1"}, "title": {"S": "a"}}


def test_problems_that_cattrs_finds_have_their_paths() -> None:
    table = Table("prod-Card", Owner, converter=renaming(detailed=True))
    refused = table.structure({"id": {"S": "x"}, "title": {"N": "1"}, "mail": {"S": "b"}}).failure()
    assert list(map(str, refused.problems)) == ["$.id: expected N, got S", "$.title: expected S, got N"]


def test_a_model_that_cattrs_reads_stands_in_others() -> None:
    @attrs.frozen
    class Deck:
        owner: Owner

    Deck.__annotations__["owner"] = Owner
    table = Table("prod-Deck", Deck, converter=renaming(detailed=True))
    deck = Deck(Owner(1, "a", "b"))
    assert table.structure(table.unstructure(deck)) == Success(deck)


def test_forbidding_extra_keys_is_the_converters_business() -> None:
    strict = Table("prod-Card", Bare, converter=make_converter(forbid_extra_keys=True))
    assert str(strict.structure({"id": {"N": "1"}, "more": {"N": "1"}}).failure()) == (
        "$.more: the model has no such attribute"
    )
    with pytest.raises(ConfigurationError, match="pass forbid_extra_keys to yours"):
        Table("prod-Card", Bare, converter=make_converter(), forbid_unknown_attributes=True)


def test_a_converter_that_knows_no_attribute_values_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"make it with make_converter\(\)"):
        Table("prod-Card", Bare, converter=Converter())
