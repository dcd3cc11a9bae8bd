"""Exports and progress in S3, on a real server of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from streamfn import ConfigurationError, StreamViewType
from streamfn._aws import GetObjectOutput, ListObjectsOutput
from streamfn.exports import DamagedExport, NotAnExport, open_export, progress_at, replay
from streamfn.exports._export import Bucket, Folder, storage_at
from tests.sources.export import app
from tests.sources.export.exports import EXPORT_ID, item, upload, write_export

if TYPE_CHECKING:
    from boto3 import S3Client


def test_an_export_in_a_bucket_is_replayed_and_its_progress_is_kept_beside_it(
    s3: S3Client, tmp_path: Path
) -> None:
    write_export(tmp_path, [[item(number) for number in range(25)], [item(30, "refuse")]])
    upload(s3, tmp_path, "full")
    location = f"s3://backups/full/AWSDynamoDB/{EXPORT_ID}/"
    first = replay(location, app.process, chunk=10)
    assert (first.handled, first.failed) == ({"announce": 25, "index": 26}, {("announce", "Refused"): 1})
    assert first.export.location == location.rstrip("/")
    assert len(list(first.failures())) == 1
    kept = s3.list_objects_v2(Bucket="backups", Prefix=f"full/AWSDynamoDB/{EXPORT_ID}/streamfn-pipeline/")
    names = [each["Key"].rpartition("/")[2] for each in kept.get("Contents", [])]
    assert names == [
        "000000000001.json",
        "000000000011.json",
        "000000000021.json",
        "000000000001.json",
        "replay.lock",
    ]
    again = replay(location.replace("s3://", "s3a://"), "tests.sources.export.app:process", processes=2)
    assert again.handled == first.handled
    assert replay(location, app.process, client=s3).handled == first.handled


def test_an_incremental_export_has_its_data_in_the_folder_of_all(s3: S3Client, tmp_path: Path) -> None:
    line = {
        "Keys": {"id": {"N": "1"}, "title": {"S": "a"}},
        "NewImage": {"id": {"N": "1"}, "title": {"S": "a"}},
    }
    write_export(tmp_path, [[line]], view=StreamViewType.NEW_IMAGE)
    upload(s3, tmp_path, "incremental")
    done = replay(
        f"s3://backups/incremental/AWSDynamoDB/{EXPORT_ID}", app.process, progress=tmp_path / "progress"
    )
    assert done.handled == {"announce": 1, "index": 1}


def test_what_is_missing_in_a_bucket_is_told(s3: S3Client, tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match="there is no export at s3://backups/nothing"):
        open_export("s3://backups/nothing")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        open_export("s3://nobody/nothing")
    place = write_export(tmp_path, [[item(1)]])
    (next((place / "data").iterdir())).unlink()
    upload(s3, tmp_path, "damaged")
    done = replay(f"s3://backups/damaged/AWSDynamoDB/{EXPORT_ID}", app.process)
    (problem,) = done.unfinished.values()
    assert "is missing" in problem


class Pages:
    """An S3 whose lists have several pages."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> ListObjectsOutput:
        """Give one object a page."""
        assert (Bucket, Prefix) == ("backups", "many/folder/")
        number = int(ContinuationToken or "0")
        page: ListObjectsOutput = {"Contents": [{"Key": f"{Prefix}{number}.json"}]}
        return page if number == 2 else {**page, "NextContinuationToken": str(number + 1)}

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> object:
        """Store nothing."""
        raise NotImplementedError

    def delete_object(self, *, Bucket: str, Key: str) -> object:
        """Delete nothing."""
        raise NotImplementedError

    def get_object(self, *, Bucket: str, Key: str) -> GetObjectOutput:
        """Give nothing."""
        raise NotImplementedError


def test_lists_of_more_objects_than_a_page_are_read_to_their_end() -> None:
    place = storage_at("s3://backups/many", Pages())
    assert list(place.names("folder")) == [f"folder/{number}.json" for number in range(3)]


@pytest.mark.usefixtures("s3")
def test_other_refusals_are_not_taken_for_absence() -> None:
    place = storage_at("s3://nobody")
    with pytest.raises(ClientError, match="NoSuchBucket"), place.local("name"):
        pass


def test_locations_name_folders_and_prefixes(tmp_path: Path) -> None:
    assert storage_at(tmp_path) == Folder(tmp_path)
    assert storage_at("s3://backups") == Bucket("backups", "")
    assert str(storage_at("s3n://backups/a/b/")) == "s3://backups/a/b"
    assert str(storage_at("s3://backups/a").within("b")) == "s3://backups/a/b"
    with pytest.raises(ConfigurationError, match="a location is a folder or s3://bucket/prefix, got hdfs://"):
        storage_at("hdfs://cluster/exports")
    assert list(progress_at(tmp_path / "nothing").place.names("file")) == []


def test_a_full_disk_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = storage_at(tmp_path)
    place.write("a/b.json", b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                place.write("a/b.json", b"after")
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b.json"]
    assert place.read("a/b.json") == b"before"


def test_a_file_that_vanishes_while_a_folder_is_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = open_export(write_export(tmp_path, [[item(1)]]))
    store = progress_at(tmp_path / "progress")

    def names(_: Folder, folder: str) -> Iterator[str]:
        return iter([f"{folder}/gone.json"])

    monkeypatch.setattr(Folder, "names", names)
    assert store.chunks(export, export.files[0]) == []
    assert issubclass(DamagedExport, ValueError)
