"""Marks on disk: what a process was at when it died, for the one that takes its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamfn import lambda_handler, on_event, pipeline, retry
from streamfn._delivery.processes import Begun, FileMarks
from streamfn.ledgers._protocol import SequenceRange
from streamfn.testing import lambda_event
from tests.delivery.jobs import Job, notes, quiet, written
from tests.delivery.test_process_deaths import Shared, writes_of

BEGUN: Begun = ("one", SequenceRange("cards", "arn", "1", "9"), ["a1", "c1"])


def test_the_successor_finds_what_the_process_before_it_has_begun(tmp_path: Path) -> None:
    marks = FileMarks(str(tmp_path))
    marks.begin(BEGUN)
    assert marks.left("one") == []
    assert marks.left("two") == [BEGUN]
    marks.forget("two")
    assert marks.left("two") == []


def test_a_batch_that_has_ended_leaves_nothing(tmp_path: Path) -> None:
    marks = FileMarks(str(tmp_path))
    marks.begin(BEGUN)
    marks.end()
    marks.end()
    assert list(tmp_path.iterdir()) == []


def test_marks_of_processes_that_live_are_theirs(tmp_path: Path) -> None:
    marks = FileMarks(str(tmp_path))
    marks.begin(BEGUN)
    (mark,) = tmp_path.iterdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for number in (os.getppid(), 1, dead.pid):
        (tmp_path / f"streamfn-begun-{number}").write_bytes(mark.read_bytes())
    mark.unlink()
    assert marks.left("two") == [BEGUN]
    marks.forget("two")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"streamfn-begun-{os.getppid()}",
        "streamfn-begun-1",
    }


def test_a_process_of_somebody_else_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streamfn-begun-2").write_text("[]")

    def kill(_: int, __: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    FileMarks(str(tmp_path)).forget("two")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "[]", "3", '["one", ["cards"], []]', "\ud800"])
def test_a_mark_that_was_cut_short_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / f"streamfn-begun-{os.getpid()}"
    path.write_bytes(text.encode(errors="surrogatepass"))
    assert FileMarks(str(tmp_path)).left("two") == []


def test_a_folder_that_is_not_there_costs_the_marks_alone(tmp_path: Path) -> None:
    marks = FileMarks(str(tmp_path / "none"))
    marks.begin(BEGUN)
    marks.end()
    marks.forget("two")
    assert marks.left("two") == []


@pytest.mark.parametrize("writable", [True, False])
def test_on_lambda_a_new_process_tells_the_ledger_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, writable: bool
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "cards")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ledger = Shared()
    handler = lambda_handler(
        pipeline(notes, on_event(Job(), name="tell")), retry(ledger=ledger, report=quiet)
    )
    FileMarks(str(tmp_path)).begin(BEGUN)
    if not writable:
        ledger.before_write = _fail
    handler(lambda_event(*written("d1")), None)
    told = [[("", "a1", "open"), ("", "c1", "open")], [("", "d1", "open")]]
    assert writes_of(ledger) == (told if writable else [])
    assert ("could not be told what a process died of: ConnectionError" in caplog.text) is not writable
    assert "secret" not in caplog.text
    assert list(tmp_path.iterdir()) == []


def _fail() -> None:
    raise ConnectionError("secret")
