"""Progress in a bucket: a lease says which replay has it, by conditional writes, and is free when nobody renews it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Final, NotRequired

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from returns.result import Result, Success

from streamfn import ConfigurationError, InsertEvent, on_insert, pipeline
from streamfn._aws import GetObjectOutput, ListObjectsOutput
from streamfn._pipeline import Pipeline
from streamfn.exports import ProgressInUse, Replay, replay
from streamfn.exports import _progress as _claims
from streamfn.exports._export import storage_at
from streamfn.exports._progress import claimed
from tests.cards import Card, cards
from tests.sources.export.exports import EXPORT_ID, item, md5, upload, write_export
from tests.sources.export.held import Held, Ran, free

if TYPE_CHECKING:
    from boto3 import S3Client


def test_a_second_replay_on_progress_in_a_bucket_is_told_and_runs_nothing(
    s3: S3Client, tmp_path: Path
) -> None:
    """And as soon as the first has ended, the next one has it."""
    write_export(tmp_path, [[item(1), item(2)]])
    upload(s3, tmp_path, "claimed")
    place = f"s3://backups/claimed/AWSDynamoDB/{EXPORT_ID}"
    first, second = Held(), Held()
    running = Ran(place, first.process)
    assert first.begun.wait(60)
    with pytest.raises(ProgressInUse, match="another replay has the progress at s3://backups/claimed/"):
        replay(place, second.process)
    first.free.set()
    running.join()
    assert isinstance(running.done, Replay)
    assert running.done.is_complete
    assert replay(place, second.process).is_complete
    assert (first.calls, second.calls) == ([1, 2], [])


NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
LEASE_KEY: Final = "progress/replay.lock"


class Answer(GetObjectOutput):
    """An object with what tells of the answer itself."""

    ETag: NotRequired[str]
    ResponseMetadata: NotRequired[Mapping[str, Mapping[str, str]]]


@dataclass
class Bucket:
    """An S3 with conditional writes, which can be told to refuse, and to lose the answer to a write."""

    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict[str, tuple[bytes, datetime]])
    refuses: dict[str, Exception] = field(default_factory=dict[str, Exception])
    loses: int = 0
    slows: int = 0
    has_dates: bool = True
    came_to: Queue[str] = field(default_factory=Queue[str])

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> Mapping[str, str]:
        """Store an object, if the condition holds."""
        assert Bucket == "backups"
        if "put" in self.refuses and (IfMatch or IfNoneMatch):
            raise self.refuses["put"]
        if self.slows and IfMatch:
            self.slows -= 1
            self.came_to.put("slow")
            raise refusal("SlowDown")
        found = self.objects.get(Key)
        if (IfNoneMatch and found is not None) or (IfMatch and IfMatch != self.etag(Key)):
            raise refusal("PreconditionFailed")
        self.objects[Key] = Body, NOW
        if self.loses and (IfMatch or IfNoneMatch):
            self.loses -= 1
            self.came_to.put("lost")
            raise refusal("PreconditionFailed")  # as boto3 does, which has tried again
        self.came_to.put("stored")
        return {"ETag": self.etag(Key)}

    def get_object(self, *, Bucket: str, Key: str) -> Answer:
        """Give an object."""
        assert Bucket == "backups"
        if "get" in self.refuses and Key == LEASE_KEY:
            raise self.refuses["get"]
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        body, written = self.objects[Key]
        if not self.has_dates:
            return {"Body": BytesIO(body)}
        headers = {"date": format_datetime(NOW, usegmt=True)}
        return {
            "Body": BytesIO(body),
            "ETag": self.etag(Key),
            "LastModified": written,
            "ResponseMetadata": {"HTTPHeaders": headers},
        }

    def delete_object(self, *, Bucket: str, Key: str) -> object:
        """Delete nothing: a lease is let go of by writing it."""
        raise NotImplementedError

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> ListObjectsOutput:
        """Give all keys in one page."""
        assert (Bucket, ContinuationToken) == ("backups", "")
        return {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}

    def etag(self, key: str) -> str:
        """Give the ETag of an object."""
        body, _ = self.objects.get(key, (b"", NOW))
        return f'"{md5(body)}"'

    def leave(self, *, age: float, held: bool = True) -> None:
        """Leave the lease of another replay, renewed so many seconds ago."""
        told = json.dumps({"token": "another", "held": held}).encode()
        self.objects[LEASE_KEY] = told, NOW - timedelta(seconds=age)

    def lease(self) -> object:
        """Give what the lease says."""
        return json.loads(self.objects[LEASE_KEY][0])


def refusal(code: str) -> ClientError:
    """Make what boto3 raises."""
    return ClientError({"Error": {"Code": code, "Message": code}}, "PutObject")


def replayed(folder: Path, bucket: Bucket, process: Pipeline[object, object]) -> Replay:
    """Replay an export of three cards, with progress in a bucket."""
    place = write_export(folder, [[item(1), item(2), item(3)]])
    return replay(place, process, progress="s3://backups/progress", client=bucket)


@pytest.mark.parametrize(
    ("age", "held", "taken"), [(0, True, False), (59, True, False), (61, True, True), (0, False, True)]
)
def test_a_lease_that_nobody_has_renewed_for_a_minute_is_taken_over(
    tmp_path: Path, *, age: float, held: bool, taken: bool
) -> None:
    """So is one that was given back."""
    bucket, pipe = Bucket(), free()
    bucket.leave(age=age, held=held)
    if taken:
        assert replayed(tmp_path, bucket, pipe.process).is_complete
        assert pipe.calls == [1, 2, 3]
        return
    with pytest.raises(ProgressInUse, match="at s3://backups/progress, or has died less"):
        replayed(tmp_path, bucket, pipe.process)
    assert pipe.calls == []
    assert bucket.lease() == {"token": "another", "held": True}


def test_a_lease_whose_age_nobody_tells_is_held(tmp_path: Path) -> None:
    bucket = Bucket(has_dates=False)
    bucket.objects[LEASE_KEY] = b"no lease", NOW
    with pytest.raises(ProgressInUse):
        replayed(tmp_path, bucket, free().process)


def test_a_lease_that_vanishes_while_it_is_looked_at_is_told(tmp_path: Path) -> None:
    bucket = Bucket(refuses={"get": refusal("NoSuchKey")})
    bucket.leave(age=0)
    with pytest.raises(ProgressInUse):
        replayed(tmp_path, bucket, free().process)


@pytest.mark.parametrize(("call", "code"), [("put", "AccessDenied"), ("get", "AccessDenied")])
def test_another_refusal_of_s3_is_raised_before_anything_is_run(tmp_path: Path, call: str, code: str) -> None:
    bucket, pipe = Bucket(refuses={call: refusal(code)}), free()
    bucket.leave(age=0)
    with pytest.raises(ClientError, match=code):
        replayed(tmp_path, bucket, pipe.process)
    assert pipe.calls == []


def test_a_service_without_conditional_writes_claims_nothing(tmp_path: Path) -> None:
    bucket = Bucket(refuses={"put": refusal("NotImplemented")})
    assert replayed(tmp_path, bucket, free().process).is_complete
    assert LEASE_KEY not in bucket.objects


def test_a_boto3_without_conditional_writes_is_told(tmp_path: Path) -> None:
    bucket = Bucket(refuses={"put": ParamValidationError(report="Unknown parameter in input: IfNoneMatch")})
    with pytest.raises(ConfigurationError, match=r'install "boto3>=1\.36", or keep the progress in a folder'):
        replayed(tmp_path, bucket, free().process)


def test_a_lease_whose_answer_was_lost_is_had_all_the_same(tmp_path: Path) -> None:
    """Boto3 tries again then, and its second request finds what the first has written."""
    bucket = Bucket(loses=1)
    assert replayed(tmp_path, bucket, free().process).is_complete


def lease_ends() -> None:
    """Wait until the lease is no longer renewed."""
    for thread in threading.enumerate():
        if thread.name == _claims.RENEWER:
            thread.join()


def test_a_lease_that_another_replay_takes_ends_the_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is run then, and the other lease is left alone."""
    monkeypatch.setattr(_claims, "RENEWAL", 0.01)
    bucket, calls = Bucket(), list[int]()

    def announce(event: InsertEvent[Card]) -> Result[int, str]:
        calls.append(event.new_image.id)
        bucket.leave(age=0)
        lease_ends()
        return Success(event.new_image.id)

    with pytest.raises(ProgressInUse, match="could not be renewed for a minute"):
        replayed(tmp_path, bucket, pipeline(cards, on_insert(announce)))
    assert calls == [1]
    assert bucket.lease() == {"token": "another", "held": True}


