"""The demo reads a stream to its end, and writes its records as Lambda does."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from examples.demo.stream import EMPTY_PAGES, on_the_wire, records

if TYPE_CHECKING:
    from boto3 import DescribeStreamOutput, GetRecordsOutput, GetShardIteratorOutput, Record, Shard

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2026-01-01T00:00:00.000"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Streams:
    """A stream made of pages of event ids for each shard; a shard named in `open_shards` has no end."""

    def __init__(
        self,
        shards: "Sequence[Shard]",
        pages: dict[str, list[list[str]]],
        open_shards: Sequence[str] = (),
    ) -> None:
        self.shards = shards
        self.pages = pages
        self.open_shards = open_shards

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> "DescribeStreamOutput":
        """List one shard a page."""
        names = ["", *(shard["ShardId"] for shard in self.shards)]
        position = names.index(ExclusiveStartShardId)
        shard = self.shards[position]
        if position + 1 == len(self.shards):
            return {"StreamDescription": {"StreamArn": StreamArn, "Shards": [shard]}}
        last = shard["ShardId"]
        return {
            "StreamDescription": {"StreamArn": StreamArn, "Shards": [shard], "LastEvaluatedShardId": last}
        }

    def get_shard_iterator(
        self, *, StreamArn: str, ShardId: str, ShardIteratorType: Literal["TRIM_HORIZON", "LATEST"]
    ) -> "GetShardIteratorOutput":
        """Begin with the first page."""
        assert (ARN, "TRIM_HORIZON") == (StreamArn, ShardIteratorType)
        return {"ShardIterator": f"{ShardId}/0"}

    def get_records(self, *, ShardIterator: str, Limit: int = 1000) -> "GetRecordsOutput":
        """Give a page; the last one of a closed shard has no successor."""
        del Limit
        shard, _, page = ShardIterator.partition("/")
        pages = self.pages[shard]
        following = int(page) + 1
        found = [record(event_id) for event_id in (pages[int(page)] if int(page) < len(pages) else [])]
        if following < len(pages) or shard in self.open_shards:
            return {"Records": found, "NextShardIterator": f"{shard}/{following}"}
        return {"Records": found}


def record(event_id: str) -> "Record":
    """Make a record as boto3 gives it."""
    return {
        "eventID": event_id,
        "eventName": "INSERT",
        "dynamodb": {"ApproximateCreationDateTime": NOON, "SequenceNumber": event_id},
    }


def event_ids(streams: Streams) -> list[object]:
    """Read a stream."""
    return [read["eventID"] for read in records(streams, ARN)]


def test_a_closed_shard_is_read_to_its_last_record() -> None:
    """The page that comes without a next iterator counts as well, and an empty page is not the end."""
    streams = Streams([{"ShardId": "a"}], {"a": [["1"], [], ["2"], ["3"]]})

    assert ["1", "2", "3"] == event_ids(streams)


def test_an_open_shard_is_read_as_far_as_it_goes() -> None:
    """Such a shard has no end; some empty pages in a row mean that there is nothing more yet."""
    pages = [["1"], *[[]] * (EMPTY_PAGES - 1), ["2"]]

    assert ["1", "2"] == event_ids(Streams([{"ShardId": "a"}], {"a": pages}, open_shards=["a"]))


def test_a_shard_is_read_after_its_parent() -> None:
    """Whatever the order in which they are listed, so that one item's changes stay in order."""
    shards: Sequence[Shard] = [
        {"ShardId": "grandchild", "ParentShardId": "child"},
        {"ShardId": "child", "ParentShardId": "parent"},
        {"ShardId": "parent", "ParentShardId": "forgotten"},
    ]
    pages = {"grandchild": [["3"]], "child": [["2"]], "parent": [["1"]]}

    assert ["1", "2", "3"] == event_ids(Streams(shards, pages))


def test_a_record_is_put_into_the_shape_of_a_lambda_event() -> None:
    """Bytes become base64 text at every depth, times become seconds, and Lambda's own fields are there."""
    change = {
        "ApproximateCreationDateTime": NOON,
        "Keys": {"id": {"B": b"\x00\xff"}},
        "NewImage": {"all": {"L": [{"BS": [b"a", b"b"]}, {"M": {"x": {"BOOL": True}}}]}},
        "SizeBytes": 3,
    }
    identity = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}

    assert {
        "eventID": "1",
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
        "eventSource": "aws:dynamodb",
        "eventSourceARN": ARN,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767268800.0,
            "Keys": {"id": {"B": "AP8="}},
            "NewImage": {"all": {"L": [{"BS": ["YQ==", "Yg=="]}, {"M": {"x": {"BOOL": True}}}]}},
            "SizeBytes": 3,
        },
    } == on_the_wire({"eventID": "1", "userIdentity": identity, "dynamodb": change}, ARN)
