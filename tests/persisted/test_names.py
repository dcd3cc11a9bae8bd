"""Names and lines that users match: in ledgers and letters, in log queries and alarms, in scripts.

A reason stands by its class's name in a ledger, a letter, a progress file, a line of the log and a document of a
command; users filter by it. They alarm on lines of the loggers ``streamfn`` and ``streamfn.sources``, and their scripts
go by the exit codes and the documents of the commands.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Final, cast, get_args, get_origin, get_type_hints

import pytest
from returns.result import Failure, Result

import streamfn
from streamfn import (
    Failed,
    Handled,
    HeldBack,
    InsertEvent,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    OutOfTime,
    Problem,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    Stopped,
    StreamViewType,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
    lambda_handler,
    log_failure,
    log_failures,
    on_insert,
    pipeline,
    read,
    retry,
)
from streamfn.dead_letters import DeadLetter, MemoryDeadLetters, Redriven
from streamfn.ledgers import Entry, MemoryLedger, Pair, Stretch
from streamfn.mappings import Finding
from tests.cards import STREAM, Card, Refusal, cards, event, record
from tests.cli.commands import call
from tests.sources.export.exports import item, write_export

REASONS: Final = {
    "Refused": ["error"],
    "Raised": ["exception"],
    "Undecodable": ["problems", "image"],
    "MissingImage": ["image", "view_type"],
    "Malformed": ["problem"],
    "Unrouted": ["event_source_arn", "table_name", "declared"],
    "TimedOut": ["attempts"],
    "ProcessDied": ["attempts"],
    "Unwanted": [],
    "OutOfTime": [],
    "HeldBack": [],
    "Stopped": [],
    "LedgerUnavailable": [],
}


def named_fields(of: type) -> list[str]:
    """Name the fields of a dataclass, in their order."""
    return [each.name for each in fields(of)]


def test_reasons_have_these_names_and_fields() -> None:
    """They stand in ledgers, letters, progress and logs by these names, and users' reports match their fields."""
    found = [cast("type", get_origin(each) or each) for each in get_args(Reason)]
    assert {each.__name__: named_fields(each) for each in found} == REASONS
    assert [getattr(streamfn, name) for name in REASONS] == found
    matched = [cast("object", getattr(each, "__match_args__", None)) for each in found]
    assert matched == [tuple(names) for names in REASONS.values()]


def test_results_ledgers_and_letters_have_these_fields() -> None:
    """Users' reports, and ledgers and places for letters of their own, keep them by these names."""
    assert {each.__name__: named_fields(each) for each in (Handled, Failed, Problem)} == {
        "Handled": ["record", "handler", "value"],
        "Failed": ["record", "handler", "reason", "location"],
        "Problem": ["path", "message"],
    }
    assert {
        each.__name__: named_fields(each) for each in (Entry, Stretch, DeadLetter, Redriven, Finding)
    } == {
        "Entry": ["pair", "state", "attempts", "since", "reason", "alone", "letter"],
        "Stretch": ["scope", "stream", "lowest", "highest", "records"],
        "DeadLetter": [
            "scope",
            "pair",
            "stream",
            "record",
            "reason",
            "detail",
            "attempts",
            "since",
            "at",
            "location",
            "exception",
            "is_truncated",
        ],
        "Redriven": ["name", "pair", "outcome", "failed", "detail", "removed"],
        "Finding": ["mapping", "setting", "found", "wanted", "why"],
    }
    assert Pair._fields == ("handler", "record")


def test_states_of_entries_have_these_names() -> None:
    """They stand in ledgers."""
    assert get_args(get_type_hints(Entry)["state"]) == ("handled", "dead", "dropped", "open")


def test_outcomes_of_a_redrive_have_these_names() -> None:
    """Scripts go by them, and so do the documents of `streamfn redrive`."""
    assert set(get_args(get_type_hints(Redriven)["outcome"])) == {
        "handled",
        "skipped",
        "failed",
        "held back",
        "out of time",
        "not wanted",
        "unknown handler",
        "another function",
        "another stream",
        "unproved",
        "unreadable",
        "forgotten",
        "unreachable",
        "ambiguous",
        "ledger unavailable",
    }


