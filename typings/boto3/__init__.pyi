"""The part of boto3 that this project calls. boto3 makes its clients from data and ships no types for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, Protocol, TypedDict, overload

from botocore.exceptions import ClientError

class _Exceptions(Protocol):
    @property
    def ClientError(self) -> type[ClientError]: ...

class _Client(Protocol):
    @property
    def exceptions(self) -> _Exceptions: ...
    def close(self) -> None: ...

class _TableDescription(TypedDict):
    TableName: str
    LatestStreamArn: NotRequired[str]

class _CreateTableOutput(TypedDict):
    TableDescription: _TableDescription

class _ScanOutput(TypedDict):
    Items: list[dict[str, dict[str, object]]]
    LastEvaluatedKey: NotRequired[dict[str, dict[str, object]]]

class DynamoDBClient(_Client, Protocol):
    def create_table(
        self,
        *,
        TableName: str,
        AttributeDefinitions: Sequence[Mapping[str, str]],
        KeySchema: Sequence[Mapping[str, str]],
        BillingMode: str = ...,
        StreamSpecification: Mapping[str, object] = ...,
    ) -> _CreateTableOutput: ...
    def update_time_to_live(self, *, TableName: str, TimeToLiveSpecification: Mapping[str, object]) -> object: ...
    def put_item(self, *, TableName: str, Item: Mapping[str, Mapping[str, object]]) -> object: ...
    def delete_item(self, *, TableName: str, Key: Mapping[str, Mapping[str, object]]) -> object: ...
    def scan(
        self,
        *,
        TableName: str,
        ConsistentRead: bool = ...,
        ExclusiveStartKey: Mapping[str, Mapping[str, object]] = ...,
    ) -> _ScanOutput: ...

class _Shard(TypedDict):
    ShardId: str
    ParentShardId: NotRequired[str]

class _StreamDescription(TypedDict):
    StreamArn: str
    Shards: list[_Shard]
    LastEvaluatedShardId: NotRequired[str]

class _DescribeStreamOutput(TypedDict):
    StreamDescription: _StreamDescription

class _GetShardIteratorOutput(TypedDict):
    ShardIterator: str

class _StreamRecord(TypedDict):
    ApproximateCreationDateTime: datetime
    SequenceNumber: str

class _Record(TypedDict):
    eventID: str
    eventName: str
    dynamodb: _StreamRecord

class _GetRecordsOutput(TypedDict):
    Records: list[_Record]
    NextShardIterator: NotRequired[str]

class DynamoDBStreamsClient(_Client, Protocol):
    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = ...) -> _DescribeStreamOutput: ...
    def get_shard_iterator(
        self, *, StreamArn: str, ShardId: str, ShardIteratorType: Literal["TRIM_HORIZON", "LATEST"]
    ) -> _GetShardIteratorOutput: ...
    def get_records(self, *, ShardIterator: str, Limit: int = ...) -> _GetRecordsOutput: ...

class _Body(Protocol):
    def read(self) -> bytes: ...

class _GetObjectOutput(TypedDict):
    Body: _Body

class _ObjectVersion(TypedDict):
    Key: str
    VersionId: str
    IsLatest: bool

class _ListObjectVersionsOutput(TypedDict):
    IsTruncated: bool
    Versions: NotRequired[list[_ObjectVersion]]
    NextKeyMarker: NotRequired[str]
    NextVersionIdMarker: NotRequired[str]

class S3Client(_Client, Protocol):
    def create_bucket(self, *, Bucket: str) -> object: ...
    def put_bucket_versioning(self, *, Bucket: str, VersioningConfiguration: Mapping[str, str]) -> object: ...
    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object: ...
    def get_object(self, *, Bucket: str, Key: str) -> _GetObjectOutput: ...
    def list_object_versions(
        self, *, Bucket: str, Prefix: str = ..., KeyMarker: str = ..., VersionIdMarker: str = ...
    ) -> _ListObjectVersionsOutput: ...

@overload
def client(service_name: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service_name: Literal["dynamodbstreams"]) -> DynamoDBStreamsClient: ...
@overload
def client(service_name: Literal["s3"]) -> S3Client: ...
