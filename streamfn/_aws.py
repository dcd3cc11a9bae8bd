"""AWS: this module alone makes clients of boto3 and reads their errors, besides the command line.

- the name of the function, which Lambda puts into the environment
- clients: held until their first use, checked where a user passes one, and made with waits that fit an invocation
- errors of boto3: their codes, and which of them are worth another try
- waits between tries
- the calls that are made, as protocols, and one function for each client: DynamoDB, DynamoDB Streams, SQS, S3, STS
- the definition of a table: the arguments with which boto3 makes the table, its stream and its time to live

The protocols are those of boto3's clients, whether boto3 comes with types (of boto3-stubs or types-boto3) or with
none. They ask for no more than what is called, so that a test can pass a client of its own. A call whose arguments
differ from caller to caller, or that the stubs type each in their own way, is a property: its arguments are left open.
Who is always passed a client, as `check_mapping` is, describes it beside its use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from random import random
from threading import Lock
from types import FunctionType, MethodType, ModuleType
from typing import (
    TYPE_CHECKING,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Protocol,
    TypeAlias,
    TypedDict,
)

from typing_extensions import ReadOnly, TypeVar

from streamfn._errors import ConfigurationError, error_code, kind_of, shown
from streamfn._records import Image, KeyAttribute, KeyTag, StreamViewType

if TYPE_CHECKING:
    from botocore.config import Config

# ruff: noqa: N803 (the arguments' names are AWS's own)

# The environment of a function, and what Lambda sets in it.
#
# See "Defined runtime environment variables" in the Lambda Developer Guide.


def function_name() -> str | None:
    """Give the name of the function that this process is of, or None outside of Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


# Clients of AWS: made when they are first needed, and made so that they wait for no answer for long.

C = TypeVar("C")


class LazyClient(Generic[C]):
    """Holds the client that it is given, or makes one when somebody asks for it, and keeps that.

    boto3 takes a good part of a cold start to load, and many invocations need no client.
    """

    def __init__(self, make: Callable[[], C], client: C | None) -> None:
        """Take a client, or the way to make one. Fails with `ConfigurationError` for what cannot be a client."""
        check_client(client)
        self._make = make
        self._client = client
        self._lock = Lock()

    def __call__(self) -> C:
        """Give the client; whichever thread comes first makes it. It raises what boto3 raises."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def prepare(self) -> None:
        """Make the client now, if it can be made; whatever prevents it is met again when somebody asks for it."""
        with suppress(Exception):
            self()


def check_client(client: object) -> None:
    """Check that something may be a client of boto3, or stand in for one. Fails with `ConfigurationError`."""
    is_resource = type(client).__module__.startswith("boto3.resources.")
    if is_resource or isinstance(client, str | type | ModuleType | FunctionType | MethodType):
        kind = "resource of boto3" if is_resource else kind_of(client)
        raise ConfigurationError(
            f"a client is one of boto3's, got {kind}: pass what boto3.client(…) gives, or leave the argument out"
        )


def client_config() -> Config:
    """Have a call give up within seconds, since an invocation that waits for it is running out of time.

    A request has one second to find the service and three to be answered. It is tried a second time, which
    boto3 takes for connections that have gone stale while Lambda had the process frozen.
    """
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})


# Errors of boto3: their codes, and which of them are worth another try.


_TURNED_AWAY: Final = frozenset(
    {
        "500",
        "502",
        "503",
        "504",
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""What DynamoDB says of a request that may succeed later ("Error handling with DynamoDB", Developer Guide).

boto3 takes the status for the code where somebody on the way answers in the service's place.
"""


def error_name(error: BaseException) -> str:
    """Name what a call raised, without its text, which may quote what was sent."""
    return error_code(error) or shown(_LOGGED_AS.get(name := type(error).__name__, name))


_LOGGED_AS: Final = {"LedgerThrottled": "LedgerBusy"}
"""How lines of the log name an exception: as the first versions did, for alarms that match them."""


