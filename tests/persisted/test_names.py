"""Names and lines that users match: in ledgers and letters, and in log queries and alarms.

A reason stands by its class's name in a ledger, a letter, a progress file, a line of the log and a document of a
command; users filter by it. They alarm on lines of the loggers ``streamfn`` and ``streamfn.sources``.
"""

from __future__ import annotations

import json
import logging
import re
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
from streamfn.dead_letters import DeadLetter, MemoryDeadLetters
from streamfn.ledgers import Entry, Key, MemoryLedger, SequenceRange
from streamfn.mappings import Finding
from streamfn.redrive import Redriven
from tests.cards import STREAM, Card, Refusal, cards, event, record

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
        each.__name__: named_fields(each) for each in (Entry, SequenceRange, DeadLetter, Redriven, Finding)
    } == {
        "Entry": ["pair", "state", "attempts", "since", "reason", "alone", "letter"],
        "SequenceRange": ["scope", "stream", "lowest", "highest", "records"],
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
    assert Key._fields == ("handler", "record")


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

    def read(self, _: SequenceRange, __: object, /) -> list[Entry]:
        """Know nothing."""
        if not self.reads:
            raise ConnectionError("secret")
        return []

    def write(self, _: SequenceRange, __: Sequence[Entry], ___: object, /) -> None:
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
