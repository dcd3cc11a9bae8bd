"""The models as Powertools' parser takes them: pydantic's, within Powertools' own model of a stream record."""

# Powertools is installed for the benchmark alone; what stands in for it elsewhere is typings/.
# pyright: reportMissingModuleSource=false

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Generic, Literal, TypeAlias

from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamChangedRecordModel,
    DynamoDBStreamRecordModel,
)
from pydantic import Base64Bytes, BaseModel, Field
from typing_extensions import TypeVar

from tests.benchmarks.images import Shape

M = TypeVar("M")


class Owner(BaseModel):
    """Who a card belongs to."""

    name: str
    age: int


class Card(BaseModel):
    """Eleven attributes."""

    id: int
    title: str
    body: str
    votes: int
    price: Decimal
    done: bool
    owner: Owner
    lines: tuple[str, ...]
    tags: frozenset[str]
    photo: Base64Bytes
    note: str | None = None


class Note(BaseModel):
    """A flat and small item."""

    pk: str
    sk: int
    name: str
    done: bool


class NoteKey(BaseModel):
    """The keys of a note."""

    pk: str
    sk: int


class Address(BaseModel):
    """Where a buyer lives."""

    street: str
    city: str
    code: str


class Buyer(BaseModel):
    """Who ordered."""

    name: str
    age: int
    address: Address


class Line(BaseModel):
    """What was ordered."""

    sku: str
    title: str
    quantity: int
    price: Decimal
    gift: bool
    labels: tuple[str, ...]


class Order(BaseModel):
    """A large item."""

    pk: str
    sk: int
    buyer: Buyer
    lines: tuple[Line, ...]
    total: Decimal


class Reading(BaseModel):
    """Numbers below zero."""

    pk: str
    sk: int
    depth: int
    offset: int
    degrees: float
    balance: Decimal
    exact: Decimal


class Invoice(BaseModel):
    """The first of three kinds."""

    pk: str
    sk: str
    kind: Literal["invoice"]
    number: int
    total: Decimal
    paid: bool
    lines: tuple[str, ...]


class Customer(BaseModel):
    """The second."""

    pk: str
    sk: str
    kind: Literal["customer"]
    name: str
    email: str
    age: int
    tags: frozenset[str]


class Payment(BaseModel):
    """The third."""

    pk: str
    sk: str
    kind: Literal["payment"]
    number: int
    amount: Decimal
    method: str
    note: str | None = None


Entity: TypeAlias = Annotated[Invoice | Customer | Payment, Field(discriminator="kind")]


class Change(DynamoDBStreamChangedRecordModel, Generic[M]):
    """What changed, with images of a model."""

    NewImage: M | None = None
    OldImage: M | None = None


class Record(DynamoDBStreamRecordModel, Generic[M]):
    """A record with images of a model."""

    dynamodb: Change[M]


class KeyChange(DynamoDBStreamChangedRecordModel):
    """What changed, known by its keys."""

    Keys: NoteKey


class KeyRecord(DynamoDBStreamRecordModel):
    """A record of a KEYS_ONLY stream."""

    dynamodb: KeyChange


RECORDS: Final[Mapping[Shape, type[DynamoDBStreamRecordModel]]] = {
    "card": Record[Card],
    "note": Record[Note],
    "order": Record[Order],
    "reading": Record[Reading],
    "entity": Record[Entity],
    "key": KeyRecord,
}
"""The model of a record by that of its images."""
