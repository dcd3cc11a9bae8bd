"""Checkpoints are there again for the next process, whole or not at all, and for one reader at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from streamfn.sources import (
    After,
    CheckpointInUse,
    Drained,
    FileCheckpoints,
    MemoryCheckpoints,
    NotACheckpoint,
    Position,
    Since,
)
from tests.sources.streams import ARN

POSITIONS: Final[dict[str, Position]] = {
    "shardId-1": Drained(),
    "shardId-2": After("700000000000000000001"),
    "shardId-3": Since(datetime(2024, 1, 1, 12, 30, tzinfo=UTC)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.json"


def load(path: Path) -> object:
    """Load what a file says, as a reader that ends at once."""
    checkpoints = FileCheckpoints(path)
    try:
        return checkpoints.load(ARN)
    finally:
        checkpoints.release(ARN)


def test_what_is_saved_is_there_again(path: Path) -> None:
    assert load(path) is None
    FileCheckpoints(path).save(ARN, POSITIONS)
    assert load(path) == POSITIONS
    FileCheckpoints(path).save(ARN, {})
    assert load(path) == {}, "which is not the same as nothing: the reader has begun"
    assert repr(FileCheckpoints(path)) == f"FileCheckpoints({str(path)!r})"


def test_memory_does_the_same() -> None:
    checkpoints = MemoryCheckpoints()
    assert checkpoints.load(ARN) is None
    positions = dict(POSITIONS)
    checkpoints.save(ARN, positions)
    positions.clear()
    assert checkpoints.load(ARN) == POSITIONS
    assert checkpoints.load("another") is None
    checkpoints.release(ARN)


def test_the_file_is_as_it_was_if_it_cannot_be_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = FileCheckpoints(path)
    checkpoints.save(ARN, POSITIONS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(ARN, {})
    assert load(path) == POSITIONS
    assert sorted(each.name for each in path.parent.iterdir()) == ["checkpoint.json", "checkpoint.json.lock"]
    checkpoints.save(ARN, {})
    assert load(path) == {}


def told(**parts: object) -> str:
    """Write a file's text, with parts that are other than they should be."""
    return json.dumps({"format": "streamfn checkpoints", "version": 1, "stream": ARN, "shards": {}} | parts)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is no JSON, or a part of it is missing"),
        (told()[:-9], "it is no JSON, or a part of it is missing"),
        ("[" * 100_000, "it is no JSON, or a part of it is missing"),
        ("[]", "something else stands in it"),
        ("{}", "something else stands in it"),
        (told(version=2), "it is not of version 1, which is all that this release reads"),
        (told(stream="arn:other"), f"it is of another stream, 'arn:other' and not {ARN!r}"),
        (told(shards=[]), "a part of it is not what it should be"),
        (told(shards={"s": "gone"}), "a part of it is not what it should be"),
        (told(shards={"s": {"after": 7}}), "a part of it is not what it should be"),
        (told(shards={"s": {"after": "seven"}}), "a part of it is not what it should be"),
        (told(shards={"s": {"since": "2024-01-01T00:00:00"}}), "a part of it is not what it should be"),
        (told(shards={"s": {"since": "0001-01-01T00:00:00+14:00"}}), "a part of it is not what it should be"),
        (told(shards={"s": {"since": "9999-12-31T23:59:59-14:00"}}), "a part of it is not what it should be"),
        (told(shards={"s": {"after": "7", "since": "x"}}), "a part of it is not what it should be"),
    ],
)
def test_what_cannot_be_read_on_from_is_refused(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    with pytest.raises(NotACheckpoint) as refused:
        load(path)
    assert str(refused.value) == (
        f"{path} holds no checkpoint that can be read on from: {problem}. Restore it, name another file, or remove it "
        "to read the stream anew"
    )
    assert path.read_text() == text


@pytest.mark.parametrize("content", ["{", "\xff\xfe\x00", told(stream="arn:other")])
def test_a_file_that_is_refused_can_be_restored_and_read_in_the_same_process(
    path: Path, content: str
) -> None:
    checkpoints = FileCheckpoints(path)
    path.write_bytes(content.encode("latin-1"))
    for _ in range(2):
        with pytest.raises(NotACheckpoint):
            checkpoints.load(ARN)
    path.write_text(told())
    assert FileCheckpoints(path).load(ARN) == {}


def test_a_file_that_cannot_be_opened_leaves_no_lock(path: Path) -> None:
    path.mkdir()
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            FileCheckpoints(path).load(ARN)


def test_a_file_system_that_knows_no_locks_is_used_without_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(_: int, __: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert FileCheckpoints(path).load(ARN) is None


def test_what_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotACheckpoint, match="it is no text"):
        load(path)


def test_a_second_reader_is_told_so(path: Path) -> None:
    first, second = FileCheckpoints(path), FileCheckpoints(path)
    first.load(ARN)
    with pytest.raises(CheckpointInUse, match=f"another reader has {path}: end it first"):
        second.load(ARN)
    first.release(ARN)
    first.release(ARN)
    assert second.load(ARN) is None
    second.release(ARN)


def test_a_process_that_dies_lets_go_of_it(path: Path) -> None:
    program = "import sys; from streamfn.sources import FileCheckpoints\n"
    program += "FileCheckpoints(sys.argv[1]).load('arn'); print('taken', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        with pytest.raises(CheckpointInUse):
            load(path)
        process.kill()
    assert load(path) is None


def test_a_system_without_such_locks_does_without(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    first, second = FileCheckpoints(path), FileCheckpoints(path)
    assert first.load(ARN) is second.load(ARN) is None
    first.release(ARN)
    assert not path.with_name("checkpoint.json.lock").exists()
