"""Read a table's stream as DynamoDB reports it, and put its records into the shape in which Lambda passes them on."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Final, TypeAlias, cast

if TYPE_CHECKING:
    from boto3 import DynamoDBStreamsClient

WireRecord: TypeAlias = dict[str, object]
"""A record as it stands in a Lambda event: JSON, and nothing that JSON cannot say."""

EMPTY_PAGES: Final = 10
"""After so many pages without a record in a row, an open shard counts as read up to now."""


def records(streams: "DynamoDBStreamsClient", stream_arn: str) -> Iterator[WireRecord]:
    """Give every record that the stream holds, oldest first, parents' shards before their children's.

    A closed shard ends with its last iterator; an open one has no end, and empty pages are normal in it
    (`GetRecords` in the DynamoDB Streams API Reference).
    """
    for shard_id in _shards(streams, stream_arn):
        for record in _shard_records(streams, stream_arn, shard_id):
            yield on_the_wire(record, stream_arn)


def on_the_wire(record: Mapping[str, object], stream_arn: str) -> WireRecord:
    """Turn a record of boto3's `get_records` into one of a Lambda event.

    Lambda adds the stream's ARN and writes JSON: bytes as base64 text, times as seconds since 1970. The names of an
    identity begin with small letters there.

    >>> on_the_wire({"dynamodb": {"Keys": {"id": {"B": b"hi"}}}}, "arn:…")
    {'dynamodb': {'Keys': {'id': {'B': 'aGk='}}}, 'eventSource': 'aws:dynamodb', 'eventSourceARN': 'arn:…'}
    """
    plain: WireRecord = json.loads(json.dumps(record, default=_as_json))
    if isinstance(identity := plain.get("userIdentity"), dict):
        named = cast("WireRecord", identity)  # isinstance knows the dict, not what is in it
        plain["userIdentity"] = {name[:1].lower() + name[1:]: value for name, value in named.items()}
    return {**plain, "eventSource": "aws:dynamodb", "eventSourceARN": stream_arn}


def _as_json(value: object) -> str | float:
    match value:
        case bytes():
            return b64encode(value).decode("ascii")
        case datetime():
            return value.timestamp()
        case _:
            raise TypeError(f"a stream record holds no {type(value).__name__}")


def _shards(streams: "DynamoDBStreamsClient", stream_arn: str) -> list[str]:
    """Give the stream's shards, each after its parent, if that is still there."""
    description = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]
    shards = description["Shards"]
    while (last := description.get("LastEvaluatedShardId")) is not None:
        description = streams.describe_stream(StreamArn=stream_arn, ExclusiveStartShardId=last)[
            "StreamDescription"
        ]
        shards += description["Shards"]
    known = {shard["ShardId"] for shard in shards}
    parents = {shard["ShardId"]: {shard.get("ParentShardId", "")} & known for shard in shards}
    return list(TopologicalSorter(parents).static_order())


def _shard_records(
    streams: "DynamoDBStreamsClient", stream_arn: str, shard_id: str
) -> Iterator[Mapping[str, object]]:
    position: str | None = streams.get_shard_iterator(
        StreamArn=stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    empty = 0
    while position is not None and empty < EMPTY_PAGES:
        page = streams.get_records(ShardIterator=position)
        yield from page["Records"]
        empty = 0 if page["Records"] else empty + 1
        position = page.get("NextShardIterator")
