"""What a model says of its fields beyond their types, inside ``Annotated[…]``.

@dataclass(frozen=True, slots=True)
class Card:
    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    owner: Annotated[str, Attribute("ownerName")]
    expires_at: Annotated[datetime, TimeToLive] | None = None
"""

from __future__ import annotations

from dataclasses import dataclass

from streamfn._values import Value


class PartitionKey:
    """The attribute is the table's partition key (its hash key): a string, number or binary."""


class SortKey:
    """The attribute is the table's sort key (its range key): a string, number or binary."""


class EpochSeconds:
    """A `datetime` is written as the number of seconds since 1970, and not as text."""


class EpochMilliseconds:
    """A `datetime` is written as the number of milliseconds since 1970, and not as text."""


class TimeToLive(EpochSeconds):
    """The attribute is the table's time to live: the second since 1970 after which DynamoDB may remove the item."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attribute(Value):
    """The field is stored under another name than its own."""

    name: str
