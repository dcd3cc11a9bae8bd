"""A function that cannot be imported: two of its handlers go by one name."""

from dataclasses import dataclass
from typing import Annotated

from returns.result import Result, Success

from streamfn import InsertEvent, PartitionKey, Table, lambda_handler, on_insert, pipeline


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table."""

    id: Annotated[int, PartitionKey]


def announce(event: InsertEvent[Card]) -> Result[int, None]:
    """Handle a new card."""
    return Success(event.new_image.id)


handler = lambda_handler(pipeline(Table("prod-Card", Card), on_insert(announce), on_insert(announce)))
