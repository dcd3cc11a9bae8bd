"""The part of boto3 that this project calls. boto3 makes its clients from data and ships no types for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, Protocol, TypedDict, overload

from botocore.exceptions import ClientError

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

class DynamoDBClient(Protocol):
    def create_table(self, **request: object) -> _CreateTableOutput: ...
    def update_time_to_live(self, **request: object) -> object: ...
    def put_item(self, *, TableName: str, Item: Mapping[str, Mapping[str, object]]) -> object: ...
    def delete_item(self, *, TableName: str, Key: Mapping[str, Mapping[str, object]]) -> object: ...
    def scan(
        self,
        *,
        TableName: str,
        ConsistentRead: bool = ...,
        ExclusiveStartKey: Mapping[str, Mapping[str, object]] = ...,
    ) -> _ScanOutput: ...

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
    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = ...) -> DescribeStreamOutput: ...
    def get_shard_iterator(
        self, *, StreamArn: str, ShardId: str, ShardIteratorType: Literal["TRIM_HORIZON", "LATEST"]
    ) -> GetShardIteratorOutput: ...
    def get_records(self, *, ShardIterator: str, Limit: int = ...) -> GetRecordsOutput: ...

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

class _Object(TypedDict):
    Key: str

class _ListObjectsOutput(TypedDict):
    Contents: NotRequired[list[_Object]]

class S3Client(Protocol):
    @property
    def exceptions(self) -> _Exceptions: ...
    def close(self) -> None: ...
    def create_bucket(self, *, Bucket: str) -> object: ...
    def put_bucket_versioning(self, *, Bucket: str, VersioningConfiguration: Mapping[str, str]) -> object: ...
    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object: ...
    def get_object(self, *, Bucket: str, Key: str) -> _GetObjectOutput: ...
    def list_objects_v2(self, *, Bucket: str, Prefix: str = ...) -> _ListObjectsOutput: ...
    def list_object_versions(
        self, *, Bucket: str, Prefix: str = ..., KeyMarker: str = ..., VersionIdMarker: str = ...
    ) -> _ListObjectVersionsOutput: ...

@overload
def client(service_name: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service_name: Literal["dynamodbstreams"]) -> DynamoDBStreamsClient: ...
@overload
def client(service_name: Literal["s3"], *, endpoint_url: str = ...) -> S3Client: ...
