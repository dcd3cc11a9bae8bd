"""A bucket that does as it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

from streamfn._aws import GetObjectOutput, ListObjectsOutput

NAME = "letters"


@dataclass
class Bucket:
    """A client of S3 with one bucket; it raises what is to be raised for a key, and lists `page_size` keys a page."""

    failing: Mapping[str, Exception] = field(default_factory=dict[str, Exception])
    page_size: int = 1_000
    objects: dict[str, bytes] = field(default_factory=dict)
    written: datetime | None = None

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        self._check(Bucket, Key)
        assert ContentType == "application/json"
        assert 1 <= len(Key.encode()) <= 1_024
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        self._check(Bucket, Key)
        found: GetObjectOutput = {"Body": BytesIO(self.objects[Key])}
        return found if self.written is None else {**found, "LastModified": self.written}

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        self._check(Bucket, Key)
        self.objects.pop(Key, None)

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> ListObjectsOutput:
        self._check(Bucket, "")
        after = [key for key in sorted(self.objects) if key.startswith(Prefix) and key > ContinuationToken]
        page = after[: self.page_size]
        if not page:
            return {}
        output: ListObjectsOutput = {"Contents": [{"Key": key} for key in page]}
        return {**output, "NextContinuationToken": page[-1]} if len(after) > len(page) else output

    def _check(self, bucket: str, key: str) -> None:
        assert bucket == NAME
        if (error := self.failing.get(key)) is not None:
            raise error
