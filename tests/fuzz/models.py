"""An item with a field of each kind, and sound records of such items."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Final, Literal
from uuid import UUID

from streamfn import Attribute, EpochMilliseconds, PartitionKey, SortKey, Table, TimeToLive
from streamfn.testing import insert_event, lambda_event, modify_event, remove_event


class Suit(Enum):
    """A choice of texts."""

    HEARTS = "hearts"
    SPADES = "spades"


@dataclass(frozen=True, slots=True)
class Circle:
    """One kind of shape."""

    kind: Literal["circle"]
    radius: float


@dataclass(frozen=True, slots=True)
class Square:
    """Another kind of shape."""

    kind: Literal["square"]
    side: Decimal


@dataclass(frozen=True, slots=True)
class Branch:
    """A part that holds others of its kind."""

    name: str
    branches: list[Branch]


@dataclass(frozen=True, slots=True)
class Card:
    """An item with a field of each kind."""

    pk: Annotated[str, PartitionKey, Attribute("PK")]
    version: Annotated[int, SortKey]
    id: UUID
    suit: Suit
    shape: Circle | Square
    tree: Branch
    photo: bytes
    at: datetime
    votes: frozenset[int]
    digests: frozenset[bytes]
    counts: dict[str, Decimal]
    pair: tuple[int, str]
    anything: object
    either: int | str | None
    seen: Annotated[datetime, EpochMilliseconds] | None = None
    expires_at: Annotated[datetime, TimeToLive] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of an item."""

    pk: Annotated[str, Attribute("PK")]
    version: int


cards: Final = Table("prod-Card", Card)


def sound_records() -> list[str]:
    """Make records, in JSON, of which all that the fuzzer sends are mutations."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    tree = Branch("root", [Branch("left", []), Branch("right", [Branch("leaf", [])])])
    one = Card(
        pk="a",
        version=1,
        id=UUID(int=7),
        suit=Suit.HEARTS,
        shape=Circle("circle", 1.5),
        tree=tree,
        photo=b"\xff\x00",
        at=moment,
        votes=frozenset({1, 22}),
        digests=frozenset({b"\x01"}),
        counts={"a": Decimal("1.25"), "b": Decimal("-1E+20")},
        pair=(1, "b"),
        anything={"list": [1, "a", None, True]},
        either="text",
        seen=moment,
        expires_at=moment,
        names=("x", "y"),
    )
    other = Card(
        pk="a",
        version=1,
        id=UUID(int=8),
        suit=Suit.SPADES,
        shape=Square("square", Decimal(2)),
        tree=Branch("", []),
        photo=b"",
        at=moment,
        votes=frozenset(),
        digests=frozenset(),
        counts={},
        pair=(0, ""),
        anything=None,
        either=7,
    )
    events = insert_event(one), modify_event(one, other), remove_event(other), remove_event(one, expired=True)
    return [json.dumps(record) for record in lambda_event(*events)["Records"]]
