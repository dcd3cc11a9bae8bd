"""What readers of a stream remember and tell is written exactly so, and read exactly so.

Users keep a reader's checkpoints in a file, which outlives all versions of the program: one that cannot be read stops
the reader, and one that is read as another place skips records or repeats them. They alarm on what it logs.
"""

from __future__ import annotations

import logging
import os
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, get_args

import pytest

from streamfn.sources import (
    After,
    CheckpointInUse,
    Drained,
    FileCheckpoints,
    Notice,
    NotSettled,
    Position,
    RequestThrottled,
    ShardFinished,
    ShardStarted,
    Since,
    Start,
    Trimmed,
    log_notice,
)

ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
POSITIONS: Final[dict[str, Position]] = {
    "shardId-1": Drained(),
    "shardId-2": After("700000000000000000001"),
    "shardId-3": Since(datetime(2024, 1, 1, 12, 30, 0, 5, tzinfo=UTC)),
}
TEXT: Final = """\
{
  "format": "streamfn checkpoints",
  "version": 1,
  "stream": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000",
  "shards": {
    "shardId-1": "drained",
    "shardId-2": {
      "after": "700000000000000000001"
    },
    "shardId-3": {
      "since": "2024-01-01T12:30:00.000005+00:00"
    }
  }
}"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cards.json"


def test_checkpoints_are_written_so(path: Path) -> None:
    FileCheckpoints(path).save(ARN, POSITIONS)
    assert path.read_text() == TEXT
    assert [each.name for each in path.parent.iterdir()] == ["cards.json"]


def test_checkpoints_are_read(path: Path) -> None:
    path.write_text(TEXT)
    assert FileCheckpoints(path).load(ARN) == POSITIONS


def test_a_moment_of_another_zone_is_read(path: Path) -> None:
    path.write_text(TEXT.replace("2024-01-01T12:30:00.000005+00:00", "2024-01-01T18:00:00+05:30"))
    positions = FileCheckpoints(path).load(ARN)
    assert positions is not None
    since = datetime(2024, 1, 1, 18, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert positions["shardId-3"] == Since(since)


def test_a_reader_locks_this_file(path: Path) -> None:
    """Readers of two releases may run beside each other: both have to lock the same file."""
    fcntl = pytest.importorskip("fcntl", reason="Windows locks otherwise")
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(CheckpointInUse):
            FileCheckpoints(path).load(ARN)
    finally:
        os.close(descriptor)
    assert FileCheckpoints(path).load(ARN) is None


def test_positions_have_these_names_and_fields() -> None:
    """Users keep them in places of their own, which fulfil `Checkpoints`."""
    told = {each.__name__: [field.name for field in fields(each)] for each in (After, Since, Drained)}
    assert told == {"After": ["sequence_number"], "Since": ["moment"], "Drained": []}


def test_a_start_goes_by_these_names() -> None:
    """They stand in the options of `streamfn tail`, and so in scripts."""
    assert set(get_args(Start)) == {"trim_horizon", "latest"}


@pytest.mark.parametrize(
    ("notice", "level", "line"),
    [
        (
            ShardStarted("arn", "shardId-1", "trim_horizon"),
            logging.INFO,
            "Reading(stream_arn='arn', shard_id='shardId-1', start='horizon')",
        ),
        (ShardFinished("arn", "shardId-1"), logging.INFO, "Finished(stream_arn='arn', shard_id='shardId-1')"),
        (
            NotSettled("arn", "shardId-1", "700", 2, "KeyError"),
            logging.WARNING,
            "NotSettled(stream_arn='arn', shard_id='shardId-1', sequence_number='700', count=2, reason='KeyError')",
        ),
        (
            RequestThrottled("arn", None, "ThrottlingException"),
            logging.WARNING,
            "TurnedAway(stream_arn='arn', shard_id=None, reason='ThrottlingException')",
        ),
        (
            Trimmed("arn", "shardId-1", "700"),
            logging.ERROR,
            "Trimmed(stream_arn='arn', shard_id='shardId-1', sequence_number='700')",
        ),
    ],
)
def test_notices_are_logged_so(
    notice: Notice, level: int, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Users alarm on them: a `Trimmed` is lost data."""
    caplog.set_level(logging.INFO)
    log_notice(notice)
    assert caplog.record_tuples == [("streamfn.sources", level, line)]
