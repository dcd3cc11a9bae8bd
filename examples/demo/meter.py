"""Count what a ledger asks of DynamoDB."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boto3 import BatchWriteItemOutput, DynamoDBClient, QueryOutput


@dataclass(frozen=True, slots=True)
class Meter:
    """A client of DynamoDB for a ledger: it passes each request on, and counts it.

    `queries` and `writes` have a number for each invocation: how many there were of them. A read begins with the one
    query that asks for marks, and an invocation with a read.
    """

    dynamodb: "DynamoDBClient"
    queries: list[int] = field(default_factory=list[int])
    writes: list[int] = field(default_factory=list[int])

    def query(self, **request: object) -> "QueryOutput":
        """Look entries up."""
        if ":mark" in str(request["ExpressionAttributeValues"]):
            self.queries.append(0)
            self.writes.append(0)
        self.queries[-1] += 1
        return self.dynamodb.query(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[object]]) -> "BatchWriteItemOutput":
        """Add entries."""
        self.writes[-1] += 1
        return self.dynamodb.batch_write_item(RequestItems=RequestItems)

    def update_item(self, **request: object) -> object:
        """Say that there is an entry of a later record than before."""
        self.writes[-1] += 1
        return self.dynamodb.update_item(**request)
