"""The demo's statements can turn out false: whatever is lost on any way is noticed."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from examples.cards.app import Card, cards
from examples.demo.audit import Arrived, Backups, checks
from examples.demo.changes import Change, Insert, Modify, Remove
from examples.demo.report import outcomes, show

OLD, NEW, GONE = Card(1, "a"), Card(1, "a", owner="ada"), Card(2, "b & c")
CHANGES: list[Change] = [Insert(OLD), Insert(GONE), Modify(NEW), Remove(GONE)]
BACKUP = json.dumps({"Item": cards.unstructure(GONE)}).encode()
REPORT = json.dumps({"handler": "index"})
WHOLE = Arrived(
    table=[NEW],
    messages=["New card 1: a", "New card 2: b &amp; c", "New card 1: a"],
    backups=Backups({"cards/2/x.json": BACKUP}, writes=2),
    documents={"/cards/1/a": {"title": "a", "owner": "ada", "tags": []}},
    accepted=4,
    refused=1,
    log=[REPORT],
)


def broken(arrived: Arrived) -> list[str]:
    """Name the statements that do not hold."""
    return [check.statement for check in checks(CHANGES, arrived) if not check.holds]


def printed(arrived: Arrived) -> str:
    """Print the report."""
    console = Console(width=80, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        show(console, [], outcomes(CHANGES, arrived), arrived, checks(CHANGES, arrived))
    return capture.get()


def test_what_arrived_whole_is_found_whole() -> None:
    """A repeated message is no loss."""
    assert [] == broken(WHOLE)
    assert "Nothing was lost" in printed(WHOLE)


@pytest.mark.parametrize(
    ("arrived", "statement"),
    [
        (replace(WHOLE, table=[OLD]), "The table holds what was written to it"),
        (replace(WHOLE, messages=["New card 1: a"] * 2), "Every new card was announced in Slack"),
        (
            replace(WHOLE, messages=[*WHOLE.messages, "New card 3: d"]),
            "Every new card was announced in Slack",
        ),
        (
            replace(WHOLE, backups=Backups({}, writes=0)),
            "Every removed card is in S3, equal to what it was",
        ),
        (
            replace(WHOLE, backups=Backups({"x": BACKUP.replace(b"b &", b"B &")}, writes=1)),
            "Every removed card is in S3, equal to what it was",
        ),
        (
            replace(WHOLE, backups=Backups({"x": b'{"Item": {"id": {"S": "no"}}}'}, writes=1)),
            "Every removed card is in S3, equal to what it was",
        ),
        (replace(WHOLE, documents={}), "The search index says what the table says"),
        (
            replace(WHOLE, documents={"/cards/1/a": {"title": "a", "owner": None, "tags": []}}),
            "The search index says what the table says",
        ),
        (replace(WHOLE, log=[]), "Every refusal was reported, and nothing else"),
        (
            replace(WHOLE, log=[REPORT, '{"handler": "announce"}']),
            "Every refusal was reported, and nothing else",
        ),
    ],
    ids=[
        "a lost update",
        "a card that nobody heard of",
        "a message about no card",
        "no backup",
        "a backup of another card",
        "a backup that is no card",
        "a missing document",
        "an outdated document",
        "an unreported refusal",
        "an unexpected failure",
    ],
)
def test_what_was_lost_is_found(arrived: Arrived, statement: str) -> None:
    """One thing amiss falsifies one statement, and the report says so."""
    assert [statement] == broken(arrived)
    assert "Something was lost" in printed(arrived)
    assert f"✗ {statement}" in printed(arrived)
