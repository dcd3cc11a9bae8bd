"""The module of a user's models, as the load of cards has them."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a card belongs to."""

    name: str
    age: int


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table."""

    id: int
    title: str
    body: str
    votes: int
    price: Decimal
    done: bool
    owner: Owner
    lines: tuple[str, ...]
    tags: frozenset[str]
    photo: bytes
    note: str | None = None
