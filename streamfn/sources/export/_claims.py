"""Claims: one replay at a time has a progress, and a replay that dies does not keep the progress from the next one.

In a folder the claim is a lock of the operating system, which ends with the processes that hold the lock. In a bucket
the claim is a lease: an object that the replay renews, with conditional writes ("How to prevent object overwrites with
conditional writes", Amazon S3 User Guide). A lease that nobody has renewed for a minute, by the clock of S3, is free.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from uuid import uuid4

from typing_extensions import override

from streamfn._clients import error_code
from streamfn._misuse import Misuse
from streamfn._wire import is_map
from streamfn.sources._locks import lock_file
from streamfn.sources.export._client import GetObjectOutput
from streamfn.sources.export._places import Bucket, Folder, Place

_LOCK: Final = "replay.lock"
"""The name of the file that is locked, and of the object that is a lease."""

_FORMAT: Final = "streamfn lease of a replay"

LEASE: Final = 60.0
"""How long a lease lasts that nobody renews, in seconds."""

RENEWAL: Final = 15.0
"""How often a lease is renewed, in seconds."""

RENEWER: Final = "streamfn-replay-lease"
"""The name of the thread that renews a lease."""

_REFUSED: Final = frozenset({"409", "412", "ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed"})
"""The codes for a condition that does not hold ("Error responses", Amazon S3 API Reference)."""

_UNKNOWN: Final = frozenset({"501", "NotImplemented"})
"""The codes of a service like S3 that has no conditional writes."""


class ProgressInUse(RuntimeError):
    """Another replay has the progress; nothing has been run, or nothing more is. The message says what to do."""


class Claim(Protocol):
    """A claim of a progress, for as long as a replay lasts."""

    def lost(self) -> bool:
        """Whether another replay may have the progress by now."""
        ...

    def for_workers(self) -> object:
        """Give what goes to a process that is begun, if anything: the claim lasts while one such process lives."""
        ...


@contextmanager
def claimed(place: Place) -> Generator[Claim]:
    """Claim the progress at a place for as long as the block lasts.

    Where the file system, or a service like S3, has neither locks nor conditional writes, nothing is claimed. Raises
    `ProgressInUse` where another replay has the progress, Misuse for a boto3 that knows no conditional writes, and what
    the file system or boto3 raises.
    """
    with _claimed_folder(place) if isinstance(place, Folder) else _leased(place) as claim:
        yield claim


def check_claim(claim: Claim, place: Place) -> None:
    """Raise `ProgressInUse` for a claim that was lost."""
    if claim.lost():
        raise ProgressInUse(
            f"the claim of the progress at {place} could not be renewed for a minute: look whether another replay has "
            "it by now, and begin again when that has ended"
        )


@contextmanager
def _claimed_folder(folder: Folder) -> Generator[Claim]:
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = lock_file(folder.path / _LOCK)
    except BlockingIOError:
        raise ProgressInUse(
            f"another replay has the progress at {folder}: wait until that has ended, or name another place"
        ) from None
    try:
        folder.sweep()
        yield _Lock(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


class _Lock:
    """A claim by a lock of the operating system, which cannot be lost."""

    def __init__(self, descriptor: int | None) -> None:
        """Take the descriptor of the file that is locked, if it is."""
        self._descriptor = descriptor

    def lost(self) -> bool:
        """Say that it is not."""
        return False

    def for_workers(self) -> object:
        """Give the descriptor: a worker may live on for a moment when the process that has begun it is killed."""
        if self._descriptor is None or sys.platform == "win32":  # where locks are a process's own
            return None
        return Inherited(self._descriptor)


class Inherited:
    """A descriptor that a process has of the one that began it."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor."""
        self.descriptor = descriptor

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Have the descriptor go with the process that is being begun."""
        from multiprocessing.reduction import DupFd

        return inherit, (DupFd(self.descriptor),)


class _Detachable(Protocol):
    def detach(self) -> int:
        """Give the descriptor."""
        ...


def inherit(sent: _Detachable) -> Inherited:
    """Take a descriptor in the process that has been begun, and leave it to none that this one begins."""
    descriptor = sent.detach()
    os.set_inheritable(descriptor, False)  # noqa: FBT003 (it takes no keywords)
    return Inherited(descriptor)


@contextmanager
def _leased(bucket: Bucket) -> Generator[Claim]:
    lease = _Lease(bucket)
    if not lease.take():
        yield _Lock(None)
        return
    over = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=(over,), name=RENEWER, daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        over.set()
        renewing.join()
        lease.release()


@dataclass(frozen=True, slots=True)
class _Found:
    """A lease as it was found: who wrote it, whether it can be taken, and its ETag."""

    etag: str
    token: object
    is_free: bool


class _Lease:
    """An object that says who has the progress, and that is renewed while the replay lasts."""

    def __init__(self, bucket: Bucket) -> None:
        """Begin without it."""
        self._bucket = bucket
        self._key = bucket.key_of(_LOCK)
        self._token = uuid4().hex
        self._write = 0
        self._etag = ""
        self._renewed = 0.0
        self._refused = False

    def take(self) -> bool:
        """Take the lease; False where the service has no conditional writes. Raises as `claimed` does."""
        try:
            if self._put() or ((found := self._found()) is not None and self._takes_over(found)):
                return True
        except Exception as error:
            if error_code(error) in _UNKNOWN:
                return False
            if type(error).__name__ == "ParamValidationError":
                raise Misuse(
                    "progress in a bucket is claimed with conditional writes, which boto3 knows from 1.36 on: "
                    'install "boto3>=1.36", or keep the progress in a folder'
                ) from None
            raise
        raise ProgressInUse(
            f"another replay has the progress at {self._bucket}, or has died less than a minute ago: wait until that "
            "has ended, or name another place"
        )

    def lost(self) -> bool:
        """Whether another replay has taken it, or could have: nobody has renewed it in time."""
        return self._refused or _now() - self._renewed > LEASE

    def for_workers(self) -> object:
        """Give nothing: the lease outlasts this process."""
        return None

    def keep(self, over: threading.Event) -> None:
        """Renew it until that is over, or another replay has it; S3 may fail to answer while the lease lasts."""
        while not self._refused and not over.wait(RENEWAL):
            with suppress(Exception):
                self.renew()

    def renew(self) -> None:
        """Renew it once. Raises what boto3 raises, but for the condition."""
        if self._put(self._etag):
            return
        found = self._found()
        if found is None or found.token != self._token:
            self._refused = True
        else:  # the answer to a write was lost, or two writes have met
            self._etag = found.etag

    def release(self) -> None:
        """Let another replay have it at once; if S3 does not answer, it is free after a minute."""
        if not self.lost():
            with suppress(Exception):
                self._put(self._etag, held=False)

    def _takes_over(self, found: _Found) -> bool:
        if found.token == self._token:  # the answer to the first write was lost, and boto3 has tried again
            self._etag, self._renewed = found.etag, _now()
            return True
        return found.is_free and self._put(found.etag)

    def _put(self, etag: str | None = None, *, held: bool = True) -> bool:
        """Write it if it is not there, or has this ETag; False if that is not so."""
        began = _now()
        self._write += 1  # no two writes have the same ETag
        told = {"format": _FORMAT, "token": self._token, "write": self._write, "held": held}
        body, client, name = json.dumps(told).encode(), self._bucket.client(), self._bucket.name
        try:
            if etag is None:
                answer = client.put_object(Bucket=name, Key=self._key, Body=body, IfNoneMatch="*")
            else:
                answer = client.put_object(Bucket=name, Key=self._key, Body=body, IfMatch=etag)
        except Exception as error:
            if error_code(error) in _REFUSED:
                return False
            raise
        self._etag, self._renewed = answer.get("ETag", ""), began
        return True

    def _found(self) -> _Found | None:
        try:
            answer = self._bucket.client().get_object(Bucket=self._bucket.name, Key=self._key)
        except Exception as error:
            if error_code(error) in _REFUSED:  # it was there a moment ago
                return None
            raise
        try:
            told: object = json.loads(answer["Body"].read())
        except ValueError:
            told = None
        told = told if is_map(told) else {}
        is_free = told.get("held") is False or _age(answer) > LEASE
        return _Found(answer.get("ETag", ""), told.get("token"), is_free)


def _now() -> float:
    """Give the seconds of a clock that goes on while the machine sleeps, as that of S3 does.

    Of Linux that is CLOCK_BOOTTIME, and of macOS CLOCK_MONOTONIC; `time.monotonic` stands still on both.
    """
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _age(answer: GetObjectOutput) -> float:
    """Say for how long an object has been there, by the clock of S3, in seconds; 0 if that is not told."""
    written = answer.get("LastModified")
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if written is None or date is None:
        return 0.0
    return (parsedate_to_datetime(date) - written).total_seconds()
