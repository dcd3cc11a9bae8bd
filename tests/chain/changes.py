"""A table, and a plan of what is written to it: inserts, updates and deletes, which its stream tells one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from streamfn import Event, PartitionKey, RemoveEvent, Table

if TYPE_CHECKING:
    from boto3 import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Parcel:
    """An item of the table; `change` counts what was written, so that it tells the versions of an item apart."""

    id: Annotated[int, PartitionKey]
    change: int


parcels: Final = Table("parcels", Parcel)

Write: TypeAlias = Mapping[str, Mapping[str, Mapping[str, object]]]
"""An entry of a BatchWriteItem."""

_AT_ONCE: Final = 25


def plan(*, count: int, items: int, seed: int) -> Iterator[list[Write]]:
    """Plan so many writes, each of which is a change, in the batches in which to send them.

    A batch has an item once at the most, as BatchWriteItem asks for.
    """
    random = Random(seed)  # noqa: S311 (nothing here is secret)
    there: dict[int, Parcel] = {}
    batch: dict[int, Write] = {}
    for number in range(count):
        item = random.randrange(items)
        if item in batch or len(batch) == _AT_ONCE:
            yield list(batch.values())
            batch = {}
        if item in there and random.random() < 0.3:
            batch[item] = {"DeleteRequest": {"Key": parcels.keys(there.pop(item))}}
        else:
            there[item] = Parcel(item, number)
            batch[item] = {"PutRequest": {"Item": parcels.unstructure(there[item])}}
    yield list(batch.values())


def make(batches: Iterator[Sequence[Write]], dynamodb: DynamoDBClient) -> None:
    """Make the changes."""
    for batch in batches:
        answer = dynamodb.batch_write_item(RequestItems={parcels.name: batch})
        assert not answer["UnprocessedItems"]


def change_of(event: Event[Parcel]) -> str:
    """Name a change, the same in every run of a plan, unlike the identifiers that DynamoDB gives to records."""
    if isinstance(event, RemoveEvent):
        return f"removal of {event.old_image.change}"
    return f"change {event.new_image.change}"
