"""What reading a stream needs of boto3: the calls that are made, and clients for them.

The protocols are those of boto3's clients, whether it comes with types (of boto3-stubs or types-boto3) or with none.
Shards and records are looked into with care, since local servers leave parts of them out.
"""

# ruff: noqa: N803 (the arguments' names are AWS's own)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, Protocol, TypeAlias, TypedDict, cast

from typing_extensions import ReadOnly

from streamfn._clients import named, short_waits
from streamfn._clients import turned_away as refused_for_now

Raw: TypeAlias = Mapping[str, object]
"""A record as boto3 hands it over."""


class DescribeStreamOutput(TypedDict):
    """A page of what there is to know of a stream: shards, and the last of them if there are more."""

    StreamDescription: ReadOnly[Mapping[str, object]]


class GetShardIteratorOutput(TypedDict):
    """A place in a shard."""

    ShardIterator: ReadOnly[str]


class GetRecordsOutput(TypedDict):
    """A page of records, and the place after it; a closed shard that is read to its end has none."""

    Records: ReadOnly[Sequence[Raw]]
    NextShardIterator: ReadOnly[NotRequired[str | None]]


class StreamsClient(Protocol):
    """The calls to DynamoDB Streams that are made here, as boto3 makes them."""

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = ...) -> DescribeStreamOutput:
        """List shards."""
        ...

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["TRIM_HORIZON", "LATEST", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str = ...,
    ) -> GetShardIteratorOutput:
        """Find a place in a shard."""
        ...

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        """Read a page of records."""
        ...


class TableDescription(TypedDict):
    """What is asked of a table: which stream is its newest."""

    LatestStreamArn: ReadOnly[NotRequired[str]]


class DescribeTableOutput(TypedDict):
    """The description, in its wrapping."""

    Table: ReadOnly[TableDescription]


class TablesClient(Protocol):
    """The call to DynamoDB that is made here, as boto3 makes it."""

    def describe_table(self, *, TableName: str) -> DescribeTableOutput:
        """Describe a table."""
        ...


def make_streams() -> StreamsClient:
    """Make a client of DynamoDB Streams, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodbstreams", config=short_waits())


def make_tables() -> TablesClient:
    """Make a client of DynamoDB, for the region and with the credentials that the environment names."""
    return cast(
        "TablesClient", _dynamodb()
    )  # boto3 has no types of its own, and the project's leave its call out


def _dynamodb() -> object:
    import boto3

    return boto3.client("dynamodb", config=short_waits())


def turned_away(error: Exception) -> str | None:
    """Name why a request may succeed later, an error code or a lost connection; None if it cannot."""
    from botocore.exceptions import BotoCoreError

    return named(error) if isinstance(error, BotoCoreError) else refused_for_now(error)
