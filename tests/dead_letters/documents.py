"""Documents as Lambda writes them, and shards that their records can be read from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, cast

from botocore.exceptions import ClientError

from streamfn import InsertEvent
from streamfn._aws import DescribeStreamOutput, GetRecordsOutput, GetShardIteratorOutput
from tests.dead_letters.redriving import SCOPE, STREAM
from tests.delivery.jobs import Note

SHARD: Final = "shardId-00000001700000000000-0123abcd"
ARN: Final = f"arn:aws:lambda:eu-west-1:123456789012:function:{SCOPE}"

Raw = Mapping[str, object]


def raws(events: Sequence[InsertEvent[Note]]) -> list[Raw]:
    """Take the raw records of events."""
    return [dict(event.record.raw) for event in events]


def number_of(raw: Raw) -> str:
    """Read the sequence number off a raw record."""
    return str(json.loads(json.dumps(raw, default=str))["dynamodb"]["SequenceNumber"])


def document(
    records: Sequence[Raw],
    *,
    size: int | None = None,
    arn: str = ARN,
    shard: str = SHARD,
    stream: str = STREAM,
    payload: bool = False,
) -> str:
    """Write the document of a batch that went from the first of these records to the last."""
    told: dict[str, object] = {
        "requestContext": {"functionArn": arn, "condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": number_of(records[0]),
            "endSequenceNumber": number_of(records[-1]),
            "batchSize": len(records) if size is None else size,
            "streamArn": stream,
        },
    }
    return json.dumps(told | ({"payload": {"Records": records}} if payload else {}))


def refusal(code: str) -> ClientError:
    """Make what boto3 raises where a service refuses."""
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "GetRecords")


def as_boto3_gives(raw: Raw) -> Raw:
    """Turn a record of Lambda's into one of GetRecords, in the names that botocore knows and with a datetime."""
    record = {name: value for name, value in raw.items() if name != "eventSourceARN"}
    if isinstance(change := record.get("dynamodb"), dict):
        told = cast("dict[str, object]", change)  # isinstance knows the dict, not what is in it
        record["dynamodb"] = {name: _as_datetime(name, value) for name, value in told.items()}
    if isinstance(identity := record.get("userIdentity"), dict):
        named = cast("dict[str, object]", identity)  # the same
        record["userIdentity"] = {name[:1].upper() + name[1:]: value for name, value in named.items()}
    return record


def _as_datetime(name: str, value: object) -> object:
    if name == "ApproximateCreationDateTime" and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC)
    return value


@dataclass
class Shard:
    """A client of a stream with one shard, which hands out `page_size` records at a time.

    `answers` come before what GetRecords would answer: what is raised, or an empty page. An open shard has
    another page after its last.
    """

    records: Sequence[Raw]
    name: str = SHARD
    page_size: int = 1_000
    is_open: bool = False
    answers: list[Exception | Literal["empty"]] = field(default_factory=list[Exception | Literal["empty"]])
    seeks: list[str] = field(default_factory=list[str])
    pages: int = 0

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> DescribeStreamOutput:
        assert (StreamArn, ExclusiveStartShardId) == (STREAM, "")
        return {"StreamDescription": {"Shards": [self.description]}}

    @property
    def description(self) -> Mapping[str, object]:
        """What DescribeStream tells of it: a shard that is open has no end."""
        numbers = [number_of(raw) for raw in self.records]
        known = {"StartingSequenceNumber": numbers[0]} if numbers else {}
        if numbers and not self.is_open:
            known["EndingSequenceNumber"] = numbers[-1]
        return {"ShardId": self.name, "SequenceNumberRange": known}

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str,
    ) -> GetShardIteratorOutput:
        assert (StreamArn, ShardId) == (STREAM, self.name)
        self.seeks.append(f"{ShardIteratorType} {SequenceNumber}")
        numbers = [number_of(raw) for raw in self.records]
        if SequenceNumber not in numbers:
            raise refusal("TrimmedDataAccessException")
        return {"ShardIterator": str(numbers.index(SequenceNumber) + ShardIteratorType.startswith("AFTER"))}

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        self.pages += 1
        begin = int(ShardIterator)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return {"Records": [], "NextShardIterator": ShardIterator}
        end = begin + self.page_size
        page = [as_boto3_gives(raw) for raw in self.records[begin:end]]
        if end >= len(self.records) and not self.is_open:
            return {"Records": page}
        return {"Records": page, "NextShardIterator": str(min(end, len(self.records)))}
