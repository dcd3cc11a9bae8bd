"""Progress of a replay.

In this order: outcomes, the files that keep progress, and the claim of one replay on them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Protocol, TypeAlias, TypeGuard
from uuid import uuid4

from typing_extensions import override

from streamfn._aws import GetObjectOutput, S3Client, error_name
from streamfn._errors import ConfigurationError, error_code, read_json_object
from streamfn._records import get_member, is_map, text_or_none
from streamfn.exports._export import Bucket, DataFile, Export, Folder, Location, Storage, storage_at
from streamfn.sources._checkpoints import lock_file

# Outcomes of a replay, as rows with identifiers only.


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """The outcome of records of a data file: the number that a handler handled, or one failure.

    `outcome` is ``"handled"``, or the name of the reason of a failure, such as ``Refused``; `detail` describes the
    reason, without data. For a failure, `line` counts from 1 in the file, and `event_id` is the one of its record.
    `handler` is None for a record that reached none. ``"DamagedExport"`` is a file that could not be read, with the
    cause in `detail`, and with neither handler nor line. `location` is the place in code where a failure arose, such
    as ``app.py:12 in announce``, if known.
    """

    data_file: str
    handler: str | None
    outcome: str
    detail: str | None = None
    line: int | None = None
    event_id: str | None = None
    count: int = 1
    location: str | None = field(default=None, compare=False)


# Progress: the chunks of an export's data files that have run, and their outcomes.
#
# Each chunk is a file of its own, written after its records have run and before their outcomes are reported. So a
# replay that ends at any moment, and is started again, repeats at most the current chunk of each of its workers. A
# chunk names its lines, and the content of its data file, so that no other lines can be mistaken for them.

PROGRESS_VERSION: Final = 1
INTERRUPTED_PROGRESS_VERSION: Final = 2
"""The version of a chunk with due pairs, which a release that reads only version 1 would take for done."""

HANDLED: Final = "handled"


class NotProgress(ValueError):
    """The place holds other progress, damaged progress, or something else; the message gives advice."""


class ProgressNotKept(RuntimeError):
    """Progress could not be kept, for example on a full disk; the replay stops."""


PendingCall: TypeAlias = tuple[str, int]
"""A handler's name, and the line of a record that the handler has not been called with yet."""


