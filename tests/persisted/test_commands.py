"""How commands end and what they write for machines, which users' scripts and pipelines of deployment go by."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from streamfn.cli import redrive as command  # private; nothing else lets a command redrive from memory
from streamfn.dead_letters import DeadLetter, MemoryDeadLetters
from streamfn.ledgers import Key
from tests.cards import STREAM, event, record
from tests.cli.commands import call
from tests.sources.export.exports import item, write_export

APP: Final = """
from returns.result import Failure, Success
from streamfn import lambda_handler, on_insert, pipeline, retry
from streamfn.ledgers import MemoryLedger
from tests.cards import cards

def announce(event):
    if event.new_image.id == 3:
        raise KeyboardInterrupt
    return Failure(404) if event.new_image.id == 2 else Success("announced")

process = pipeline(cards, on_insert(announce))
handler = lambda_handler(process, retry(ledger=MemoryLedger()))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with an application, which was not imported from another folder before."""
    monkeypatch.delitem(sys.modules, "cards_app", raising=False)
    (tmp_path / "cards_app.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize(("number", "code"), [(1, 0), (2, 1), (3, 130)])
def test_commands_end_with_these_codes(here: Path, number: int, code: int) -> None:
    """Nothing failed, something did, and it was interrupted."""
    (here / "event.json").write_text(json.dumps(event(record(number))))
    assert call("invoke", "cards_app:process", "event.json", cwd=here).code == code


def test_a_wrong_call_ends_with_this_code(here: Path) -> None:
    assert call("invoke", "cards_app:nothing", "event.json", cwd=here).code == 2


def test_progress_that_is_in_use_ends_with_this_code(here: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows locks otherwise")
    place = write_export(here, [[item(1)]])
    (here / "progress").mkdir()
    descriptor = os.open(here / "progress" / "replay.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        ran = call("replay", "cards_app:process", str(place), "--progress", "progress", cwd=here)
    finally:
        os.close(descriptor)
    assert ran.code == 3


def test_invoke_writes_this_document(here: Path) -> None:
    (here / "event.json").write_text(json.dumps(event(record(1), record(2))))
    arguments = ("cards_app:process", "event.json", "--json", "--show-values")
    known = {"eventName": "INSERT", "table": "prod-Card", "handler": "announce"}
    assert call("invoke", *arguments, cwd=here).document == {
        "results": [
            {
                **known,
                "eventID": "id-1",
                "sequenceNumber": "1",
                "detail": None,
                "value": "'announced'",
                "outcome": "handled",
            },
            {
                **known,
                "eventID": "id-2",
                "sequenceNumber": "2",
                "detail": "int",
                "location": "cards_app.py:7 in announce",
                "value": "404",
                "outcome": "Refused",
            },
        ],
        "handled": 1,
        "failed": 1,
    }


def test_replay_writes_this_document(here: Path) -> None:
    place = write_export(here, [[item(1), item(2)]])
    ran = call("replay", "cards_app:process", str(place), "--processes", "1", "--json", cwd=here)
    assert ran.document == {
        "handled": {"announce": 1},
        "failed": [{"handler": "announce", "outcome": "Refused", "count": 1}],
        "failures": [
            {
                "data_file": "file00052fd",
                "line": 2,
                "handler": "announce",
                "outcome": "Refused",
                "detail": "int",
                "event_id": "01693685827463-2d8752fd/file00052fd/2",
                "count": 1,
                "location": "cards_app.py:7 in announce",
            }
        ],
        "unfinished": {},
        "progress_missing": {},
        "interrupted": False,
    }


def test_redrive_writes_this_document(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    source = MemoryDeadLetters()
    letters = [
        DeadLetter(
            "cards", Key("announce", f"id-{number}"), STREAM, record(number), "Raised", None, 5, None, at
        )
        for number in (1, 2)
    ]
    source.send(letters, lambda: 60.0)

    def source_of(*_: object) -> MemoryDeadLetters:
        return source

    monkeypatch.setattr(command, "source_of", source_of)
    arguments = ("cards_app:handler", "s3://letters", "--unproved", "--json")
    ran = call("redrive", *arguments, cwd=here)
    assert ran.code == 1
    assert ran.document == {
        "redriven": [
            {
                "name": "1",
                "handler": "announce",
                "record": "id-1",
                "outcome": "handled",
                "detail": "",
                "removed": True,
            },
            {
                "name": "2",
                "handler": "announce",
                "record": "id-2",
                "outcome": "failed",
                "detail": "Refused: int",
                "location": "cards_app.py:7 in announce",
                "removed": False,
            },
        ],
        "outcomes": {"handled": 1, "failed": 1},
        "interrupted": False,
    }
