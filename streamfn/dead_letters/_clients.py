"""What dead letters need of boto3: the calls that they make, and clients for them.

The protocols are those of boto3's clients, whether it comes with types (of boto3-stubs or types-boto3) or
with none.
"""

# ruff: noqa: N803 (the arguments' names are AWS's own)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, Protocol, TypedDict

from typing_extensions import ReadOnly

from streamfn._clients import short_waits


class Sent(TypedDict):
    """An entry of a batch that SQS took."""

    Id: ReadOnly[str]


class NotSent(TypedDict):
    """An entry of a batch that SQS did not take, and whether it is the sender who is to blame."""

    Id: ReadOnly[str]
    SenderFault: ReadOnly[bool]
    Code: ReadOnly[str]


class SendMessageBatchOutput(TypedDict):
    """What became of a batch."""

    Successful: ReadOnly[NotRequired[Sequence[Sent]]]
    Failed: ReadOnly[NotRequired[Sequence[NotSent]]]


class Message(TypedDict):
    """A message of a queue; `Attributes` are those that SQS itself gives it, and no two stubs type them alike."""

    MessageId: ReadOnly[NotRequired[str]]
    ReceiptHandle: ReadOnly[NotRequired[str]]
    Body: ReadOnly[NotRequired[str]]
    Attributes: ReadOnly[NotRequired[object]]


class ReceiveMessageOutput(TypedDict):
    """Some messages of a queue, or none."""

    Messages: ReadOnly[NotRequired[Sequence[Message]]]


class SqsClient(Protocol):
    """The calls to SQS that are made here, as boto3 makes them."""

    @property
    def send_message_batch(self) -> Callable[..., SendMessageBatchOutput]:
        """Send messages: ``(*, QueueUrl: str, Entries: Sequence[…])``, and no two stubs type the entries alike."""
        ...

    @property
    def receive_message(self) -> Callable[..., ReceiveMessageOutput]:
        """Receive messages: ``(*, QueueUrl: str, MaxNumberOfMessages: int, …)``, and no two stubs type all alike."""
        ...

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> object:
        """Delete a message."""
        ...


class Readable(Protocol):
    """The content of an object, which is read once."""

    def read(self) -> bytes:
        """Read all of it."""
        ...


class GetObjectOutput(TypedDict):
    """An object."""

    Body: ReadOnly[Readable]
    LastModified: ReadOnly[NotRequired[datetime]]


class Object(TypedDict):
    """An object, as a list tells of it."""

    Key: ReadOnly[NotRequired[str]]


class ListObjectsOutput(TypedDict):
    """A page of a list of objects."""

    Contents: ReadOnly[NotRequired[Sequence[Object]]]
    NextContinuationToken: ReadOnly[NotRequired[str]]


class S3Client(Protocol):
    """The calls to S3 that are made here, as boto3 makes them."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> object:
        """Store an object."""
        ...

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        """Open an object."""
        ...

    def delete_object(self, *, Bucket: str, Key: str) -> object:
        """Delete an object."""
        ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> ListObjectsOutput:
        """List objects, up to a thousand at a time."""
        ...


class DescribeStreamOutput(TypedDict):
    """A page of what there is to know of a stream: shards, and the last of them if there are more."""

    StreamDescription: ReadOnly[Mapping[str, object]]


class GetShardIteratorOutput(TypedDict):
    """A place in a shard."""

    ShardIterator: ReadOnly[str]


class GetRecordsOutput(TypedDict):
    """A page of records, and the place after it; a closed shard that is read to its end has none."""

    Records: ReadOnly[Sequence[Mapping[str, object]]]
    NextShardIterator: ReadOnly[NotRequired[str]]


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
        ShardIteratorType: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str,
    ) -> GetShardIteratorOutput:
        """Find a place in a shard."""
        ...

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        """Read a page of records."""
        ...


class CallerIdentity(TypedDict):
    """Who calls."""

    Account: ReadOnly[str]


class CallerMeta(Protocol):
    """The data that a client has of itself."""

    @property
    def region_name(self) -> str:
        """The region that it calls."""
        ...


class CallerClient(Protocol):
    """The call to STS that is made here, as boto3 makes it; it needs no permission."""

    @property
    def meta(self) -> CallerMeta:
        """The client's own data."""
        ...

    def get_caller_identity(self) -> CallerIdentity:
        """Tell whose credentials these are."""
        ...


def make_sqs() -> SqsClient:
    """Make a client of SQS, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("sqs", config=short_waits())


def make_s3() -> S3Client:
    """Make a client of S3, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("s3", config=short_waits())


def make_streams() -> StreamsClient:
    """Make a client of DynamoDB Streams, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodbstreams", config=short_waits())


def make_sts() -> CallerClient:
    """Make a client of STS, for the region and with the credentials that the environment names."""
    import boto3

    made: CallerClient = boto3.client("sts", config=short_waits())  # named, for who has no types of STS
    return made