@dataclass(frozen=True, slots=True)
class ProgressChunk:
    """Lines of a data file that have run, from `first` to `last`.

    `handlers` are the pipeline's handlers of then. `handled` counts the successes of each, `failures` are all other
    calls, except for the pairs that are `due`: these had not started when the replay was interrupted. `ends` says that
    the file was read to its end after these lines, and has as many as the manifest says.
    """

    first: int
    last: int
    handlers: frozenset[str]
    handled: Mapping[str, int]
    failures: tuple[OutcomeRow, ...]
    due: tuple[PendingCall, ...] = ()
    ends: bool = False

    def outcomes(self, file: DataFile) -> Iterator[OutcomeRow]:
        """Yield the outcomes of the chunk."""
        for handler, count in self.handled.items():
            yield OutcomeRow(file.name, handler, HANDLED, count=count)
        yield from self.failures

    def is_done_for(self, handlers: frozenset[str]) -> bool:
        """Return whether the chunk leaves no work for these handlers."""
        return not self.failures and handlers <= self.handlers and not self.is_due_for(handlers)

    def is_due_for(self, handlers: Collection[str]) -> bool:
        """Return whether one of these handlers has yet to be called with a record of the chunk."""
        return any(handler in handlers for handler, _ in self.due)


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines of a data file, from `first` to `last`, that have no progress though later lines have: a part is gone.

    A replay runs a file's lines in their order, and so leaves no gaps itself. The lines are run again.
    """

    first: int
    last: int

    @override
    def __str__(self) -> str:
        return f"lines {self.first} to {self.last}" if self.first < self.last else f"line {self.first}"


@dataclass(frozen=True, slots=True)
class ProgressStore:
    """Stores chunks in a folder or bucket. `progress_at` makes it; it can be pickled.

    `pipeline` is the name of the pipeline that the progress belongs to, if it has one.
    """

    place: Storage
    pipeline: str | None = None

    def chunks(self, export: Export, file: DataFile) -> list[ProgressChunk]:
        """Return the chunks of a data file that have run, in their order. Raises `NotProgress`.

        Of two chunks that share lines, the first counts: the other is left over from a replay that died between two
        writes.
        """
        chunks: list[ProgressChunk] = []
        for name in self.place.names(file.name):
            content = self.place.read(name)
            if content is not None:
                chunks.append(self._read(name, content, export, file))
        apart: list[ProgressChunk] = []
        for chunk in sorted(chunks, key=lambda chunk: chunk.first):
            if not apart or chunk.first > apart[-1].last:
                apart.append(chunk)
        return apart

    def keep(self, export: Export, file: DataFile, chunk: ProgressChunk) -> None:
        """Store a chunk, in place of the earlier chunk of the same lines. Raises `ProgressNotKept`."""
        told: dict[str, object] = {
            "version": INTERRUPTED_PROGRESS_VERSION if chunk.due else PROGRESS_VERSION,
            "pipeline": self.pipeline,
            "export": export.id,
            "file": file.name,
            "items": file.items,
            "md5": file.md5,
            "etag": file.etag,
            "first": chunk.first,
            "last": chunk.last,
            "handlers": sorted(chunk.handlers),
            "handled": chunk.handled,
            "failures": [
                [each.handler, each.outcome, each.detail, each.line, each.event_id] for each in chunk.failures
            ],
            "due": chunk.due,
            "ends": chunk.ends,
            "locations": [each.location for each in chunk.failures],
        }
        try:
            self.place.write(f"{file.name}/{_named(chunk.first)}", json.dumps(told).encode())
        except Exception as error:
            why = error.strerror if isinstance(error, OSError) else None
            raise ProgressNotKept(
                f"progress could not be kept at {self.place}: {why or error_name(error)}"
            ) from error

    def _read(self, name: str, content: bytes, export: Export, file: DataFile) -> ProgressChunk:
        told = read_json_object(content) or {}
        place = f"{self.place}/{name}"
        if told.get("version") not in {PROGRESS_VERSION, INTERRUPTED_PROGRESS_VERSION}:
            raise NotProgress(
                f"{place} is no progress of a replay that this release reads, or is damaged: name another place, or "
                "restore the file, or remove it to have its lines run again"
            )
        self._check_whose(told, export, file)
        chunk = _chunk(told, file)
        if chunk is None or not name.endswith(f"/{_named(chunk.first)}"):
            raise NotProgress(
                f"{place} is damaged, or of other lines than its name says: restore the file, or remove it to have its "
                "lines run again"
            )
        return chunk

    def _check_whose(self, told: Mapping[str, object], export: Export, file: DataFile) -> None:
        """Check that it is the progress of this pipeline, export and file; earlier releases say but the export."""
        kept = text_or_none(told.get("pipeline"))
        if told.get("export") != export.id:
            whose = f"the export {text_or_none(told.get('export'))}"
        elif kept is not None and self.pipeline not in {None, kept}:
            whose = f"the pipeline {kept}"
        elif told.get("file", file.name) != file.name:
            whose = f"the file {text_or_none(told.get('file'))} where that of {file.name} should be"
        elif not _is_of_this_content(told, file):
            whose = f"another version of the file {file.name}"
        else:
            return
        raise NotProgress(f"{self.place} holds the progress of {whose}: name another place")


def _named(first: int) -> str:
    """Name the file of a chunk by its first line."""
    return f"{first:012d}.json"


def _is_of_this_content(told: Mapping[str, object], file: DataFile) -> bool:
    """Return whether a chunk belongs to this content, by a common checksum; the count may differ."""
    for kept, value in ((told.get("md5"), file.md5), (told.get("etag"), file.etag)):
        if kept is not None and value is not None:
            return kept == value
    return told.get("items") in {None, file.items}


def _chunk(told: Mapping[str, object], file: DataFile) -> ProgressChunk | None:
    """Parse a stored chunk; None if the content is invalid."""
    first, last = told.get("first"), told.get("last")
    handlers, handled, due = told.get("handlers"), told.get("handled"), told.get("due", ())
    failures = told.get("failures")
    if not (_is_count(first) and _is_count(last) and 1 <= first <= last):
        return None
    if not (_is_list(handlers) and is_map(handled) and _is_list(due) and _is_list(failures)):
        return None
    # Chunks of an earlier release have no locations.
    locations = told.get("locations", [None] * len(failures))
    if not _is_list(locations) or len(locations) != len(failures):
        return None
    lines = range(first, last + 1)
    outcomes = [
        _failure(each, location, file, lines) for each, location in zip(failures, locations, strict=True)
    ]
    waiting = [_due(each, lines) for each in due]
    names = [each for each in handlers if isinstance(each, str)]
    counts = {handler: count for handler, count in handled.items() if _is_count(count)}
    if None in outcomes or None in waiting or len(names) < len(handlers) or len(counts) < len(handled):
        return None
    return ProgressChunk(
        first,
        last,
        frozenset(names),
        counts,
        tuple(each for each in outcomes if each is not None),
        tuple(each for each in waiting if each is not None),
        told.get("ends") is True,  # a chunk of an earlier release does not say
    )


def _failure(told: object, location: object, file: DataFile, lines: range) -> OutcomeRow | None:
    if not _is_list(told) or len(told) != 5:
        return None
    handler, outcome, detail, line, event_id = told
    if not (_is_text(handler) and isinstance(outcome, str) and _is_text(detail)):
        return None
    if not (_is_count(line) and line in lines and _is_text(event_id) and _is_text(location)):
        return None
    return OutcomeRow(file.name, handler, outcome, detail, line, event_id, location=location)


def _due(told: object, lines: range) -> PendingCall | None:
    if not _is_list(told) or len(told) != 2:
        return None
    handler, line = told
    return (handler, line) if isinstance(handler, str) and _is_count(line) and line in lines else None


def _is_count(told: object) -> TypeGuard[int]:
    return isinstance(told, int) and not isinstance(told, bool) and told >= 0


def _is_list(told: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(told, list | tuple)


def _is_text(told: object) -> TypeGuard[str | None]:
    return told is None or isinstance(told, str)


def progress_at(location: Location, client: S3Client | None = None) -> ProgressStore:
    """Keep progress in a folder, or under a prefix of a bucket, ``s3://bucket/prefix``."""
    return ProgressStore(storage_at(location, client))