(RECORD,) = read(event(record(1)))
(STRAY,) = read(event({"eventID": "id-2", "eventSource": "aws:dynamodb"}))

KNOWN: Final = (
    '"handler": "announce", "eventID": "id-1", "sequenceNumber": "1", "eventName": "INSERT", '
    f'"eventSourceARN": "{STREAM}", "location": "app.py:12 in announce"'
)

LINES: Final[dict[str, tuple[Reason[object], str]]] = {
    "Refused": (Refused(Refusal(404)), f'{{"reason": "Refused", "detail": "Refusal", {KNOWN}}}'),
    "Refused, an exception": (
        Refused(OSError(28, "secret")),
        (
            f'{{"reason": "Refused", "detail": "OSError (ENOSPC)", {KNOWN}, '
            '"exception": {"type": "OSError", "code": "ENOSPC", "frames": []}}'
        ),
    ),
    "Raised": (
        Raised(KeyError("secret")),
        (
            f'{{"reason": "Raised", "detail": "KeyError", {KNOWN}, '
            '"exception": {"type": "KeyError", "frames": []}}'
        ),
    ),
    "Undecodable": (
        Undecodable((Problem("$.id", "expected N, got S"), Problem("$.title", "missing")), "NewImage"),
        f'{{"reason": "Undecodable", "detail": "$.id: expected N, got S; $.title: missing", {KNOWN}}}',
    ),
    "MissingImage": (
        MissingImage("OldImage", StreamViewType.NEW_IMAGE),
        f'{{"reason": "MissingImage", "detail": "OldImage", {KNOWN}}}',
    ),
    "Unrouted": (
        Unrouted(STREAM, "prod-Deck", ("prod-Card",)),
        (
            '{"reason": "Unrouted", "detail": "no pipeline is for the table \'prod-Deck\'; declared: prod-Card", '
            f"{KNOWN}}}"
        ),
    ),
    "TimedOut": (TimedOut(5), f'{{"reason": "TimedOut", "detail": null, {KNOWN}}}'),
    "ProcessDied": (ProcessDied(5), f'{{"reason": "ProcessDied", "detail": null, {KNOWN}}}'),
    "Unwanted": (Unwanted(), f'{{"reason": "Unwanted", "detail": null, {KNOWN}}}'),
    "OutOfTime": (OutOfTime(), f'{{"reason": "OutOfTime", "detail": null, {KNOWN}}}'),
    "HeldBack": (HeldBack(), f'{{"reason": "HeldBack", "detail": null, {KNOWN}}}'),
    "Stopped": (Stopped(), f'{{"reason": "Stopped", "detail": null, {KNOWN}}}'),
    "LedgerUnavailable": (
        LedgerUnavailable(),
        f'{{"reason": "LedgerUnavailable", "detail": null, {KNOWN}}}',
    ),
}


@pytest.mark.parametrize(("reason", "line"), LINES.values(), ids=LINES)
def test_a_failure_is_logged_so(reason: Reason[object], line: str, caplog: pytest.LogCaptureFixture) -> None:
    """Log queries and metric filters take the members of the JSON by their names."""
    log_failure(Failed(RECORD, "announce", reason, "app.py:12 in announce"))
    assert caplog.record_tuples == [("streamfn", logging.ERROR, line)]


def test_a_record_that_is_none_is_logged_so(caplog: pytest.LogCaptureFixture) -> None:
    log_failure(Failed(STRAY, None, Malformed("dynamodb is missing")))
    line = (
        '{"reason": "Malformed", "detail": "dynamodb is missing", "handler": null, "eventID": "id-2", '
        '"sequenceNumber": null}'
    )
    assert caplog.messages == [line]


def test_a_failure_is_logged_with_its_error_so(caplog: pytest.LogCaptureFixture) -> None:
    report = log_failures(errors=True)
    report(Failed(RECORD, "announce", Refused(Refusal(404)), "app.py:12 in announce"))
    assert caplog.messages == [
        f'{{"reason": "Refused", "detail": "Refusal", {KNOWN}, "error": "Refusal(code=404)"}}'
    ]


