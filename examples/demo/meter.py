"""Count what a ledger asks of DynamoDB."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boto3 import BatchWriteItemOutput, DynamoDBClient, QueryOutput


@dataclass(frozen=True, slots=True)
class Meter:
    """A client of DynamoDB for a ledger: it passes each request on, and counts it.

    `writes` has a number for each query: how many writes came after it, before the next. An invocation begins with a
    query, so these are the invocations of a function whose ledger needs no more than one.
    """

    dynamodb: "DynamoDBClient"
    writes: list[int] = field(default_factory=list[int])

    def query(self, **request: object) -> "QueryOutput":
        """Look entries up."""
        self.writes.append(0)
        return self.dynamodb.query(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[object]]) -> "BatchWriteItemOutput":
        """Add entries."""
        self.writes[-1] += 1
        return self.dynamodb.batch_write_item(RequestItems=RequestItems)
