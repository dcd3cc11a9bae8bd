"""A live stream over HTTP: read by processes that are killed, and with the values that Lambda would have sent."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import boto3
import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    Pipeline,
    Table,
    lambda_handler,
    on_event,
    pipeline,
    retry,
)
from streamfn._records import as_lambda_sends
from streamfn.sources import FileCheckpoints, NoStream, StreamReader
from tests.sources.notes import Note, table_of_notes

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

ROOT: Final = Path(__file__).parents[2]
WITHIN: Final = 60.0
"""How long to wait for what has to come, in seconds, before the test gives up."""


class Worker:
    """A worker's process, and what it has written so far."""

    def __init__(self, table: str, folder: Path) -> None:
        self.checkpoint, self.log = folder / "checkpoint.json", folder / "log"
        paths = [str(self.checkpoint), str(self.log)]
        self._command = [sys.executable, "-m", "tests.sources.worker", table, *paths]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it finds the server by the environment."""
        self._process = subprocess.Popen(self._command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def end(self, number: int) -> int:
        """Send a signal, and give the exit status."""
        process = self._process
        assert process is not None
        process.send_signal(number)
        self._process = None
        return process.wait(WITHIN)

    def close(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self.end(signal.SIGKILL)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, for as long as the process lives."""
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert self._process is not None
            assert self._process.poll() is None, "the worker has ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def wait_for_lines(self, count: int) -> None:
        """Wait until so much is settled, or everything."""
        self.wait_for(lambda: len(self.lines) >= count or len(set(self.lines)) == 300)

    @property
    def lines(self) -> list[str]:
        """What is settled, in its order; a line is written in one piece."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def checkpoint_number(self) -> str:
        """Up to which record the checkpoint says that all is settled; nothing if it says so of none."""
        if not self.checkpoint.exists():
            return ""
        found = re.search(r'"after": "(\d+)"', self.checkpoint.read_text())
        return found[1] if found else ""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_worker_that_is_killed_at_random_settles_every_record_and_skips_none(
    seed: int, notes: Table[Note], write: Callable[[Note], None], tmp_path: Path
) -> None:
    random = Random(seed)  # noqa: S311 (no secret)
    written: dict[str, list[str]] = {}
    for _ in range(300):
        item = random.choice("abcdefgh")
        numbers = written.setdefault(item, [])
        write(Note(item, len(numbers)))
        numbers.append(f"{item} {len(numbers)}")
    worker = Worker(notes.name, tmp_path)
    checkpoints: list[str] = []
    try:
        while len(set(worker.lines)) < 300:
            worker.start()
            enough = len(worker.lines) + random.randint(0, 90)  # none: it is killed as it starts
            worker.wait_for_lines(enough)
            assert worker.end(signal.SIGKILL) == -signal.SIGKILL
            checkpoints.append(worker.checkpoint_number)
        for item, texts in written.items():
            assert list(dict.fromkeys(line for line in worker.lines if line[0] == item)) == texts
        assert len(worker.lines) <= 300 + 7 * len(checkpoints), "no more than the batch at hand comes again"
        assert checkpoints == sorted(checkpoints)

        write(Note("z", 0))
        worker.start()
        worker.wait_for(lambda: worker.lines[-1] == "z 0")
        assert worker.end(signal.SIGTERM) == 0
        last, settled = worker.checkpoint_number, len(worker.lines)
        assert last > checkpoints[-1]
        write(Note("z", 1))
        worker.start()
        worker.wait_for(lambda: len(worker.lines) > settled)
        assert worker.end(signal.SIGINT) == 0
        assert worker.lines[settled:] == ["z 1"], (
            "what was settled before the process ended does not come again"
        )
        assert worker.checkpoint_number > last
    finally:
        worker.close()


def test_handlers_get_the_values_that_a_lambda_event_brings(
    dynamodb: DynamoDBClient, notes: Table[Note], write: Callable[[Note], None]
) -> None:
    note = Note("a", 1, Decimal("1.50"), b"\x00\xff", frozenset({b"x", b"y"}), ("p", "q"), {"yes": True})
    write(note)
    write(Note("a", 1, blob=b""))
    dynamodb.delete_item(TableName=notes.name, Key={"item": {"S": "a"}, "number": {"N": "1"}})
    write(Note("b", 2))
    reader = StreamReader(table=notes)
    (batch,) = [next(reader.batches())]
    sent = [as_lambda_sends(record, reader.stream_arn) for record in batch.records]
    events = json.loads(json.dumps({"Records": sent}))

    live: list[Event[Note]] = []
    through_lambda: list[Event[Note]] = []
    assert lambda_handler(keeping(notes, live), retry())(batch.payload, None) == {"batchItemFailures": []}
    assert lambda_handler(keeping(notes, through_lambda), retry())(events, None) == {"batchItemFailures": []}
    assert len(live) == 4
    for one, other in zip(live, through_lambda, strict=True):
        assert values_of(one) == values_of(other)
    assert values_of(live[0])["new_image"] == note


def keeping(notes: Table[Note], kept: list[Event[Note]]) -> Pipeline[object, object]:
    """Make a pipeline that keeps its events."""

    def keep(event: Event[Note]) -> Result[None, object]:
        kept.append(event)
        return Success(None)

    return pipeline(notes, on_event(keep))


def values_of(event: Event[Note]) -> dict[str, object]:
    """Take all that a handler may look at, but for the raw record, which is JSON or as boto3 makes it."""
    record = event.record
    told: dict[str, object] = {
        "type": type(event),
        "event_id": record.event_id,
        "event_name": record.event_name,
        "sequence_number": record.sequence_number,
        "source": record.event_source_arn,
        "table": record.table_name,
        "region": record.region,
        "view_type": record.view_type,
        "written": record.approximate_creation,
        "size": record.size_bytes,
        "expired": record.expired,
        "idempotency_key": event.idempotency_key,
    }
    for image in ("new_image", "old_image"):
        told[image] = getattr(event, image, None)
    return told


@pytest.mark.usefixtures("dynamodb")
def test_a_table_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(NoStream, match="there is no table nothing-here"):
        StreamReader(table="nothing-here").run(print)


def test_a_client_of_ones_own_reads_too(
    running: str, monkeypatch: pytest.MonkeyPatch, notes: Table[Note], write: Callable[[Note], None]
) -> None:
    write(Note("a", 1))
    stream = StreamReader(table=notes).stream_arn
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    client = boto3.client("dynamodbstreams", endpoint_url=running)
    reader = StreamReader(stream, client=client)
    seen: list[object] = []

    def function(payload: object, _: None) -> None:
        seen.append(payload)
        reader.stop()

    reader.run(function)
    assert len(seen) == 1
    client.close()


def test_a_checkpoint_of_a_stream_that_was_is_refused(
    dynamodb: DynamoDBClient, notes: Table[Note], write: Callable[[Note], None], tmp_path: Path
) -> None:
    """A table that was made anew has another stream, and what was read of the old one says nothing of it."""
    write(Note("a", 1))
    checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
    reader = StreamReader(table=notes, checkpoints=checkpoints)
    reader.run(lambda _payload, _context: reader.stop())
    other = table_of_notes(f"{notes.name}-other")
    dynamodb.create_table(**other.definition().create_table)
    with pytest.raises(ValueError, match="it is of another stream"):
        StreamReader(table=other, checkpoints=checkpoints).run(print)
    assert StreamReader(table=notes, checkpoints=checkpoints).stream_arn == reader.stream_arn