def test_what_was_raised_is_logged_with_its_frames_so(caplog: pytest.LogCaptureFixture) -> None:
    def announce(_: InsertEvent[Card]) -> Result[None, None]:
        raise ValueError("secret") from KeyError("secret")

    lambda_handler(pipeline(cards, on_insert(announce)), retry())(event(record(1)), None)
    (line,) = caplog.messages
    name = "test_what_was_raised_is_logged_with_its_frames_so.<locals>.announce"
    number = announce.__code__.co_firstlineno + 1
    told = json.loads(line)
    assert told["location"] == f"tests/persisted/test_names.py:{number} in {name}"
    assert told["exception"] == {
        "type": "ValueError",
        "frames": [{"file": "tests/persisted/test_names.py", "line": number, "function": name, "own": True}],
        "cause": {"type": "KeyError", "frames": []},
    }


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


def refuse(_: InsertEvent[Card]) -> Result[None, Refusal]:
    """Refuse whatever comes."""
    return Failure(Refusal(404))


def test_a_letter_is_logged_so(caplog: pytest.LogCaptureFixture) -> None:
    """Users alarm on the member `deadLetter`."""
    delivery = retry(
        ledger=MemoryLedger(),
        dead_letters=MemoryDeadLetters(),
        scope="follow-cards",
        max_attempts=1,
        patience=timedelta(),
        report=quiet,
    )
    lambda_handler(pipeline(cards, on_insert(refuse)), delivery)(event(record(1)), None)
    place = f"tests/persisted/test_names.py:{refuse.__code__.co_firstlineno} in refuse"
    line = (
        '{"deadLetter": "follow-cards/refuse/id-1", "reason": "Refused", "detail": "Refusal", "attempts": 1, '
        f'"location": "{place}"}}'
    )
    assert caplog.record_tuples == [("streamfn", logging.WARNING, line)]


class Down:
    """A ledger that can be read or written while it is told so, and a place that takes no letter."""

    def __init__(self, *, reads: bool) -> None:
        """Answer reads, or not; never take a write."""
        self.reads = reads

    def read(self, _: Stretch, __: object, /) -> list[Entry]:
        """Know nothing."""
        if not self.reads:
            raise ConnectionError("secret")
        return []

    def write(self, _: Stretch, __: Sequence[Entry], ___: object, /) -> None:
        """Take nothing."""
        raise ConnectionError("secret")

    def send(self, _: Sequence[DeadLetter], __: object, /) -> Collection[str]:
        """Take nothing."""
        raise ConnectionError("secret")


@pytest.mark.parametrize(
    ("reads", "lines"),
    [
        (False, ["the ledger could not be read, nothing is started: ConnectionError"]),
        (
            True,
            [
                "dead letters could not be sent: ConnectionError",
                "the ledger could not be written, what succeeded may be repeated: ConnectionError",
            ],
        ),
    ],
    ids=["read", "write"],
)
def test_stores_that_are_down_are_logged_so(
    lines: list[str], caplog: pytest.LogCaptureFixture, *, reads: bool
) -> None:
    """An alarm on them is how users learn that their stores do not answer."""
    down = Down(reads=reads)
    delivery = retry(ledger=down, dead_letters=down, max_attempts=1, patience=timedelta(), report=quiet)
    lambda_handler(pipeline(cards, on_insert(refuse)), delivery)(event(record(1)), None)
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("streamfn", logging.ERROR)] * len(
        lines
    )
    assert [message.partition(" at ")[0] for message in caplog.messages] == lines


def test_all_is_logged_by_these_loggers() -> None:
    """Users set their levels and filters by name."""
    found: set[str] = set()
    for path in Path(streamfn.__file__).parent.rglob("*.py"):
        found.update(re.findall(r"getLogger\((.*?)\)", path.read_text(encoding="utf-8")))
    assert found == {'"streamfn"', '"streamfn.sources"'}


APP: Final = """
from returns.result import Failure, Success
from streamfn import on_insert, pipeline
from tests.cards import cards

def announce(event):
    if event.new_image.id == 3:
        raise KeyboardInterrupt
    return Failure(404) if event.new_image.id == 2 else Success("announced")

process = pipeline(cards, on_insert(announce))
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
                "location": "cards_app.py:6 in announce",
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
                "location": "cards_app.py:6 in announce",
            }
        ],
        "unfinished": {},
        "progress_missing": {},
        "interrupted": False,
    }
