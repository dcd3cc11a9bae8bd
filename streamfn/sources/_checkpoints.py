"""Checkpoints: positions in shards, checkpoints in memory, locks on files, replaced files, and checkpoints in files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import IO, Final, Protocol, TypeAlias, assert_never, cast

from typing_extensions import override

from streamfn._errors import ConfigurationError, decoded, kind_of, read_json
from streamfn._records import is_map, iso_moment, sequence_number_or_none, text_or_none

# Positions: the progress in a shard, as a checkpoint stores it.


@dataclass(frozen=True, slots=True)
class After:
    """All records up to this one are settled."""

    sequence_number: str


@dataclass(frozen=True, slots=True)
class Since:
    """Nothing is settled yet, and records before this moment are not wanted: the reader started at the end.

    The moment is five minutes before the reader started, because clocks differ. AWS refuses the requests of a machine
    whose clock differs by more ("Troubleshooting Signature Version 4", AWS Identity and Access Management User Guide).
    """

    moment: datetime


@dataclass(frozen=True, slots=True)
class Drained:
    """The shard is closed and all its records are settled, so that its children may be read."""


Position: TypeAlias = After | Since | Drained
"""The progress in a shard. A shard without a position is read from its oldest record on."""


# Checkpoints: the store of a reader's positions in the shards of a stream.


class Checkpoints(Protocol):
    """A store of positions. One reader at a time uses it for a stream."""

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Return the positions by shard that were last saved for a stream; None if none were.

        The reader calls this once, at its start. Any exception ends the reader.
        """
        ...

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Store these positions in place of the earlier ones, and return when they are durable.

        Any exception ends the reader. No record is lost by that: records come again after the last positions that were
        saved.
        """
        ...

    def release(self, stream_arn: str, /) -> None:
        """Release the stream for another reader; this one has ended."""
        ...


class MemoryCheckpoints:
    """Keeps positions for as long as the process lives: for tests, and for inspection.

    >>> from streamfn.sources import After
    >>> checkpoints = MemoryCheckpoints()
    >>> checkpoints.save("arn:…", {"shardId-1": After("700")})
    >>> checkpoints.load("arn:…")
    {'shardId-1': After(sequence_number='700')}
    """

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, Position]] = {}

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Return the positions of a stream's shards."""
        positions = self._streams.get(stream_arn)
        return None if positions is None else dict(positions)

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Store these positions."""
        self._streams[stream_arn] = dict(positions)

    def release(self, stream_arn: str, /) -> None:
        """Do nothing: no other process can reach this object."""


# Locks of the operating system on files. The system releases a lock when its process ends, for any reason.

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""The errors of file systems that have no locks."""

_HELD: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK})
"""The errors for a lock that is held: EAGAIN of flock(2), EACCES and EDEADLK of Windows."""


class _Msvcrt(Protocol):
    """The functions of the module ``msvcrt`` that lock files."""

    LK_NBLCK: int

    def locking(self, fd: int, mode: int, nbytes: int, /) -> None:
        """Lock this many bytes of a file."""
        ...


def lock_file(path: str | os.PathLike[str]) -> int | None:
    """Lock a file, created if need be, and return its descriptor; None if the system or file system has no locks.

    A close of the descriptor releases the lock. Two descriptors of one file exclude each other, within one process as
    well. Raises BlockingIOError for a file that is locked already, and another OSError if the file cannot be opened.
    """
    lock = _lock_of_this_system()
    if lock is None:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_LOCKS:
            return None
        if error.errno in _HELD:
            raise BlockingIOError(error.errno, error.strerror, os.fspath(path)) from None
        raise
    return descriptor


def _lock_of_this_system() -> Callable[[int], None] | None:
    with suppress(ImportError):
        import fcntl

        return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with suppress(ImportError):  # on Windows
        # Type checkers know the module on Windows only.
        msvcrt = cast("_Msvcrt", cast("object", import_module("msvcrt")))
        return lambda descriptor: msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    return None


# Files that are replaced as a whole: at any death of the process, the file is the old one or the new one.


def put_in_place(beside: IO[bytes], content: bytes, target: Path) -> None:
    """Write to an open file beside the target, sync it to the disk, and rename it to the target.

    Raises the exceptions of the file system, and deletes the written file then.
    """
    written = Path(beside.name)
    try:
        beside.write(content)
        beside.flush()
        os.fsync(beside.fileno())
        beside.close()  # Windows renames no open file
        written.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.close()  # a close writes the buffer again, and may fail again
        with suppress(OSError):
            written.unlink()
        raise
    # The folder is synced too: after a loss of power it might have the old file otherwise.
    with suppress(OSError):  # Windows opens no folders
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


