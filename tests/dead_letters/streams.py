"""A stream of several shards, which lie beside one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from botocore.exceptions import ClientError

from streamfn._aws import DescribeStreamOutput, GetRecordsOutput, GetShardIteratorOutput
from tests.dead_letters.documents import Shard, refusal
from tests.dead_letters.redriving import STREAM


@dataclass
class Stream:
    """A client of a stream; it lists one shard a page, and `failing` is raised, each error once, before it answers.

    A number that a shard does not have is refused with `missing`, as shards of DynamoDB refuse what is not theirs.
    """

    shards: list[Shard]
    failing: list[Exception] = field(default_factory=list[Exception])
    missing: str = "ValidationException"
    calls: list[str] = field(default_factory=list[str])

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> DescribeStreamOutput:
        self._called("DescribeStream", StreamArn)
        names = [shard.name for shard in self.shards]
        place = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        description: dict[str, object] = {
            "Shards": [each.description for each in self.shards[place : place + 1]]
        }
        if place + 1 < len(names):
            description["LastEvaluatedShardId"] = names[place]
        return {"StreamDescription": description}

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str,
    ) -> GetShardIteratorOutput:
        self._called(f"GetShardIterator {ShardId}", StreamArn)
        shard = self._shards[ShardId]
        if not shard.records:
            return {"ShardIterator": f"{ShardId} 0"}
        try:
            place = shard.get_shard_iterator(
                StreamArn=StreamArn,
                ShardId=ShardId,
                ShardIteratorType=ShardIteratorType,
                SequenceNumber=SequenceNumber,
            )
        except ClientError:
            raise refusal(self.missing) from None
        return {"ShardIterator": f"{ShardId} {place['ShardIterator']}"}

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        name, _, place = ShardIterator.partition(" ")
        answer = self._shards[name].get_records(ShardIterator=place)
        after = answer.get("NextShardIterator")
        if after is None:
            return answer
        return {"Records": answer["Records"], "NextShardIterator": f"{name} {after}"}

    @property
    def _shards(self) -> Mapping[str, Shard]:
        return {shard.name: shard for shard in self.shards}

    def _called(self, call: str, stream: str) -> None:
        assert stream == STREAM
        self.calls.append(call)
        if self.failing:
            raise self.failing.pop(0)
