"""The items of the loads. Attributes have the names of their fields, so that every library can do without renaming."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from streamfn import PartitionKey, SortKey


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a card belongs to."""

    name: str
    age: int


@dataclass(frozen=True, slots=True)
class Card:
    """Eleven attributes: text, whole and decimal numbers, a truth value, a map, a list, a string set, a binary."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    body: str
    votes: int
    price: Decimal
    done: bool
    owner: Owner
    lines: tuple[str, ...]
    tags: frozenset[str]
    photo: bytes
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A flat and small item."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[int, SortKey]
    name: str
    done: bool


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The keys of a `Note`: all that a KEYS_ONLY stream says of it."""

    pk: str
    sk: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where a buyer lives."""

    street: str
    city: str
    code: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who ordered."""

    name: str
    age: int
    address: Address


@dataclass(frozen=True, slots=True)
class Line:
    """What was ordered."""

    sku: str
    title: str
    quantity: int
    price: Decimal
    gift: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A large item, with maps in maps and forty maps in a list."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[int, SortKey]
    buyer: Buyer
    lines: tuple[Line, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """Numbers below zero, one of all the digits that DynamoDB stores."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[int, SortKey]
    depth: int
    offset: int
    degrees: float
    balance: Decimal
    exact: Decimal


@dataclass(frozen=True, slots=True)
class Invoice:
    """The first of three kinds of item in one table."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[str, SortKey]
    kind: Literal["invoice"]
    number: int
    total: Decimal
    paid: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """The second."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[str, SortKey]
    kind: Literal["customer"]
    name: str
    email: str
    age: int
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Payment:
    """The third."""

    pk: Annotated[str, PartitionKey]
    sk: Annotated[str, SortKey]
    kind: Literal["payment"]
    number: int
    amount: Decimal
    method: str
    note: str | None = None


Entity: TypeAlias = Invoice | Customer | Payment
"""What stands in the table of three kinds, told apart by ``kind``."""
