"""DynamoDB as a ledger sees it: the calls that it makes, and a client for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NotRequired, Protocol, TypedDict

from typing_extensions import ReadOnly

from streamfn._clients import short_waits
from streamfn._wire import Image


class Page(TypedDict):
    """A page of the items that a query finds, and the keys of the last one if there are more pages."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class Written(TypedDict):
    """What DynamoDB has not done of what it was asked to write, by table."""

    UnprocessedItems: ReadOnly[NotRequired[Mapping[str, Sequence[object]]]]


class LedgerClient(Protocol):
    """What is asked of boto3's client of DynamoDB."""

    def query(
        self,
        *,
        TableName: str,  # noqa: N803 (AWS's own)
        ConsistentRead: bool,  # noqa: N803 (AWS's own)
        KeyConditionExpression: str,  # noqa: N803 (AWS's own)
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803 (AWS's own)
        ExpressionAttributeValues: Image,  # noqa: N803 (AWS's own)
        FilterExpression: str = ...,  # noqa: N803 (AWS's own)
        ExclusiveStartKey: Image = ...,  # noqa: N803 (AWS's own)
    ) -> Page:
        """Give a page of items."""
        ...

    @property
    def batch_write_item(self) -> Callable[..., Written]:
        """Write items: ``(*, RequestItems: Mapping[str, Sequence[…]])``, by table.

        The type of requests is left open, because stubs of boto3 describe them by typed dictionaries that
        nothing but themselves fits.
        """
        ...

    @property
    def update_item(self) -> Callable[..., object]:
        """Change an item if a condition holds; its type is left open for the same reason."""
        ...


def make_client() -> LedgerClient:
    """Make a client of DynamoDB, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodb", config=short_waits())
