"""Checkpoints in a file, for a reader that goes on where the process before it ended, however that ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, assert_never, cast

from typing_extensions import override

from streamfn._misuse import Misuse, kind_of
from streamfn._texts import decoded, read_json
from streamfn._wire import as_sequence_number, as_text, is_map
from streamfn.sources._locks import lock_file
from streamfn.sources._positions import After, Drained, Position, Since

_FORMAT: Final = "streamfn checkpoints"
_VERSION: Final = 1
_DRAINED: Final = "drained"


class NotACheckpoint(ValueError):
    """The file holds no checkpoint of this stream; the message says what is wrong and what to do.

    It is raised rather than read as far as it goes: to begin anywhere else would skip records or repeat them.
    """


class CheckpointInUse(RuntimeError):
    """Another reader has the file; one stream is read by one reader at a time."""


class FileCheckpoints:
    """Remembers the positions of one stream in a JSON file.

    A save writes another file beside it, has the disk keep that, and puts it in the place of the first, so that
    whenever the process dies, the file is whole and either as before or as after. The folder has to exist. While a
    reader uses the file, it holds a lock on ``<path>.lock``, which the system gives up when the process ends (some
    network file systems have no locks: see to it yourself there that there is one reader).

    `load` fails with `NotACheckpoint` and `CheckpointInUse`, and with what the file system raises.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the file's path; it is made when something is first saved."""
        if not isinstance(cast("object", path), str | os.PathLike) or not os.fspath(path):
            raise Misuse(
                f"FileCheckpoints takes the path of a file, got {kind_of(path) if path else 'an empty text'}"
            )
        self._path = Path(path)
        self._lock: int | None = None

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Take the file for a reader, and give the positions of the stream's shards in it; None if it is not there."""
        self._take()
        try:
            return self._loaded(stream_arn)
        except BaseException:
            self.release(stream_arn)  # nobody is going to read on, and the file may be restored meanwhile
            raise

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Replace the file. Fails with what the file system raises, and the file is as it was then."""
        told = {
            "format": _FORMAT,
            "version": _VERSION,
            "stream": stream_arn,
            "shards": {shard_id: _written(position) for shard_id, position in positions.items()},
        }
        beside = self._path.with_name(f"{self._path.name}.new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump(told, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
        self._keep_the_name()

    def release(self, stream_arn: str, /) -> None:  # noqa: ARG002 (the file is of one stream)
        """Let another reader have the file."""
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

    def _keep_the_name(self) -> None:
        """Have the disk keep the folder, too, or after a loss of power it might know the file as it was before."""
        with suppress(OSError):  # Windows opens no folders
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

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
            raise self._refusal(f"it is of another stream, {as_text(stream)!r} and not {stream_arn!r}")
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
    """Read what `_written` wrote; None if it is anything else."""
    if told == _DRAINED:
        return Drained()
    if not is_map(told) or len(told) != 1:
        return None
    if (number := as_sequence_number(told.get("after"))) is not None:
        return After(number)
    try:
        moment = datetime.fromisoformat(as_text(told.get("since")) or "")
        return Since(moment.astimezone(UTC)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last hours that there are may be none in UTC
        return None
