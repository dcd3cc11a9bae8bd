"""AWS: clients that are made at their first use, their protocols, error names and waits between requests."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from math import inf
from random import random
from threading import Lock
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Final, Generic, Literal, NotRequired, Protocol, TypeAlias, TypedDict, cast

from typing_extensions import ReadOnly, TypeVar

from streamfn._errors import Misuse, kind_of, shown
from streamfn._records import Image
from streamfn._time import SecondsLeft

if TYPE_CHECKING:
    from botocore.config import Config


# The environment of a function, and what Lambda sets in it.
#
# See "Defined runtime environment variables" in the Lambda Developer Guide.


def function_name() -> str | None:
    """Give the name of the function that this process is of, or None outside of Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


# Clients of AWS: made when they are first needed, and made so that they wait for no answer for long.

C = TypeVar("C")


class OnFirstUse(Generic[C]):
    """Holds the client that it is given, or makes one when somebody asks for it, and keeps that.

    boto3 takes a good part of a cold start to load, and many invocations need no client.
    """

    def __init__(self, make: Callable[[], C], client: C | None) -> None:
        """Take a client, or the way to make one. Fails with `Misuse` for what cannot be a client."""
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
    """Check that something may be a client of boto3, or stand in for one. Fails with `Misuse`."""
    is_resource = type(client).__module__.startswith("boto3.resources.")
    if is_resource or isinstance(client, str | type | ModuleType | FunctionType | MethodType):
        kind = "resource of boto3" if is_resource else kind_of(client)
        raise Misuse(
            f"a client is one of boto3's, got {kind}: pass what boto3.client(…) gives, or leave the argument out"
        )


def short_waits() -> Config:
    """Have a call give up within seconds, since an invocation that waits for it is running out of time.

    A request has one second to find the service and three to be answered. It is tried a second time, which
    boto3 takes for connections that have gone stale while Lambda had the process frozen.
    """
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})


_CODE: Final = r"[A-Za-z0-9_.:-]{1,200}"
"""The form of the codes that services give. Other text is no code, and may hold anything."""


def error_code(error: BaseException) -> str | None:
    """Find the code with which a service refused a call; None where it gave no answer, or one without a code.

    boto3 makes an error of whatever answer there was, and so does a test that makes one.
    """
    if "botocore.exceptions" not in sys.modules:  # who has not loaded it has not raised it
        return None
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return None
    try:
        code = cast("object", error.response["Error"]["Code"])
    except (AttributeError, LookupError, TypeError):
        return None
    return code if isinstance(code, str) and re.fullmatch(_CODE, code) is not None else None


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


def throttle_code(error: Exception) -> str | None:
    """Name the error code if DynamoDB only asks to come again later, or give None if it is another error."""
    code = error_code(error)
    return code if code in _TURNED_AWAY else None


def error_name(error: BaseException) -> str:
    """Name what a call raised, without its text, which may quote what was sent."""
    return error_code(error) or shown(type(error).__name__)


# DynamoDB as a ledger sees it: the calls that it makes, and a client for them.


class Page(TypedDict):
    """A page of the items that a query finds, and the keys of the last one if there are more pages."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class Written(TypedDict):
    """What DynamoDB has not done of what it was asked to write, by table."""

    UnprocessedItems: ReadOnly[NotRequired[Mapping[str, Sequence[object]]]]


class LedgerClient(Protocol):
    """What is asked of boto3's client of DynamoDB."""

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
    ) -> Page:
        """Give a page of items."""
        ...

    @property
    def batch_write_item(self) -> Callable[..., Written]:
        """Write items: ``(*, RequestItems: Mapping[str, Sequence[…]])``, by table.

        The type of requests is left open, because stubs of boto3 describe them by typed dictionaries that
        nothing but themselves fits.
        """
        ...

    @property
    def update_item(self) -> Callable[..., object]:
        """Change an item if a condition holds; its type is left open for the same reason."""
        ...