def retry_reason(error: Exception, *, reconnects: bool = False) -> str | None:
    """Name why the same request to DynamoDB may succeed later; None for an error that waiting does not help.

    That is the code by which DynamoDB only asks to come again. For a caller that `reconnects`, a connection that was
    lost is a reason as well, and the error's name stands for the code.
    """
    if (code := error_code(error)) is not None:
        return code if code in _TURNED_AWAY else None
    if not reconnects or "botocore.exceptions" not in sys.modules:
        return None
    from botocore.exceptions import BotoCoreError

    return error_name(error) if isinstance(error, BotoCoreError) else None


# Waits between tries.

Sleep: TypeAlias = Callable[[float], None]
"""Waits so many seconds: `time.sleep`, but in tests."""


class Backoff:
    """The waits between tries, in seconds.

    Each is drawn at random from a span twice as long as the one before, so that callers which were turned away at the
    same moment do not all come back at the same moment ("Error handling with DynamoDB", Developer Guide; "Exponential
    Backoff And Jitter", AWS Architecture Blog, calls it full jitter).
    """

    def __init__(self, shortest: float, longest: float) -> None:
        """Begin with the shortest span."""
        self._shortest = shortest
        self._longest = longest
        self._span = shortest

    def next(self) -> float:
        """Draw the next wait."""
        seconds = self._span * random()  # noqa: S311 (nobody gains by guessing it)
        self._span = min(2 * self._span, self._longest)
        return seconds

    def reset(self) -> None:
        """Begin again: a try has succeeded."""
        self._span = self._shortest


# DynamoDB: a ledger's segments, and which stream is a table's newest.


class QueryOutput(TypedDict):
    """A page of the items that a query finds, and the keys of the last one if there are more pages."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class BatchWriteItemOutput(TypedDict):
    """What DynamoDB has not done of what it was asked to write, by table."""

    UnprocessedItems: ReadOnly[NotRequired[Mapping[str, Sequence[object]]]]


class LedgerClient(Protocol):
    """The calls to DynamoDB that a ledger makes, as boto3 makes them."""

    def query(
        self,
        *,
        TableName: str,
        ConsistentRead: bool,
        KeyConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Image,
        FilterExpression: str = ...,
        ExclusiveStartKey: Image = ...,
    ) -> QueryOutput:
        """Give a page of items."""
        ...

    @property
    def batch_write_item(self) -> Callable[..., BatchWriteItemOutput]:
        """Write items: ``(*, RequestItems: Mapping[str, Sequence[…]])``, by table.

        The type of requests is left open, because stubs of boto3 describe them by typed dictionaries that
        nothing but themselves fits.
        """
        ...

    @property
    def update_item(self) -> Callable[..., object]:
        """Change an item if a condition holds; its type is left open for the same reason."""
        ...


class LedgerTableClient(Protocol):
    """The calls to DynamoDB that make a ledger's table, as boto3 makes them.

    The types of arguments are left open, because the stubs of boto3 describe them by typed dictionaries that
    nothing but themselves fits.
    """

    @property
    def create_table(self) -> Callable[..., object]:
        """Begin to create a table."""
        ...

    @property
    def get_waiter(self) -> Callable[..., TableWaiter]:
        """Give what waits for a table, asked for by the name ``table_exists``."""
        ...

    @property
    def update_time_to_live(self) -> Callable[..., object]:
        """Say which attribute holds the time at which an item expires."""
        ...


class TableWaiter(Protocol):
    """What waits for a table."""

    @property
    def wait(self) -> Callable[..., object]:
        """Wait until the table can be used."""
        ...


class TableDescription(TypedDict):
    """What is asked of a table: which stream is its newest."""

    LatestStreamArn: ReadOnly[NotRequired[str]]


class DescribeTableOutput(TypedDict):
    """The description, in its wrapping."""

    Table: ReadOnly[TableDescription]


class TablesClient(Protocol):
    """The call to DynamoDB that names a table's stream, as boto3 makes it."""

    def describe_table(self, *, TableName: str) -> DescribeTableOutput:
        """Describe a table."""
        ...


