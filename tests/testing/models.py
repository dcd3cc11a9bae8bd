"""Models for the tests of `streamfn.testing`, each with what a stream's events have to carry of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from streamfn import Attribute, PartitionKey, SortKey, Table, TimeToLive


@dataclass(frozen=True, slots=True)
class Label:
    """A part of an item."""

    name: str
    colour: bytes


@dataclass(frozen=True, slots=True)
class Board:
    """An item with something of everything that an attribute value can be."""

    pk: Annotated[str, PartitionKey, Attribute("PK")]
    version: Annotated[int, SortKey]
    photo: bytes = b""
    price: Decimal | None = None
    labels: list[Label] | None = None
    members: frozenset[str] = frozenset()
    votes: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()
    open: bool = True
    expires_at: Annotated[datetime, TimeToLive] | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """An item of no declared table, whose model marks no key."""

    done: bool
    id: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """An item of two tables that write it alike but for their names."""

    id: Annotated[int, PartitionKey]


boards: Final = Table("prod-Board", Board)
visits: Final = Table("prod-Visit", Visit)
past_visits: Final = Table("prod-PastVisit", Visit)
