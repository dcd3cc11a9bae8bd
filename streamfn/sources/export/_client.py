"""What exports and progress in a bucket need of boto3."""

# ruff: noqa: N803 (the arguments' names are AWS's own)

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, Protocol, TypedDict

from typing_extensions import ReadOnly


class Readable(Protocol):
    """The content of an object, which is read once, in one piece or in several."""

    def read(self, amt: int | None = None, /) -> bytes:
        """Read so many bytes, or all."""
        ...


class GetObjectOutput(TypedDict):
    """An object."""

    Body: ReadOnly[Readable]


class Object(TypedDict):
    """An object, as a list tells of it."""

    Key: ReadOnly[str]


class ListObjectsOutput(TypedDict):
    """A page of a list of objects."""

    Contents: ReadOnly[NotRequired[Sequence[Object]]]
    NextContinuationToken: ReadOnly[NotRequired[str]]


class S3Client(Protocol):
    """The calls to S3 that are made here, as boto3 makes them."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:
        """Store an object."""
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