class DynamoDBClient(LedgerClient, TablesClient, Protocol):
    """Both, which one client of boto3's is."""


def make_dynamodb() -> DynamoDBClient:
    """Make a client of DynamoDB, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodb", config=client_config())


# DynamoDB Streams: shards and their records, which are looked into with care, since local servers leave parts of
# them out.

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

    @property
    def get_shard_iterator(self) -> Callable[..., GetShardIteratorOutput]:
        """Find a place in a shard.

        ``(*, StreamArn: str, ShardId: str, ShardIteratorType: str, SequenceNumber: str)``. `StreamReader` asks for
        ``TRIM_HORIZON`` and ``LATEST``, without a number, and for ``AFTER_SEQUENCE_NUMBER``; `redrive` for
        ``AT_SEQUENCE_NUMBER`` and ``AFTER_SEQUENCE_NUMBER``.
        """
        ...

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        """Read a page of records."""
        ...


def make_streams() -> StreamsClient:
    """Make a client of DynamoDB Streams, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodbstreams", config=client_config())


# SQS: dead letters in a queue.


class SendMessageBatchResultEntry(TypedDict):
    """An entry of a batch that SQS took."""

    Id: ReadOnly[str]


class BatchResultErrorEntry(TypedDict):
    """An entry of a batch that SQS did not take, and whether it is the sender who is to blame."""

    Id: ReadOnly[str]
    SenderFault: ReadOnly[bool]
    Code: ReadOnly[str]


class SendMessageBatchOutput(TypedDict):
    """What became of a batch."""

    Successful: ReadOnly[NotRequired[Sequence[SendMessageBatchResultEntry]]]
    Failed: ReadOnly[NotRequired[Sequence[BatchResultErrorEntry]]]


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


def make_sqs() -> SqsClient:
    """Make a client of SQS, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("sqs", config=client_config())


# S3: dead letters in a bucket, exports, and the progress of replays.


class Readable(Protocol):
    """The content of an object, which is read once."""

    @property
    def read(self) -> Callable[..., bytes]:
        """Read all of it; where a data file of an export is read, in pieces: ``(amt: int)``."""
        ...


class GetObjectOutput(TypedDict):
    """An object; `LastModified` is a moment of S3's clock."""

    Body: ReadOnly[Readable]
    LastModified: ReadOnly[NotRequired[datetime]]


class Object(TypedDict):
    """An object, as a list tells of it; the types of boto3 leave open whether it has a key."""

    Key: ReadOnly[NotRequired[str]]


class ListObjectsOutput(TypedDict):
    """A page of a list of objects."""

    Contents: ReadOnly[NotRequired[Sequence[Object]]]
    NextContinuationToken: ReadOnly[NotRequired[str]]


class S3Client(Protocol):
    """The calls to S3 that are made here, as boto3 makes them."""

    @property
    def put_object(self) -> Callable[..., object]:
        """Store an object: ``(*, Bucket: str, Key: str, Body: bytes)``.

        Dead letters add ``ContentType``. The claim on a replay's progress adds ``IfMatch`` or ``IfNoneMatch``
        ("Conditional writes", Amazon S3 User Guide), and reads ``ETag`` in the answer.
        """
        ...

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        """Open an object. Of the claim on a replay's progress, ``ETag`` is read, and the headers of the answer."""
        ...

    def delete_object(self, *, Bucket: str, Key: str) -> object:
        """Delete an object; dead letters alone are."""
        ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> ListObjectsOutput:
        """List objects, up to a thousand at a time."""
        ...


def keys_under(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """List the keys with a prefix, which S3 orders, page by page; what is removed meanwhile does not disturb it."""
    page = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    while True:
        yield from (key for each in page.get("Contents", ()) if (key := each.get("Key")) is not None)
        if (token := page.get("NextContinuationToken")) is None:
            return
        page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, ContinuationToken=token)


