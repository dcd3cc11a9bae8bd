"""AWS: the function's name, lazy clients, errors of boto3, waits, the clients' protocols, and table definitions.

- the environment of a function, which has its name
- clients: made at their first use, with timeouts that fit an invocation
- errors of boto3: their codes, and the reasons for another try
- waits between tries
- the protocol of each client and the function that makes it: DynamoDB, DynamoDB Streams, SQS, S3, STS
- the definition of a table: boto3's arguments for the table, its stream and its time to live

Besides the command line, no other module makes clients of boto3.

The protocols fit boto3's clients with types (boto3-stubs or types-boto3) and without. They have only the calls that
the library makes, so that a test can pass a client of its own. A call is a property with open arguments where its
arguments differ between callers, or where the two packages of types disagree. A function that makes no client, such as
`check_mapping`, defines its protocol beside its use.
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

# The environment of a function.
#
# See "Defined runtime environment variables" in the AWS Lambda Developer Guide.


def function_name() -> str | None:
    """Return the name of the function that this process runs; None outside of Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


# Clients of AWS: made at their first use, with short timeouts.

C = TypeVar("C")


class LazyClient(Generic[C]):
    """Holds a given client, or makes one at its first use and keeps that.

    The import of boto3 takes a good part of a cold start, and many invocations need no client.
    """

    def __init__(self, make: Callable[[], C], client: C | None) -> None:
        """Store a client, or the function that makes one. Raises `ConfigurationError` for an unfit client."""
        check_client(client)
        self._make = make
        self._client = client
        self._lock = Lock()

    def __call__(self) -> C:
        """Return the client; the first thread makes it. Raises the exceptions of boto3."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def prepare(self) -> None:
        """Make the client now, if possible; a problem comes up again at the first use."""
        with suppress(Exception):
            self()


def check_client(client: object) -> None:
    """Raise `ConfigurationError` for an object that can be no client of boto3, and no substitute for one."""
    is_resource = type(client).__module__.startswith("boto3.resources.")
    if is_resource or isinstance(client, str | type | ModuleType | FunctionType | MethodType):
        kind = "resource of boto3" if is_resource else kind_of(client)
        raise ConfigurationError(
            f"a client is one of boto3's, got {kind}: pass what boto3.client(…) gives, or leave the argument out"
        )


def client_config() -> Config:
    """Return timeouts with which a call fails within seconds, because the invocation's time passes meanwhile.

    A request has one second to connect and three to be answered. The second try is for connections that went stale
    while Lambda had the process frozen.
    """
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})


# Errors of boto3: their codes, and the reasons for another try.


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
"""The codes of DynamoDB for a request that may succeed later ("Error handling with DynamoDB", Developer Guide).

boto3 uses the HTTP status as the code where a proxy answers in the service's place.
"""


def error_name(error: BaseException) -> str:
    """Return the name of an exception that a call raised, without its text: that may quote the request."""
    return error_code(error) or shown(_LOGGED_AS.get(name := type(error).__name__, name))


_LOGGED_AS: Final = {"LedgerThrottled": "LedgerBusy"}
"""The names of exceptions in lines of the log: alarms match the names that the first versions logged."""


def retry_reason(error: Exception, *, reconnects: bool = False) -> str | None:
    """Return the reason why the same request to DynamoDB may succeed later; None for an error that will come again.

    The reason is DynamoDB's code. For a caller that `reconnects`, a lost connection is a reason as well, and the
    error's name is used in place of a code.
    """
    if (code := error_code(error)) is not None:
        return code if code in _TURNED_AWAY else None
    if not reconnects or "botocore.exceptions" not in sys.modules:
        return None
    from botocore.exceptions import BotoCoreError

    return error_name(error) if isinstance(error, BotoCoreError) else None


# Waits between tries.

Sleep: TypeAlias = Callable[[float], None]
"""Waits for this many seconds: `time.sleep`, except in tests."""


class Backoff:
    """The waits between tries, in seconds.

    Each wait is drawn at random from a span twice as long as the one before, so that callers that were throttled
    together do not return together ("Error handling with DynamoDB", Developer Guide; "Exponential Backoff And Jitter",
    AWS Architecture Blog, which calls this full jitter).
    """

    def __init__(self, shortest: float, longest: float) -> None:
        """Start with the shortest span."""
        self._shortest = shortest
        self._longest = longest
        self._span = shortest

    def next(self) -> float:
        """Return the next wait, and double the span."""
        seconds = self._span * random()  # noqa: S311 (the number is no secret)
        self._span = min(2 * self._span, self._longest)
        return seconds

    def reset(self) -> None:
        """Return to the shortest span, after a try that succeeded."""
        self._span = self._shortest


# DynamoDB: the table of a ledger, and the newest stream of a table.


class QueryOutput(TypedDict):
    """A page of items, and the key of its last one if there are more pages."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class BatchWriteItemOutput(TypedDict):
    """The requests that DynamoDB has not processed, by table."""

    UnprocessedItems: ReadOnly[NotRequired[Mapping[str, Sequence[object]]]]