def test_a_lease_is_renewed_while_a_replay_lasts_whatever_answers_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_claims, "RENEWAL", 0.001)
    bucket = Bucket()

    def announce(event: InsertEvent[Card]) -> Result[int, str]:
        bucket.loses = bucket.slows = 1
        seen = set[str]()
        while seen != {"lost", "slow"}:
            seen |= {bucket.came_to.get(timeout=60)} - {"stored"}
        before = bucket.etag(LEASE_KEY)
        while before == bucket.etag(LEASE_KEY):  # until it is renewed again
            bucket.came_to.get(timeout=60)
        return Success(event.new_image.id)

    assert replayed(tmp_path, bucket, pipeline(cards, on_insert(announce))).is_complete
    lease = bucket.lease()
    assert isinstance(lease, dict)
    assert lease["held"] is False


def test_a_lease_that_could_not_be_renewed_in_time_ends_the_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another replay may have taken it."""
    monkeypatch.setattr(_claims, "LEASE", -1.0)
    bucket, pipe = Bucket(), free()
    with pytest.raises(ProgressInUse, match="could not be renewed"):
        replayed(tmp_path, bucket, pipe.process)
    assert pipe.calls == []


def test_a_lease_is_lost_to_a_machine_that_has_slept_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that is closed, say: the clock that Python measures spans with stands still meanwhile."""
    boot_time: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    if boot_time is None:
        pytest.skip("Linux alone has a clock of its own for that")
    clocks = time.clock_gettime

    def woken(clock: int) -> float:
        return clocks(clock) + (61 if clock == boot_time else 0)

    with claimed(storage_at("s3://backups/progress", Bucket())) as claim:
        assert not claim.lost()
        monkeypatch.setattr(time, "clock_gettime", woken)
        assert claim.lost()


@pytest.mark.parametrize("known", [("CLOCK_MONOTONIC",), ()])
def test_a_lease_is_kept_on_systems_with_other_clocks(
    monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...]
) -> None:
    """Those of macOS and of Windows."""
    for name in {"CLOCK_BOOTTIME", "CLOCK_MONOTONIC"} - {*known}:
        monkeypatch.delattr(time, name, raising=False)
    with claimed(storage_at("s3://backups/progress", Bucket())) as claim:
        assert not claim.lost()


def test_a_lease_goes_to_no_worker() -> None:
    """It outlasts the process that has it by a minute."""
    with claimed(storage_at("s3://backups/progress", Bucket())) as claim:
        assert claim.for_workers() is None