def make_s3(*, patient: bool = False) -> S3Client:
    """Make a client of S3, for the region and with the credentials that the environment names.

    A `patient` one has the waits of boto3 itself, since nobody counts the seconds of a replay of an export.
    """
    import boto3

    return boto3.client("s3") if patient else boto3.client("s3", config=client_config())


# STS: whose credentials these are.


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


def make_sts() -> CallerClient:
    """Make a client of STS, for the region and with the credentials that the environment names."""
    import boto3

    made: CallerClient = boto3.client("sts", config=client_config())  # named, for who has no types of STS
    return made


# The definition of a table: the arguments with which boto3 makes the table, its stream and its time to live.
#
# The typed dictionaries have the names and the types of ``CreateTable`` and ``UpdateTimeToLive`` in the
# DynamoDB API Reference, so that the stubs of boto3, boto3-stubs and types-boto3, take them as they are.

ViewTypeName: TypeAlias = Literal["KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"]
"""The values of `StreamViewType`, as ``CreateTable`` names them."""


class AttributeDefinition(TypedDict):
    """A key attribute and its type."""

    AttributeName: str
    AttributeType: KeyTag


class KeySchemaElement(TypedDict):
    """A key attribute, and whether it is the partition key (``HASH``) or the sort key (``RANGE``)."""

    AttributeName: str
    KeyType: Literal["HASH", "RANGE"]


class StreamSpecification(TypedDict):
    """The stream of a table. A definition always holds both entries; the API leaves one of them to the caller."""

    StreamEnabled: bool
    StreamViewType: NotRequired[ViewTypeName]


class TableRequest(TypedDict):
    """Arguments of ``create_table`` for a table without a stream."""

    TableName: str
    AttributeDefinitions: list[AttributeDefinition]
    KeySchema: list[KeySchemaElement]
    BillingMode: Literal["PAY_PER_REQUEST", "PROVISIONED"]


class StreamTableRequest(TableRequest):
    """Arguments of ``create_table`` for a table with a stream."""

    StreamSpecification: StreamSpecification


class TimeToLiveSpecification(TypedDict):
    """The attribute that holds the time at which an item expires."""

    Enabled: bool
    AttributeName: str


class TimeToLiveRequest(TypedDict):
    """Arguments of ``update_time_to_live``."""

    TableName: str
    TimeToLiveSpecification: TimeToLiveSpecification


class TableDefinition(NamedTuple):
    """The arguments of boto3's ``create_table``, and of ``update_time_to_live`` if the model marks a time to live."""

    create_table: StreamTableRequest
    update_time_to_live: TimeToLiveRequest | None


class LedgerDefinition(NamedTuple):
    """The arguments of boto3's ``create_table`` and ``update_time_to_live`` for the table of a ledger."""

    create_table: TableRequest
    update_time_to_live: TimeToLiveRequest


_ROLES: Final[tuple[Literal["HASH", "RANGE"], ...]] = ("HASH", "RANGE")


def definition_of(
    name: str, keys: Sequence[KeyAttribute], time_to_live: str | None, view_type: StreamViewType
) -> TableDefinition:
    """Return the definition of a table of these keys, the partition key first, that is billed by request."""
    return TableDefinition(
        create_table={
            **table_request(name, keys),
            "StreamSpecification": {
                "StreamEnabled": True,
                "StreamViewType": view_type.value,
            },
        },
        update_time_to_live=None if time_to_live is None else time_to_live_request(name, time_to_live),
    )


def table_request(name: str, keys: Sequence[KeyAttribute]) -> TableRequest:
    """Return the arguments for a table of these keys, the partition key first, billed by request, without a stream."""
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.tag} for key in keys],
        "KeySchema": [
            {"AttributeName": key.name, "KeyType": role} for key, role in zip(keys, _ROLES, strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def time_to_live_request(name: str, attribute: str) -> TimeToLiveRequest:
    """Return the arguments for the time to live of a table, in this attribute."""
    return {
        "TableName": name,
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": attribute},
    }
