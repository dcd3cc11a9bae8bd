"""What a table knows of its model, a union of models included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict, assert_type

from returns.result import Result, Success

from streamfn import (
    AttributeValue,
    Event,
    InsertEvent,
    MissingImage,
    PartitionKey,
    Pipeline,
    StreamRecord,
    Table,
    Undecodable,
    make_converter,
    on_insert,
    pipeline,
    structure,
)
from tests.typing.cards import Card, CardKey, cards


class Note(TypedDict):
    """A model that is no class of its own."""

    id: int


@dataclass(frozen=True, slots=True)
class Order:
    """One entity of a table that holds two."""

    id: Annotated[str, PartitionKey]
    kind: Literal["order"] = "order"


@dataclass(frozen=True, slots=True)
class Customer:
    """The other."""

    id: Annotated[str, PartitionKey]
    kind: Literal["customer"] = "customer"


def test_a_table_is_one_of_its_model() -> None:
    assert_type(Table("Card", Card), Table[Card])
    assert_type(Table("Note", Note), Table[Note])
    assert_type(Table("Card", Card, forbid_unknown_attributes=True, include_values=True), Table[Card])
    assert_type(Table("Card", Card, converter=make_converter()), Table[Card])


def test_images_become_items_and_items_images() -> None:
    assert_type(cards.structure({"id": {"N": "1"}, "title": {"S": "hello"}}), Result[Card, Undecodable])
    assert_type(cards.structure_keys(CardKey, {"id": {"N": "1"}}), Result[CardKey, Undecodable])
    assert_type(cards.unstructure(Card(1, "hello")), dict[str, AttributeValue])
    assert_type(cards.keys(Card(1, "hello")), dict[str, AttributeValue])
    assert_type(cards.unstructure(Card(1, "hello"))["id"], Mapping[str, object])


def test_a_union_of_models_is_a_model() -> None:
    shop = Table("Shop", Order | Customer)
    assert_type(shop, Table[Order | Customer])
    assert_type(
        shop.structure({"id": {"S": "1"}, "kind": {"S": "order"}}), Result[Order | Customer, Undecodable]
    )

    def greet(event: InsertEvent[Order | Customer]) -> Result[str, Exception]:
        match event.new_image:
            case Order(id=order):
                return Success(order)
            case Customer(id=customer):
                return Success(customer)

    assert_type(pipeline(shop, on_insert(greet)), Pipeline[str, Exception])


def test_a_record_is_structured_without_a_handler() -> None:
    def check(record: StreamRecord) -> None:
        assert_type(structure(cards, record), Result[Event[Card], Undecodable | MissingImage])

    assert callable(check)
