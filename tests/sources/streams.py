"""A stream on which everything can happen that DynamoDB says may happen, and a clock that goes on when one waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

from botocore.exceptions import ClientError

from streamfn._aws import DescribeStreamOutput, GetRecordsOutput, GetShardIteratorOutput
from streamfn._records import get_member
from streamfn.sources._notices import Notice

ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
START: Final = datetime(2024, 1, 1, tzinfo=UTC)
ITERATORS_LIVE: Final = 15 * 60.0

Raw = Mapping[str, object]


def refusal(code: str) -> ClientError:
    """Make what boto3 raises where a service refuses."""
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "GetRecords")


@dataclass
class Clock:
    """A clock that only waiting moves. It fails a test in which nothing comes of waiting."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list[float])
    during_wait: Callable[[], object] = lambda: None
    patience: int = 3_000
    looks: int = 0

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.looks += 1
        assert self.looks < 10_000, "the reader goes round and does not wait"
        return self.seconds

    def wait(self, seconds: float, /) -> None:
        assert seconds > 0
        self.waits.append(seconds)
        assert len(self.waits) < self.patience, "the reader waits for ever"
        self.seconds += seconds
        self.looks = 0
        self.during_wait()

    def wake(self) -> None:
        pass


@dataclass
class Shard:
    """A shard; of its records, the first `trimmed` are gone."""

    parent: str | None = None
    records: list[Raw] = field(default_factory=list[Raw])
    is_closed: bool = False
    trimmed: int = 0


@dataclass
class Stream:
    """A client of DynamoDB Streams with one stream, which a test changes while it is read.

    `before` is called ahead of each request with its name and its shard, and may raise. Of `empty_pages`, the next one
    says whether a request for records brings none. A description has `shards_a_page`, and an answer `records_a_page`.
    """

    clock: Clock = field(default_factory=Clock)
    shards: dict[str, Shard] = field(default_factory=dict[str, Shard])
    is_off: bool = False
    exists: bool = True
    records_a_page: int = 1_000
    shards_a_page: int = 100
    before: Callable[[str, str], object] = lambda _name, _shard: None
    empty_pages: Iterator[bool] = field(default_factory=lambda: iter(()))
    requests: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    read_at: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    _number: int = 90  # soon to have a digit more

    def add(self, name: str, *texts: str, parent: str | None = None) -> None:
        """Open a shard, with records in it."""
        self.shards[name] = Shard(parent)
        self.write(name, *texts)

    def write(self, name: str, *texts: str) -> None:
        """Write records of these identifiers, each of the item that its first letter names."""
        assert not self.shards[name].is_closed
        self.shards[name].records += [self._record(text) for text in texts]

    def close(self, *names: str) -> None:
        """Close shards."""
        for name in names:
            self.shards[name].is_closed = True

    def switch_off(self) -> None:
        """Close all shards, as when the stream is disabled."""
        self.close(*self.shards)
        self.is_off = True

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> DescribeStreamOutput:
        self._begin("describe", "", ExclusiveStartShardId)
        assert StreamArn == ARN
        names = list(self.shards)
        first = names.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        page = names[first : first + self.shards_a_page]
        description: dict[str, object] = {
            "StreamStatus": "DISABLED" if self.is_off else "ENABLED",
            "Shards": [self._described(name) for name in page],
        }
        if first + self.shards_a_page < len(names):
            description["LastEvaluatedShardId"] = page[-1]
        return {"StreamDescription": description}

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["TRIM_HORIZON", "LATEST", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str = "",
    ) -> GetShardIteratorOutput:
        self._begin("seek", ShardId, SequenceNumber or ShardIteratorType)
        assert StreamArn == ARN
        if ShardId not in self.shards:
            raise refusal("ResourceNotFoundException")
        shard = self.shards[ShardId]
        match ShardIteratorType:
            case "TRIM_HORIZON":
                place = shard.trimmed
            case "LATEST":
                place = len(shard.records)
            case "AFTER_SEQUENCE_NUMBER":
                place = [number_of(record) for record in shard.records].index(SequenceNumber) + 1
                if place <= shard.trimmed:
                    raise refusal("TrimmedDataAccessException")
        return {"ShardIterator": f"{ShardId} {place} {self.clock.seconds}"}

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        name, place, made = ShardIterator.split()
        self.read_at.append((name, self.clock.seconds))
        self._begin("read", name, place)
        if self.clock.seconds - float(made) > ITERATORS_LIVE:
            raise refusal("ExpiredIteratorException")
        if name not in self.shards:
            raise refusal("ResourceNotFoundException")
        shard, first = self.shards[name], int(place)
        if first < shard.trimmed:
            raise refusal("TrimmedDataAccessException")
        last = first if next(self.empty_pages, False) else first + self.records_a_page
        page = shard.records[first:last]
        after = first + len(page)
        if shard.is_closed and after == len(shard.records):
            return {"Records": page}
        return {"Records": page, "NextShardIterator": f"{name} {after} {self.clock.seconds}"}

    def _begin(self, name: str, shard: str, detail: str) -> None:
        self.requests.append((name, shard, detail))
        self.before(name, shard)
        if not self.exists:
            raise refusal("ResourceNotFoundException")

    def _described(self, name: str) -> Mapping[str, object]:
        shard = self.shards[name]
        told: dict[str, object] = {
            "ShardId": name,
            "SequenceNumberRange": {
                "StartingSequenceNumber": "1",
                **({"EndingSequenceNumber": "9"} if shard.is_closed else {}),
            },
        }
        return told if shard.parent is None else {**told, "ParentShardId": shard.parent}

    def _record(self, text: str) -> Raw:
        self._number += 1
        return {
            "eventID": text,
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "userIdentity": {"PrincipalId": "AIDAEXAMPLE", "Type": "User"},
            "dynamodb": {
                "ApproximateCreationDateTime": self.clock.now,
                "Keys": {"id": {"S": text[0]}},
                "SequenceNumber": str(self._number),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }


def number_of(record: Raw) -> str:
    """Read the sequence number off a record."""
    return str(get_member(record["dynamodb"], "SequenceNumber"))


def records_of(payload: object) -> list[Raw]:
    """Take the records out of a payload."""
    return cast("list[Raw]", get_member(payload, "Records"))  # that is what a reader hands over


class Consumer:
    """A function that keeps what it is called with, and answers as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.answer: Callable[[list[Raw]], object] = lambda _: None

    def __call__(self, payload: object, context: None) -> object:
        assert context is None
        records = records_of(payload)
        self.batches.append([str(record["eventID"]) for record in records])
        return self.answer(records)

    @property
    def seen(self) -> list[str]:
        """All records, in the order in which they came."""
        return [text for batch in self.batches for text in batch]


def naming(record: Raw) -> object:
    """Answer that a record, and all after it, has to come again."""
    return {"batchItemFailures": [{"itemIdentifier": number_of(record)}]}


class Told:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def __call__(self, notice: Notice) -> None:
        self.notices.append(notice)

    def of(self, kind: type[Notice]) -> list[Notice]:
        """Give the notices of a kind."""
        return [notice for notice in self.notices if isinstance(notice, kind)]
