"""The demo's statements can turn out false: whatever is lost on any way is noticed."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from examples.cards.app import Card, cards
from examples.demo.arrivals import Arrived, Backups
from examples.demo.audit import asked, checks, unasked
from examples.demo.changes import Change, Insert, Modify, Remove
from streamfn.dead_letters import DeadLetter
from streamfn.ledgers import Key
from streamfn.testing import insert_event, modify_event, remove_event

OLD, NEW, GONE, NEVER = Card(1, "a"), Card(1, "a", owner="ada"), Card(2, "b & c"), Card(3, "d")
CHANGES: list[Change] = [Insert(OLD), Insert(GONE), Modify(NEW), Insert(NEVER), Remove(GONE)]
HOPELESS = {NEVER.id}
BACKUP = json.dumps({"Item": cards.unstructure(GONE)}).encode()
REPORT = json.dumps({"handler": "index", "eventID": "id-3"})


def letter(record: object, handler: str = "index") -> DeadLetter:
    """Make a dead letter of a record."""
    return DeadLetter(
        "follow-cards", Key(handler, "id-3"), "", record, "Refused", None, 5, None, datetime.now(UTC)
    )


LETTER = letter(insert_event(NEVER).record.raw)
WHOLE = Arrived(
    table=[NEW, NEVER],
    messages=["New card 1: a", "New card 2: b &amp; c", "New card 3: d"],
    backups=Backups({"cards/2/x.json": BACKUP}, ["cards/2/x.json"]),
    documents={"/cards/1/a": {"title": "a", "owner": "ada", "tags": []}},
    taken=[asked(change) for change in CHANGES if change.card.id not in HOPELESS],
    refused=[asked(Insert(NEVER))] * 2,
    letters=[LETTER],
    log=[REPORT, REPORT, json.dumps({"deadLetter": "follow-cards/index/id-3"})],
)

TABLE = "The table holds what was written to it"
SLACK = "Slack heard of every new card, once"
S3 = "Every removed card was written to S3 as it was, once"
INDEX = "The search index took every change once, or it is a dead letter"
DEAD = "The dead letters are what the index never takes, and nothing else"
DOCUMENTS = "The search index says what the table says, but for those cards"
LOG = "Every refusal that lasted was reported, and nothing else"


def broken(arrived: Arrived, *, given_up: int = 0) -> list[str]:
    """Name the statements that do not hold."""
    found = checks(CHANGES, arrived, hopeless=HOPELESS, given_up=given_up)
    return [check.statement for check in found if not check.holds]


def test_what_arrived_whole_is_found_whole() -> None:
    """All statements hold, and nothing is left that nobody asked the index for."""
    assert [] == broken(WHOLE)
    assert 0 == unasked(CHANGES, WHOLE)


@pytest.mark.parametrize(
    ("arrived", "statements"),
    [
        (replace(WHOLE, table=[OLD, NEVER]), [TABLE]),
        (replace(WHOLE, messages=WHOLE.messages[1:]), [SLACK]),
        (replace(WHOLE, messages=[*WHOLE.messages, "New card 1: a"]), [SLACK]),
        (replace(WHOLE, messages=[*WHOLE.messages, "New card 4: e"]), [SLACK]),
        (replace(WHOLE, backups=Backups({}, [])), [S3]),
        (replace(WHOLE, backups=Backups({"x": BACKUP}, ["x", "x"])), [S3]),
        (replace(WHOLE, backups=Backups({"x": BACKUP.replace(b"b &", b"B &")}, ["x"])), [S3]),
        (replace(WHOLE, backups=Backups({"x": b'{"Item": {"id": {"S": "no"}}}'}, ["x"])), [S3]),
        (replace(WHOLE, taken=WHOLE.taken[1:]), [INDEX]),
        (replace(WHOLE, taken=[*WHOLE.taken, asked(Insert(OLD))]), [INDEX]),
        (replace(WHOLE, letters=[]), [INDEX, DEAD]),
        (replace(WHOLE, letters=[LETTER, LETTER]), [INDEX, DEAD]),
        (replace(WHOLE, letters=[letter({"eventID": "id-3"})]), [INDEX, DEAD]),
        (replace(WHOLE, letters=[letter(modify_event(OLD, NEW).record.raw)]), [INDEX, DEAD]),
        (replace(WHOLE, letters=[letter(remove_event(GONE).record.raw)]), [INDEX, DEAD]),
        (replace(WHOLE, letters=[LETTER, letter(LETTER.record, "announce")]), [DEAD]),
        (replace(WHOLE, documents={}), [DOCUMENTS]),
        (
            replace(WHOLE, documents={"/cards/1/a": {"title": "a", "owner": None, "tags": []}}),
            [DOCUMENTS],
        ),
        (replace(WHOLE, log=[]), [LOG]),
        (replace(WHOLE, log=[REPORT, '{"handler": "announce", "eventID": "id-3"}']), [LOG]),
        (replace(WHOLE, log=[REPORT] * 3), [LOG]),
    ],
    ids=[
        "a lost update",
        "a card that nobody heard of",
        "a card that was heard of twice",
        "a message about no card",
        "no backup",
        "a backup that was written twice",
        "a backup of another card",
        "a backup that is no card",
        "a change that the index never took",
        "a change that the index took twice",
        "no dead letter",
        "a dead letter twice",
        "a dead letter that cannot be read",
        "a dead letter of an update that was taken",
        "a dead letter of a removal that was taken",
        "a dead letter of another handler",
        "a missing document",
        "an outdated document",
        "an unreported refusal",
        "an unexpected failure",
        "a refusal that was reported too often",
    ],
)
def test_what_was_lost_or_repeated_is_found(arrived: Arrived, statements: list[str]) -> None:
    """Each thing amiss falsifies what is said of it, and nothing else."""
    assert statements == broken(arrived)


def test_what_lambda_gave_up_is_found() -> None:
    """Even if nothing else is amiss."""
    assert ["Lambda gave up nothing"] == broken(WHOLE, given_up=1)


def test_only_a_change_that_the_index_never_saw_counts_as_unasked() -> None:
    """A refused one was at least tried."""
    assert 1 == unasked(CHANGES, replace(WHOLE, taken=WHOLE.taken[1:]))
    assert 0 == unasked(CHANGES, replace(WHOLE, letters=[]))
