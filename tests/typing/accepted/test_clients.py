"""Clients of a test's own: each has the calls that are made on it, with the arguments that are passed, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NotRequired, TypedDict

from streamfn import on_insert, pipeline
from streamfn.dead_letters import MemoryDeadLetters, S3DeadLetters
from streamfn.exports import progress_at
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import redrive
from streamfn.sources import StreamReader
from tests.typing.cards import announce, cards

# ruff: noqa: ARG002 (a client takes what that of boto3 takes)

process = pipeline(cards, on_insert(announce))
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"


class Content:
    """The content of an object, which is read as a whole."""

    def read(self) -> bytes:
        return b"{}"


class Found(TypedDict):
    Body: Content
    LastModified: datetime


class Object(TypedDict):
    Key: str


class Objects(TypedDict):
    Contents: NotRequired[Sequence[Object]]
    NextContinuationToken: NotRequired[str]


class Reading:
    """The calls to S3 that all who keep something there make."""

    def get_object(self, *, Bucket: str, Key: str) -> Found:
        return {"Body": Content(), "LastModified": datetime(2024, 1, 1, tzinfo=UTC)}

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        """Delete nothing."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> Objects:
        return {"Contents": [{"Key": f"{Prefix}a"}]}


class Letters(Reading):
    """A bucket for letters alone."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        """Store nothing."""


class Progress(Reading):
    """A bucket for the progress of replays alone."""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> Mapping[str, str]:
        return {"ETag": "1"}


def test_a_bucket_has_what_is_kept_in_it() -> None:
    letters = S3DeadLetters("letters", client=Letters())
    assert [each.name for each in letters.receive()] == ["a"]
    assert list(progress_at("s3://backups/progress", Progress()).place.names("file")) == ["file/a"]


class Description(TypedDict):
    StreamDescription: Mapping[str, object]


class Iterator(TypedDict):
    ShardIterator: str


class Records(TypedDict):
    Records: Sequence[Mapping[str, object]]
    NextShardIterator: NotRequired[str]


class Stream:
    """The calls that all who read a stream make."""

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> Description:
        return {"StreamDescription": {"StreamStatus": "DISABLED", "Shards": []}}

    def get_records(self, *, ShardIterator: str) -> Records:
        return {"Records": []}


class Followed(Stream):
    """A stream that is read from an end, or after a record."""

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["TRIM_HORIZON", "LATEST", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str = "",
    ) -> Iterator:
        return {"ShardIterator": ShardId}


class Reread(Stream):
    """A stream of which a range is read again."""

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str,
    ) -> Iterator:
        return {"ShardIterator": ShardId}


def test_a_stream_has_the_places_that_it_is_read_from() -> None:
    StreamReader(ARN, client=Followed()).run(print, signals=False)
    assert redrive(process, MemoryDeadLetters(), ledger=MemoryLedger(), streams=Reread()) == []