def default_progress(export: Export, pipeline: str) -> ProgressStore:
    """Keep the progress of a pipeline beside the manifest."""
    return ProgressStore(export.place.within(f"streamfn-{pipeline.replace(':', '-')}"))


# Claims: one replay at a time uses a progress, and a replay that dies does not block the next one.
#
# In a folder the claim is a lock of the operating system, which ends with the processes that hold the lock. In a
# bucket the claim is a lease: an object that the replay renews, with conditional writes ("How to prevent object
# overwrites with conditional writes", Amazon S3 User Guide). A lease that has not been renewed for a minute, by the
# clock of S3, is free.

_LOCK: Final = "replay.lock"
"""The name of the file that is locked, and of the object that is a lease."""

_FORMAT: Final = "streamfn lease of a replay"

LEASE: Final = 60.0
"""The lifetime of a lease without renewal, in seconds."""

RENEWAL: Final = 15.0
"""The time between two renewals of a lease, in seconds."""

RENEWER: Final = "streamfn-replay-lease"
"""The name of the thread that renews a lease."""

_REFUSED: Final = frozenset({"409", "412", "ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed"})
"""The codes for a condition that does not hold ("Error responses", Amazon S3 API Reference)."""

_UNKNOWN: Final = frozenset({"501", "NotImplemented"})
"""The codes of a service like S3 without conditional writes."""


class ProgressInUse(RuntimeError):
    """Another replay uses the progress; nothing has run, or nothing more runs. The message gives advice."""


class Claim(Protocol):
    """The claim on a progress, for as long as a replay lasts."""

    def lost(self) -> bool:
        """Return whether another replay may use the progress by now."""
        ...

    def for_workers(self) -> object:
        """Return an object for each worker process, if any: the claim lasts while one such process lives."""
        ...


@contextmanager
def claimed(place: Storage) -> Generator[Claim]:
    """Claim the progress in a folder or bucket for as long as the block lasts.

    If the file system, or a service like S3, has neither locks nor conditional writes, nothing is claimed. Raises
    `ProgressInUse` if another replay uses the progress, ConfigurationError for a boto3 without conditional writes, and
    the exceptions of the file system and of boto3.
    """
    with _claimed_folder(place) if isinstance(place, Folder) else _leased(place) as claim:
        yield claim


def check_claim(claim: Claim, place: Storage) -> None:
    """Raise `ProgressInUse` for a lost claim."""
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
        """Store the descriptor of the locked file, or None."""
        self._descriptor = descriptor

    def lost(self) -> bool:
        """Return False."""
        return False

    def for_workers(self) -> object:
        """Return the descriptor: a worker may outlive, for a moment, the killed process that started it."""
        if self._descriptor is None or sys.platform == "win32":  # locks of Windows belong to one process
            return None
        return Inherited(self._descriptor)


