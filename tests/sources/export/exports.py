"""Exports as DynamoDB writes them, made for tests: manifests with their checksums, and data files."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamfn._records import StreamViewType

if TYPE_CHECKING:
    from boto3 import S3Client

Line = Mapping[str, object]

TABLE: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card"
EXPORT_ID: Final = "01693685827463-2d8752fd"


def md5(content: bytes) -> str:
    """Give the checksum as a manifest has it."""
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def item(number: int, title: str = "hello") -> Line:
    """Make the line of a card in a full export."""
    return {"Item": {"id": {"N": str(number)}, "title": {"S": title}}}


def packed(lines: Iterable[Line | bytes]) -> bytes:
    """Make a data file."""
    written = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    return gzip.compress(b"".join(line + b"\n" for line in written), compresslevel=1, mtime=0)


def write_export(
    folder: Path,
    files: Sequence[Sequence[Line | bytes]],
    *,
    view: StreamViewType | None = None,
    export_id: str = EXPORT_ID,
    summary: Line | None = None,
) -> Path:
    """Write an export of files with these lines, and give its place; with a view it is an incremental one.

    `summary` replaces what its manifest says.
    """
    place = folder / "AWSDynamoDB" / export_id
    data = place / "data" if view is None else folder / "AWSDynamoDB" / "data"
    place.mkdir(parents=True, exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    listed: list[Line] = []
    for number, lines in enumerate(files):
        content, name = packed(lines), f"file{number:03}{export_id[-4:]}.json.gz"
        (data / name).write_bytes(content)
        below = f"{export_id}/data" if view is None else "data"
        listed.append(
            {
                "itemCount": len(lines),
                "md5Checksum": md5(content),
                "etag": f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}-1",
                "dataFileS3Key": f"exports/AWSDynamoDB/{below}/{name}",
            }
        )
    incremental = {} if view is None else {"exportType": "INCREMENTAL_EXPORT", "outputView": view.value}
    told = {
        "version": "2020-06-30",
        "exportArn": f"{TABLE}/export/{export_id}",
        "tableArn": TABLE,
        "s3Bucket": "backups",
        "s3Prefix": "exports",
        "itemCount": sum(len(lines) for lines in files),
        "outputFormat": "DYNAMODB_JSON",
        **incremental,
        **(summary or {}),
    }
    write_manifest(place, "manifest-summary", json.dumps(told).encode())
    write_manifest(place, "manifest-files", b"".join(json.dumps(each).encode() + b"\n" for each in listed))
    return place


def write_manifest(place: Path, name: str, content: bytes) -> None:
    """Write a manifest with its checksum."""
    (place / f"{name}.json").write_bytes(content)
    (place / f"{name}.checksum").write_text(md5(content))


def upload(s3: S3Client, folder: Path, prefix: str) -> None:
    """Put a folder into the bucket."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder)}"
            s3.put_object(Bucket="backups", Key=key, Body=path.read_bytes())
