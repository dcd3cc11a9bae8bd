"""What several tests of replays are about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.sources.export.exports import item, write_export
from tests.sources.export.waiting import WAITING, Waiting

if TYPE_CHECKING:
    from boto3 import S3Client


@pytest.fixture
def s3(running: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """Make a client with a bucket, and send whoever makes one of their own there as well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running)
    with closing(boto3.client("s3", endpoint_url=running)) as client:
        client.create_bucket(Bucket="backups")
        yield client


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """Write a pipeline that waits at the fourth card, and an export of two files."""
    (tmp_path / "waiting.py").write_text(WAITING)
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("REPLAY_LOG", str(tmp_path / "log"))
    return Waiting(tmp_path, write_export(tmp_path, [[item(number) for number in range(6)], [item(10)]]))