class LedgerClient(Protocol):
    """The calls of a ledger to DynamoDB."""

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
        """Return a page of items."""
        ...

    @property
    def batch_write_item(self) -> Callable[..., BatchWriteItemOutput]:
        """Write items: ``(*, RequestItems: Mapping[str, Sequence[…]])``, by table.

        The type of requests is open, because each package of types has typed dictionaries of its own for them.
        """
        ...

    @property
    def update_item(self) -> Callable[..., object]:
        """Change an item if a condition holds. The type is open for the same reason."""
        ...


class LedgerTableClient(Protocol):
    """The calls to DynamoDB that create a ledger's table.

    The types of arguments are open, because each package of types has typed dictionaries of its own for them.
    """

    @property
    def create_table(self) -> Callable[..., object]:
        """Start to create a table."""
        ...

    @property
    def get_waiter(self) -> Callable[..., TableWaiter]:
        """Return the waiter of a name; the library uses ``table_exists``."""
        ...

    @property
    def update_time_to_live(self) -> Callable[..., object]:
        """Set the attribute with the time at which an item expires."""
        ...


class TableWaiter(Protocol):
    """A waiter of boto3."""

    @property
    def wait(self) -> Callable[..., object]:
        """Wait until the table is active."""
        ...


class TableDescription(TypedDict):
    """The part of a table's description that the library reads: its newest stream."""

    LatestStreamArn: ReadOnly[NotRequired[str]]


class DescribeTableOutput(TypedDict):
    """The answer of ``describe_table``."""

    Table: ReadOnly[TableDescription]


class TablesClient(Protocol):
    """The call to DynamoDB that names a table's stream."""

    def describe_table(self, *, TableName: str) -> DescribeTableOutput:
        """Return the description of a table."""
        ...


class DynamoDBClient(LedgerClient, TablesClient, Protocol):
    """Both protocols: one client of boto3 fits them."""


def make_dynamodb() -> DynamoDBClient:
    """Make a client of DynamoDB, with the region and the credentials of the environment."""
    import boto3

    return boto3.client("dynamodb", config=client_config())


# DynamoDB Streams: shards and their records. Answers are checked member by member, because local servers leave
# members out.

Raw: TypeAlias = Mapping[str, object]
"""A record as boto3 returns it."""


class DescribeStreamOutput(TypedDict):
    """A page of a stream's description: shards, and the id of the last one if there are more."""

    StreamDescription: ReadOnly[Mapping[str, object]]


class GetShardIteratorOutput(TypedDict):
    """An iterator: a position in a shard."""

    ShardIterator: ReadOnly[str]


class GetRecordsOutput(TypedDict):
    """A page of records, and the next iterator; None or missing at the end of a closed shard."""

    Records: ReadOnly[Sequence[Raw]]
    NextShardIterator: ReadOnly[NotRequired[str | None]]


class StreamsClient(Protocol):
    """The library's calls to DynamoDB Streams."""

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = ...) -> DescribeStreamOutput:
        """Return a page of the shards."""
        ...

    @property
    def get_shard_iterator(self) -> Callable[..., GetShardIteratorOutput]:
        """Return an iterator.

        ``(*, StreamArn: str, ShardId: str, ShardIteratorType: str, SequenceNumber: str)``. `StreamReader` uses
        ``TRIM_HORIZON`` and ``LATEST``, without a number, and ``AFTER_SEQUENCE_NUMBER``; `redrive` uses
        ``AT_SEQUENCE_NUMBER`` and ``AFTER_SEQUENCE_NUMBER``.
        """
        ...

    def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
        """Return a page of records."""
        ...


def make_streams() -> StreamsClient:
    """Make a client of DynamoDB Streams, with the region and the credentials of the environment."""
    import boto3

    return boto3.client("dynamodbstreams", config=client_config())


# SQS: dead letters in a queue.


class SendMessageBatchResultEntry(TypedDict):
    """A message that SQS accepted."""

    Id: ReadOnly[str]


class BatchResultErrorEntry(TypedDict):
    """A message that SQS rejected; `SenderFault` says whether the message itself is the reason."""

    Id: ReadOnly[str]
    SenderFault: ReadOnly[bool]
    Code: ReadOnly[str]


class SendMessageBatchOutput(TypedDict):
    """The messages of one request, accepted and rejected."""

    Successful: ReadOnly[NotRequired[Sequence[SendMessageBatchResultEntry]]]
    Failed: ReadOnly[NotRequired[Sequence[BatchResultErrorEntry]]]


class Message(TypedDict):
    """A message of a queue. `Attributes` are set by SQS; the packages of types differ in their type."""

    MessageId: ReadOnly[NotRequired[str]]
    ReceiptHandle: ReadOnly[NotRequired[str]]
    Body: ReadOnly[NotRequired[str]]
    Attributes: ReadOnly[NotRequired[object]]


