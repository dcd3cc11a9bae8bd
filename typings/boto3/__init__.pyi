"""The part of boto3 that this project calls. boto3 makes its clients from data and ships no types for them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, Protocol, TypedDict, overload

from botocore.config import Config
from botocore.exceptions import ClientError
from typing_extensions import override

class _ClientEvents(Protocol):
    def register(self, event_name: str, handler: Callable[..., object]) -> None: ...

class _Meta(Protocol):
    @property
    def events(self) -> _ClientEvents: ...

class _Exceptions(Protocol):
    @property
    def ClientError(self) -> type[ClientError]: ...

class _TableDescription(TypedDict):
    TableName: str
    LatestStreamArn: str  # there for a table with a stream, and this project makes no other

class _CreateTableOutput(TypedDict):
    TableDescription: _TableDescription

class _ScanOutput(TypedDict):
    Items: list[dict[str, dict[str, object]]]
    LastEvaluatedKey: NotRequired[dict[str, dict[str, object]]]

class QueryOutput(TypedDict):
    Items: list[dict[str, dict[str, object]]]
    LastEvaluatedKey: NotRequired[dict[str, dict[str, object]]]

class BatchWriteItemOutput(TypedDict):
    UnprocessedItems: dict[str, list[dict[str, object]]]

class _Waiter(Protocol):
    def wait(self, *, TableName: str) -> None: ...

class DynamoDBClient(Protocol):
    def create_table(self, **request: object) -> _CreateTableOutput: ...
    def update_time_to_live(self, **request: object) -> object: ...
    def describe_time_to_live(self, *, TableName: str) -> Mapping[str, object]: ...
    def put_item(self, *, TableName: str, Item: Mapping[str, Mapping[str, object]]) -> object: ...
    def update_table(self, *, TableName: str, StreamSpecification: object) -> object: ...
    def delete_item(self, *, TableName: str, Key: Mapping[str, Mapping[str, object]]) -> object: ...
    def scan(
        self,
        *,
        TableName: str,
        ConsistentRead: bool = ...,
        ExclusiveStartKey: Mapping[str, Mapping[str, object]] = ...,
    ) -> _ScanOutput: ...
    def query(self, **request: object) -> QueryOutput: ...
    def batch_write_item(self, **request: object) -> BatchWriteItemOutput: ...
    def update_item(self, **request: object) -> object: ...
    def get_waiter(self, waiter_name: Literal["table_exists"]) -> _Waiter: ...
    def close(self) -> None: ...

class _DescribedTable(TypedDict):
    LatestStreamArn: NotRequired[str]

class _DescribeTableOutput(TypedDict):
    Table: _DescribedTable

class HookedDynamoDBClient(DynamoDBClient, Protocol):
    """All of the client; who only sends requests with it is content with less."""

    @property
    def meta(self) -> _Meta: ...
    def describe_table(self, *, TableName: str) -> _DescribeTableOutput: ...

class Shard(TypedDict):
    ShardId: str
    ParentShardId: NotRequired[str]

class StreamDescription(TypedDict):
    StreamArn: str
    Shards: list[Shard]
    LastEvaluatedShardId: NotRequired[str]

class DescribeStreamOutput(TypedDict):
    StreamDescription: StreamDescription

class GetShardIteratorOutput(TypedDict):
    ShardIterator: str

class StreamRecord(TypedDict):
    ApproximateCreationDateTime: datetime
    SequenceNumber: str

class Record(TypedDict):
    eventID: str
    eventName: str
    dynamodb: StreamRecord

class GetRecordsOutput(TypedDict):
    Records: list[Record]
    NextShardIterator: NotRequired[str]

class DynamoDBStreamsClient(Protocol):
    def describe_stream(
        self, *, StreamArn: str, ExclusiveStartShardId: str = ...
    ) -> DescribeStreamOutput: ...
    def get_shard_iterator(
        self, *, StreamArn: str, ShardId: str, ShardIteratorType: Literal["TRIM_HORIZON", "LATEST"]
    ) -> GetShardIteratorOutput: ...
    def get_records(self, *, ShardIterator: str, Limit: int = ...) -> GetRecordsOutput: ...

class SeekingStreamsClient(DynamoDBStreamsClient, Protocol):
    """All of the client; what reads streams from an end is content with less."""

    @override
    def get_shard_iterator(
        self,
        *,
        StreamArn: str,
        ShardId: str,
        ShardIteratorType: Literal["TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
        SequenceNumber: str = ...,
    ) -> GetShardIteratorOutput: ...
    def close(self) -> None: ...

class _Body(Protocol):
    def read(self, amt: int | None = None) -> bytes: ...

class _ResponseMetadata(TypedDict):
    HTTPHeaders: dict[str, str]

class _GetObjectOutput(TypedDict):
    Body: _Body
    ContentType: str
    ETag: str
    LastModified: datetime
    ResponseMetadata: _ResponseMetadata

class _PutObjectOutput(TypedDict):
    ETag: str

class _ObjectVersion(TypedDict):
    Key: str
    VersionId: str
    IsLatest: bool

class _ListObjectVersionsOutput(TypedDict):
    IsTruncated: bool
    Versions: NotRequired[list[_ObjectVersion]]
    NextKeyMarker: NotRequired[str]
    NextVersionIdMarker: NotRequired[str]

class _Object(TypedDict):
    Key: str

class _ListObjectsOutput(TypedDict):
    Contents: NotRequired[list[_Object]]
    NextContinuationToken: NotRequired[str]

class S3Client(Protocol):
    @property
    def exceptions(self) -> _Exceptions: ...
    def close(self) -> None: ...
    def create_bucket(self, *, Bucket: str) -> object: ...
    def put_bucket_versioning(self, *, Bucket: str, VersioningConfiguration: Mapping[str, str]) -> object: ...
    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        ContentType: str = ...,
        IfMatch: str = ...,
        IfNoneMatch: str = ...,
    ) -> _PutObjectOutput: ...
    def get_object(self, *, Bucket: str, Key: str) -> _GetObjectOutput: ...
    def delete_object(self, *, Bucket: str, Key: str) -> object: ...
    def list_objects_v2(
        self, *, Bucket: str, Prefix: str = ..., ContinuationToken: str = ..., MaxKeys: int = ...
    ) -> _ListObjectsOutput: ...
    def list_object_versions(
        self, *, Bucket: str, Prefix: str = ..., KeyMarker: str = ..., VersionIdMarker: str = ...
    ) -> _ListObjectVersionsOutput: ...

class _CreateQueueOutput(TypedDict):
    QueueUrl: str

class _SendMessageBatchResultEntry(TypedDict):
    Id: str
    MessageId: str

class _BatchResultErrorEntry(TypedDict):
    Id: str
    SenderFault: bool
    Code: str

class _SendMessageBatchOutput(TypedDict):
    Successful: NotRequired[list[_SendMessageBatchResultEntry]]
    Failed: NotRequired[list[_BatchResultErrorEntry]]

class _MessageAttribute(TypedDict):
    StringValue: str

class _Message(TypedDict):
    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: NotRequired[dict[str, str]]
    MessageAttributes: NotRequired[dict[str, _MessageAttribute]]  # there if they were asked for

class _GetQueueAttributesOutput(TypedDict):
    Attributes: dict[str, str]

class _ReceiveMessageOutput(TypedDict):
    Messages: NotRequired[list[_Message]]

class SQSClient(Protocol):
    def close(self) -> None: ...
    def create_queue(self, *, QueueName: str, Attributes: Mapping[str, str] = ...) -> _CreateQueueOutput: ...
    def get_queue_attributes(
        self, *, QueueUrl: str, AttributeNames: Sequence[str]
    ) -> _GetQueueAttributesOutput: ...
    def send_message(self, *, QueueUrl: str, MessageBody: str) -> object: ...
    def send_message_batch(
        self, *, QueueUrl: str, Entries: Sequence[Mapping[str, object]]
    ) -> _SendMessageBatchOutput: ...
    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int = ...,
        WaitTimeSeconds: int = ...,
        AttributeNames: Sequence[str] = ...,
        MessageAttributeNames: Sequence[str] = ...,
    ) -> _ReceiveMessageOutput: ...
    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> object: ...

class HookedSQSClient(SQSClient, Protocol):
    """All of the client, too."""

    @property
    def meta(self) -> _Meta: ...

class _GetFunctionConfigurationOutput(TypedDict):
    Timeout: int

class _EventSourceMapping(TypedDict):
    UUID: str
    State: str

class _ListEventSourceMappingsOutput(TypedDict):
    EventSourceMappings: list[_EventSourceMapping]
    NextMarker: NotRequired[str]

class LambdaClient(Protocol):
    def close(self) -> None: ...
    def create_function(self, **request: object) -> object: ...
    def get_function_configuration(self, *, FunctionName: str) -> _GetFunctionConfigurationOutput: ...
    def create_event_source_mapping(self, **request: object) -> _EventSourceMapping: ...
    def list_event_source_mappings(
        self, *, FunctionName: str, Marker: str = ...
    ) -> _ListEventSourceMappingsOutput: ...

class _Events(Protocol):
    def register(self, event_name: str, handler: Callable[..., None]) -> None: ...
    def unregister(self, event_name: str, handler: Callable[..., None]) -> None: ...

class Session(Protocol):
    @property
    def events(self) -> _Events: ...

DEFAULT_SESSION: Session | None

class _CallerIdentity(TypedDict):
    Account: str

class _RegionMeta(Protocol):
    @property
    def region_name(self) -> str: ...

class STSClient(Protocol):
    @property
    def meta(self) -> _RegionMeta: ...
    def get_caller_identity(self) -> _CallerIdentity: ...

class SecretsManagerClient(Protocol):
    def create_secret(self, *, Name: str, SecretString: str) -> Mapping[str, object]: ...
    def get_secret_value(self, *, SecretId: str) -> Mapping[str, object]: ...

def setup_default_session() -> None: ...
@overload
def client(
    service_name: Literal["dynamodb"], *, endpoint_url: str = ..., config: Config = ...
) -> HookedDynamoDBClient: ...
@overload
def client(
    service_name: Literal["dynamodbstreams"], *, endpoint_url: str = ..., config: Config = ...
) -> SeekingStreamsClient: ...
@overload
def client(service_name: Literal["s3"], *, endpoint_url: str = ..., config: Config = ...) -> S3Client: ...
@overload
def client(
    service_name: Literal["sqs"], *, endpoint_url: str = ..., config: Config = ...
) -> HookedSQSClient: ...
@overload
def client(service_name: Literal["sts"], *, endpoint_url: str = ..., config: Config = ...) -> STSClient: ...
@overload
def client(service_name: Literal["secretsmanager"]) -> SecretsManagerClient: ...
@overload
def client(service_name: Literal["lambda"], *, endpoint_url: str = ...) -> LambdaClient: ...