def make_client() -> LedgerClient:
    """Make a client of DynamoDB, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("dynamodb", config=short_waits())


# How long a ledger waits before it asks DynamoDB again, and when it stops asking and reading.

T = TypeVar("T")

Wait: TypeAlias = Callable[[float], None]
"""Waits so many seconds: `time.sleep`, but in tests."""

_SHORTEST: Final = 0.05
_LONGEST: Final = 2.0
_ENOUGH: Final = 60.0
"""How long is waited in all where nobody counts the time that is left, in seconds."""


class LedgerBusy(Exception):
    """Raised where there is no time for another request; says why there would have to be one.

    DynamoDB turned requests away, and the message has its reason. Or there is more to read than there is time for: a
    longer timeout of the function helps.
    """


class RequestBackoff:
    """The waits of one read or one write.

    Each is drawn at random from a span twice as long as the one before, so that functions which were turned
    away at the same moment do not all come back at the same moment ("Error handling with DynamoDB", Developer
    Guide).
    """

    def __init__(self, table_name: str, seconds_left: SecondsLeft, wait: Wait) -> None:
        """Begin with the shortest span."""
        self._table_name = table_name
        self._seconds_left = seconds_left
        self._wait = wait
        self._span = _SHORTEST
        self._waited = 0.0
        self._answers = 0
        self._checked = seconds_left()
        self._longest = 0.0

    def ask(self, request: Callable[[], T]) -> T:
        """Ask until there is an answer. Fails with `LedgerBusy`, and with whatever else the request raises."""
        while True:
            try:
                answer = request()
            except Exception as error:
                reason = throttle_code(error)
                if reason is None:
                    raise
                self.pause(reason)
            else:
                self._answers += 1
                return answer

    def check_time(self) -> None:
        """Look at the time before a step of a read: a request, or an item that is unpacked.

        The first request is made in any case. Fails with `LedgerBusy` where no more is left than the longest step so
        far has taken.
        """
        left = self._seconds_left()
        if left == inf:
            return
        self._longest = max(self._longest, self._checked - left)
        self._checked = left
        if self._answers and left <= self._longest:
            raise LedgerBusy(
                f"reading the ledger {self._table_name} takes longer than the time that is left: "
                f"{self._answers} requests were answered, and there are more"
            )

    def pause(self, reason: str) -> None:
        """Wait before the next request. Fails with `LedgerBusy`, for this reason, if time would be up after that."""
        seconds = self._span * random()  # noqa: S311 (nobody gains by guessing it)
        left = self._seconds_left()
        if seconds >= (left if left < inf else _ENOUGH - self._waited):
            raise LedgerBusy(
                f"DynamoDB turned the ledger {self._table_name} away until time was up: {reason}"
            )
        self._wait(seconds)
        self._checked = self._seconds_left()  # a wait is no step
        self._waited += seconds
        self._span = min(2 * self._span, _LONGEST)


# What dead letters need of boto3: the calls that they make, and clients for them.
#
# The protocols are those of boto3's clients, whether it comes with types (of boto3-stubs or types-boto3) or
# with none.

# ruff: noqa: N803 (the arguments' names are AWS's own)


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


# What reading a stream needs of boto3: the calls that are made, and clients for them.
#
# The protocols are those of boto3's clients, whether it comes with types (of boto3-stubs or types-boto3) or
# with none. Shards and records are looked into with care, since local servers leave parts of them out.

# ruff: noqa: N803 (the arguments' names are AWS's own)


Raw: TypeAlias = Mapping[str, object]
"""A record as boto3 hands it over."""


class ReadGetRecordsOutput(TypedDict):
    """A page of records, and the place after it; a closed shard that is read to its end has none."""

    Records: ReadOnly[Sequence[Raw]]
    NextShardIterator: ReadOnly[NotRequired[str | None]]


class ReadStreamsClient(Protocol):
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

    def get_records(self, *, ShardIterator: str) -> ReadGetRecordsOutput:
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


def make_reading_streams() -> ReadStreamsClient:
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


def retry_reason(error: Exception) -> str | None:
    """Name why a request may succeed later, an error code or a lost connection; None if it cannot."""
    from botocore.exceptions import BotoCoreError

    return error_name(error) if isinstance(error, BotoCoreError) else throttle_code(error)


# How long to wait before the next try: the longer, the more tries have failed in a row.


class Backoff:
    """The waits between tries, in seconds.

    Each is drawn at random from a span twice as long as the one before, so that readers which were turned away at the
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


# What exports and progress in a bucket need of boto3.

# ruff: noqa: N803 (the arguments' names are AWS's own)


class ExportReadable(Protocol):
    """The content of an object, which is read once, in one piece or in several."""

    def read(self, amt: int | None = None, /) -> bytes:
        """Read so many bytes, or all."""
        ...


class ResponseMetadata(TypedDict):
    """The part of an answer that tells of the answer itself."""

    HTTPHeaders: ReadOnly[NotRequired[Mapping[str, str]]]


class ExportGetObjectOutput(TypedDict):
    """An object; `LastModified` is a moment of S3's clock."""

    Body: ReadOnly[ExportReadable]
    ETag: ReadOnly[NotRequired[str]]
    LastModified: ReadOnly[NotRequired[datetime]]
    ResponseMetadata: ReadOnly[NotRequired[ResponseMetadata]]


class PutObjectOutput(TypedDict):
    """The answer for an object that is stored."""

    ETag: ReadOnly[NotRequired[str]]


class ExportObject(TypedDict):
    """An object, as a list tells of it; the types of boto3 leave open whether it has a key."""

    Key: ReadOnly[NotRequired[str]]


class ExportS3Client(Protocol):
    """The calls to S3 that are made here, as boto3 makes them."""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> PutObjectOutput:
        """Store an object, on a condition if need be ("Conditional writes", Amazon S3 User Guide)."""
        ...

    def get_object(self, *, Bucket: str, Key: str) -> ExportGetObjectOutput:
        """Open an object."""
        ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> ListObjectsOutput:
        """List objects, up to a thousand at a time."""
        ...


def make_s3_for_exports() -> ExportS3Client:
    """Make a client of S3, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("s3")