class Inherited:
    """A descriptor inherited from the parent process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Pass the descriptor on to the process that is being started."""
        from multiprocessing.reduction import DupFd

        return inherit, (DupFd(self.descriptor),)


class _Detachable(Protocol):
    def detach(self) -> int:
        """Return the descriptor."""
        ...


def inherit(sent: _Detachable) -> Inherited:
    """Receive a descriptor in the new process, and do not pass it on to processes that this one starts."""
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
    """A lease as read: its writer, whether it is free, and its ETag."""

    etag: str
    token: object
    is_free: bool


class _Lease:
    """The object that says which replay uses the progress, renewed while the replay lasts."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._key = bucket.key_of(_LOCK)
        self._token = uuid4().hex
        self._write = 0
        self._etag = ""
        self._renewed = 0.0
        self._refused = False

    def take(self) -> bool:
        """Acquire the lease; return False if the service has no conditional writes. Raises as `claimed` does."""
        try:
            if self._put() or ((found := self._found()) is not None and self._takes_over(found)):
                return True
        except Exception as error:
            if error_code(error) in _UNKNOWN:
                return False
            if type(error).__name__ == "ParamValidationError":
                raise ConfigurationError(
                    "progress in a bucket is claimed with conditional writes, which boto3 knows from 1.36 on: "
                    'install "boto3>=1.36", or keep the progress in a folder'
                ) from None
            raise
        raise ProgressInUse(
            f"another replay has the progress at {self._bucket}, or has died less than a minute ago: wait until that "
            "has ended, or name another place"
        )

    def lost(self) -> bool:
        """Return whether another replay has the lease, or could have it: it was not renewed in time."""
        return self._refused or _now() - self._renewed > LEASE

    def for_workers(self) -> object:
        """Return None: the lease outlasts this process."""
        return None

    def keep(self, over: threading.Event) -> None:
        """Renew the lease until `over` is set, or another replay has it; S3 may fail while the lease lasts."""
        while not self._refused and not over.wait(RENEWAL):
            with suppress(Exception):
                self.renew()

    def renew(self) -> None:
        """Renew the lease once. Raises the exceptions of boto3, except for the condition."""
        if self._put(self._etag):
            return
        found = self._found()
        if found is None or found.token != self._token:
            self._refused = True
        else:  # the answer to a write was lost, or two writes have met
            self._etag = found.etag

    def release(self) -> None:
        """Free the lease at once; if S3 does not answer, the lease is free after a minute."""
        if not self.lost():
            with suppress(Exception):
                self._put(self._etag, held=False)

    def _takes_over(self, found: _Found) -> bool:
        if found.token == self._token:  # the answer to the first write was lost, and boto3 has tried again
            self._etag, self._renewed = found.etag, _now()
            return True
        return found.is_free and self._put(found.etag)

    def _put(self, etag: str | None = None, *, held: bool = True) -> bool:
        """Write the lease if it is missing, or has this ETag; return False otherwise."""
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
        self._etag, self._renewed = text_or_none(get_member(answer, "ETag")) or "", began
        return True

    def _found(self) -> _Found | None:
        try:
            answer = self._bucket.client().get_object(Bucket=self._bucket.name, Key=self._key)
        except Exception as error:
            if error_code(error) in _REFUSED:  # it was there a moment ago
                return None
            raise
        told = read_json_object(answer["Body"].read()) or {}
        is_free = told.get("held") is False or _age(answer) > LEASE
        return _Found(text_or_none(get_member(answer, "ETag")) or "", told.get("token"), is_free)


def _now() -> float:
    """Return the seconds of a clock that runs while the machine sleeps, as the clock of S3 does.

    On Linux this is CLOCK_BOOTTIME, and on macOS CLOCK_MONOTONIC; `time.monotonic` stands still on both.
    """
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _age(answer: GetObjectOutput) -> float:
    """Return the age of an object, by the clock of S3, in seconds; 0 if the answer has no times."""
    written = answer.get("LastModified")
    date = text_or_none(get_member(get_member(get_member(answer, "ResponseMetadata"), "HTTPHeaders"), "date"))
    if written is None or date is None:
        return 0.0
    return (parsedate_to_datetime(date) - written).total_seconds()
