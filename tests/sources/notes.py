"""The table of the tests that read a real stream."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from streamfn import PartitionKey, SortKey, Table


@dataclass(frozen=True, slots=True)
class Note:
    """A note of something, with values of many types."""

    item: Annotated[str, PartitionKey]
    number: Annotated[int, SortKey]
    amount: Decimal | None = None
    blob: bytes | None = None
    blobs: frozenset[bytes] = frozenset()
    words: tuple[str, ...] = ()
    marks: dict[str, bool] | None = None


def table_of_notes(name: str) -> Table[Note]:
    """Declare a table of notes."""
    return Table(name, Note)