class ReceiveMessageOutput(TypedDict):
    """Received messages, or none."""

    Messages: ReadOnly[NotRequired[Sequence[Message]]]


class SqsClient(Protocol):
    """The library's calls to SQS."""

    @property
    def send_message_batch(self) -> Callable[..., SendMessageBatchOutput]:
        """Send messages: ``(*, QueueUrl: str, Entries: Sequence[…])``. The type of entries is open."""
        ...

    @property
    def receive_message(self) -> Callable[..., ReceiveMessageOutput]:
        """Receive messages: ``(*, QueueUrl: str, MaxNumberOfMessages: int, …)``; the packages of types differ."""
        ...

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> object:
        """Delete a message."""
        ...


def make_sqs() -> SqsClient:
    """Make a client of SQS, with the region and the credentials of the environment."""
    import boto3

    return boto3.client("sqs", config=client_config())


# S3: dead letters in a bucket, exports, and the progress of replays.


class Readable(Protocol):
    """The content of an object, which can be read once."""

    @property
    def read(self) -> Callable[..., bytes]:
        """Read the whole content; data files of an export are read in pieces: ``(amt: int)``."""
        ...


class GetObjectOutput(TypedDict):
    """An object. `LastModified` is a time of S3's clock."""

    Body: ReadOnly[Readable]
    LastModified: ReadOnly[NotRequired[datetime]]


class Object(TypedDict):
    """An object in a list. Its key is optional in the types of boto3."""

    Key: ReadOnly[NotRequired[str]]


class ListObjectsOutput(TypedDict):
    """A page of a list of objects."""

    Contents: ReadOnly[NotRequired[Sequence[Object]]]
    NextContinuationToken: ReadOnly[NotRequired[str]]


class S3Client(Protocol):
    """The library's calls to S3."""

    @property
    def put_object(self) -> Callable[..., object]:
        """Store an object: ``(*, Bucket: str, Key: str, Body: bytes)``.

        Dead letters add ``ContentType``. The claim on a replay's progress adds ``IfMatch`` or ``IfNoneMatch``
        ("Conditional writes", Amazon S3 User Guide), and reads ``ETag`` in the answer.
        """
        ...

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        """Open an object. The claim on a replay's progress also reads ``ETag`` and the headers of the answer."""
        ...

    def delete_object(self, *, Bucket: str, Key: str) -> object:
        """Delete an object. Only dead letters are deleted."""
        ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> ListObjectsOutput:
        """Return a page of up to 1,000 objects."""
        ...


def keys_under(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys with a prefix, in the order of S3. Objects may be deleted meanwhile."""
    page = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    while True:
        yield from (key for each in page.get("Contents", ()) if (key := each.get("Key")) is not None)
        if (token := page.get("NextContinuationToken")) is None:
            return
        page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, ContinuationToken=token)


def make_s3(*, patient: bool = False) -> S3Client:
    """Make a client of S3, with the region and the credentials of the environment.

    A `patient` client has the timeouts of boto3 itself: the replay of an export has no deadline.
    """
    import boto3

    return boto3.client("s3") if patient else boto3.client("s3", config=client_config())


# STS: the account of the credentials.


class CallerIdentity(TypedDict):
    """The account of the caller."""

    Account: ReadOnly[str]


class CallerMeta(Protocol):
    """The metadata of a client."""

    @property
    def region_name(self) -> str:
        """The region of the client's calls."""
        ...


class CallerClient(Protocol):
    """The library's call to STS, which needs no permission."""

    @property
    def meta(self) -> CallerMeta:
        """The client's metadata."""
        ...

    def get_caller_identity(self) -> CallerIdentity:
        """Return the account of the credentials."""
        ...


def make_sts() -> CallerClient:
    """Make a client of STS, with the region and the credentials of the environment."""
    import boto3

    made: CallerClient = boto3.client("sts", config=client_config())  # boto3 may have no types of STS
    return made


# The definition of a table: boto3's arguments for the table, its stream and its time to live.
#
# The typed dictionaries have the names and the types of ``CreateTable`` and ``UpdateTimeToLive`` in the DynamoDB API
# Reference, so that they fit boto3-stubs and types-boto3.

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
    """The stream of a table. A definition always has both members, of which one is optional in the API."""

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
    """Return the definition of a table with these keys, the partition key first, billed by request."""
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
    """Return the arguments for a table without a stream, billed by request; the partition key is the first key."""
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.tag} for key in keys],
        "KeySchema": [
            {"AttributeName": key.name, "KeyType": role} for key, role in zip(keys, _ROLES, strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def time_to_live_request(name: str, attribute: str) -> TimeToLiveRequest:
    """Return the arguments that make this attribute the time to live of a table."""
    return {
        "TableName": name,
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": attribute},
    }