# Checkpoints in a file: a reader continues after the last position that an earlier process saved.

_FORMAT: Final = "streamfn checkpoints"
_VERSION: Final = 1
_DRAINED: Final = "drained"


class NotACheckpoint(ValueError):
    """The file holds no checkpoint of this stream; the message names the problem and gives advice.

    The exception prevents a partial read: any other start would skip records or repeat them.
    """


class CheckpointInUse(RuntimeError):
    """Another reader uses the file. Only one reader at a time may read a stream."""


class FileCheckpoints:
    """Keeps the positions of one stream in a JSON file.

    A save writes a new file beside it, syncs that to the disk, and renames it, so that the file is complete, old or
    new, at any death of the process. The folder has to exist. While a reader uses the file, it holds a lock on
    ``<path>.lock``, which the system releases when the process ends. Some network file systems have no locks: run only
    one reader there.

    `load` raises `NotACheckpoint` and `CheckpointInUse`, and the exceptions of the file system.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Store the file's path; the first save creates the file."""
        if not isinstance(cast("object", path), str | os.PathLike) or not os.fspath(path):
            raise ConfigurationError(
                f"FileCheckpoints takes the path of a file, got {kind_of(path) if path else 'an empty text'}"
            )
        self._path = Path(path)
        self._lock: int | None = None

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Lock the file for a reader, and return its positions by shard; None if there is no file."""
        self._take()
        try:
            return self._loaded(stream_arn)
        except BaseException:
            self.release(stream_arn)  # the load failed, and a user may restore the file
            raise

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Replace the file. Raises the exceptions of the file system, and leaves the file unchanged then."""
        told = {
            "format": _FORMAT,
            "version": _VERSION,
            "stream": stream_arn,
            "shards": {shard_id: _written(position) for shard_id, position in positions.items()},
        }
        with self._path.with_name(f"{self._path.name}.new").open("wb") as beside:
            put_in_place(beside, json.dumps(told, indent=2).encode(), self._path)

    def release(self, stream_arn: str, /) -> None:  # noqa: ARG002 (the file is of one stream)
        """Release the file for another reader."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @override
    def __repr__(self) -> str:
        return f"FileCheckpoints({str(self._path)!r})"

    def _take(self) -> None:
        try:
            self._lock = lock_file(f"{self._path}.lock")
        except BlockingIOError:
            raise CheckpointInUse(
                f"another reader has {self._path}: end it first, or give this one a file of its own"
            ) from None

    def _loaded(self, stream_arn: str) -> Mapping[str, Position] | None:
        try:
            text = decoded(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise self._refusal("it is no text") from None
        return self._read(text, stream_arn)

    def _read(self, text: str, stream_arn: str) -> Mapping[str, Position]:
        try:
            told = read_json(text)
        except (ValueError, RecursionError):
            raise self._refusal("it is no JSON, or a part of it is missing") from None
        if not is_map(told) or told.get("format") != _FORMAT:
            raise self._refusal("something else stands in it")
        if told.get("version") != _VERSION:
            raise self._refusal(f"it is not of version {_VERSION}, which is all that this release reads")
        if (stream := told.get("stream")) != stream_arn:
            raise self._refusal(f"it is of another stream, {text_or_none(stream)!r} and not {stream_arn!r}")
        shards = told.get("shards")
        positions = {id_: _position(each) for id_, each in shards.items()} if is_map(shards) else None
        if positions is None or None in positions.values():
            raise self._refusal("a part of it is not what it should be")
        return {id_: position for id_, position in positions.items() if position is not None}

    def _refusal(self, problem: str) -> NotACheckpoint:
        return NotACheckpoint(
            f"{self._path} holds no checkpoint that can be read on from: {problem}. Restore it, name another file, or "
            "remove it to read the stream anew"
        )


def _written(position: Position) -> object:
    match position:
        case After(sequence_number):
            return {"after": sequence_number}
        case Since(moment):
            return {"since": moment.isoformat()}
        case Drained():
            return _DRAINED
        case _:
            assert_never(position)


def _position(told: object) -> Position | None:
    """Parse a position that `_written` wrote; None for anything else."""
    if told == _DRAINED:
        return Drained()
    if not is_map(told) or len(told) != 1:
        return None
    if (number := sequence_number_or_none(told.get("after"))) is not None:
        return After(number)
    moment = iso_moment(told.get("since"))
    return None if moment is None else Since(moment)
