"""One event is one line: whatever an identifier, a key or a name holds, it can forge no line of a log, and no row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import make_dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from botocore.exceptions import ClientError
from returns.result import Failure, Result

from streamfn import Event, Failed, lambda_handler, on_event, pipeline, retry
from streamfn._aws import error_name
from streamfn.cli._common import Column, print_table
from streamfn.dead_letters import Received, S3DeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import redrive
from tests.cards import Card, cards, event, record
from tests.cli.commands import call
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.redriving import letter_on, note
from tests.dead_letters.test_trust import of
from tests.delivery.jobs import Job, written

FORGED = "x\nERROR all is lost\r\x1b[31m\u2028\x00"
"""An identifier that would look like lines of its own, in red."""

HARMLESS = r"x\nERROR all is lost\r\x1b[31m\u2028\x00"


def refuse(event: Event[Card]) -> Result[None, str]:
    """Fail."""
    return Failure(event.event_id)


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines that were logged; each has to be one."""
    messages = caplog.messages
    assert messages
    assert all(message.isprintable() for message in messages), messages
    return messages


def test_a_failure_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    strange = record(1, eventID=FORGED, eventSourceARN=FORGED)
    broken = record(2, eventID=FORGED, eventName=FORGED)
    handler = lambda_handler(pipeline(cards, on_event(refuse)), retry())
    handler(event(record(3, eventID=FORGED), strange, broken), None)
    for line in lines_of(caplog):
        assert json.loads(line)["eventID"] == FORGED


def raising(_: Failed[object]) -> None:
    """Fail at telling of a failure."""
    strange: type[Exception] = make_dataclass(
        f"Strange{FORGED.partition(chr(0))[0]}", [], bases=(ValueError,)
    )
    raise strange


def failing(_: Failed[object]) -> object:
    """Return a Failure of a strange type."""
    return Failure(make_dataclass(f"Strange{FORGED.partition(chr(0))[0]}", [])())


@pytest.mark.parametrize("report", [raising, failing])
def test_what_a_report_does_is_one_line(report: object, caplog: pytest.LogCaptureFixture) -> None:
    told = cast("type[None]", report)
    handler = lambda_handler(pipeline(cards, on_event(refuse)), retry(report=told))
    handler(event(record(3, eventID=FORGED)), None)
    lines_of(caplog)


def test_an_exceptions_name_is_one_line() -> None:
    strange = cast("type[Exception]", type("Strange\nERROR", (Exception,), {}))
    assert error_name(strange()) == r"Strange\nERROR"


class Strange:
    """A source of one letter with a strange name, which cannot be removed."""

    def receive(self) -> Iterator[Received]:
        letter = letter_on(written("a1")[0].record.raw)
        yield Received(FORGED, letter.to_json(), partial(self.refuse, ConnectionError()))

    @staticmethod
    def refuse(error: Exception) -> None:
        raise error


def test_the_name_of_a_letter_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    ledger = MemoryLedger()
    note(ledger, {("tell", "a1"): "dead"})
    redrive(of(Job()), Strange(), ledger=ledger)
    assert lines_of(caplog) == [f"{HARMLESS} is done with, and was not removed: ConnectionError"]


def test_the_key_of_an_object_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    gone = ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
    bucket = Bucket(failing={FORGED: gone}, objects={FORGED: b"{}"})
    assert list(S3DeadLetters(NAME, client=bucket).receive()) == []
    assert lines_of(caplog) == [f"s3://letters/{HARMLESS} could not be read: NoSuchKey"]


def test_a_row_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("Name", folds=True), Column("Why")], [[FORGED, "a"], [("one", "two\nthree"), "b"]])
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in shown] == ["Why", "a", "b", r"two\nthree"]
    assert shown[1].startswith(HARMLESS)


def test_a_command_prints_an_identifier_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event(record(1, eventID=FORGED, sequenceNumber=FORGED), record(2))))
    for arguments in ((), ("--traceback",), ("--show-values",)):
        ran = call("invoke", "tests.cli.app:process", str(path), *arguments)
        assert "x\\nERROR" in ran.out
        assert not any(line.startswith("ERROR") for line in ran.out.splitlines())
        assert "\x1b" not in ran.out
