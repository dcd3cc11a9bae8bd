"""What exports and progress in a bucket need of boto3."""

# ruff: noqa: N803 (the arguments' names are AWS's own)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NotRequired, Protocol, TypedDict

from typing_extensions import ReadOnly


class Readable(Protocol):
    """The content of an object, which is read once, in one piece or in several."""

    def read(self, amt: int | None = None, /) -> bytes:
        """Read so many bytes, or all."""
        ...


class ResponseMetadata(TypedDict):
    """The part of an answer that tells of the answer itself."""

    HTTPHeaders: ReadOnly[NotRequired[Mapping[str, str]]]


class GetObjectOutput(TypedDict):
    """An object; `LastModified` is a moment of S3's clock."""

    Body: ReadOnly[Readable]
    ETag: ReadOnly[NotRequired[str]]
    LastModified: ReadOnly[NotRequired[datetime]]
    ResponseMetadata: ReadOnly[NotRequired[ResponseMetadata]]


class PutObjectOutput(TypedDict):
    """The answer for an object that is stored."""

    ETag: ReadOnly[NotRequired[str]]


class Object(TypedDict):
    """An object, as a list tells of it; the types of boto3 leave open whether it has a key."""

    Key: ReadOnly[NotRequired[str]]


class ListObjectsOutput(TypedDict):
    """A page of a list of objects."""

    Contents: ReadOnly[NotRequired[Sequence[Object]]]
    NextContinuationToken: ReadOnly[NotRequired[str]]


class S3Client(Protocol):
    """The calls to S3 that are made here, as boto3 makes them."""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> PutObjectOutput:
        """Store an object, on a condition if need be ("Conditional writes", Amazon S3 User Guide)."""
        ...

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        """Open an object."""
        ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> ListObjectsOutput:
        """List objects, up to a thousand at a time."""
        ...


def make_s3() -> S3Client:
    """Make a client of S3, for the region and with the credentials that the environment names."""
    import boto3

    return boto3.client("s3")
