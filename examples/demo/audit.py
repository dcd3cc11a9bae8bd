"""Compare what arrived with what the plan says had to arrive, so that "nothing was lost" is checked and not claimed."""

import json
from collections import Counter
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from returns.result import Success

from examples.cards.app import Card, cards
from examples.demo.arrivals import Arrived, Backups
from examples.demo.changes import Change, Remove, inserted, kept, removed
from examples.demo.logs import failures
from examples.demo.services import Document, told
from streamfn import Event, InsertEvent, ModifyEvent, RemoveEvent, StreamRecord, read, structure
from streamfn.dead_letters import DeadLetter


@dataclass(frozen=True, slots=True)
class Check:
    """A statement, with how many things it misses and how many are there that should not be."""

    statement: str
    missing: int
    unexpected: int

    @property
    def holds(self) -> bool:
        """Whether the statement is true."""
        return self.missing == self.unexpected == 0


@dataclass(frozen=True, slots=True)
class Work:
    """What became of the work: each job is to be done once for each change that it is there for."""

    announced: Check
    backed_up: Check
    indexed: Check


def checks(
    changes: Sequence[Change], arrived: Arrived, *, hopeless: Container[int], given_up: int
) -> list[Check]:
    """Check each thing that has to hold, where the index never takes the `hopeless` cards.

    `given_up` is how many records Lambda has given up itself.
    """
    done = work(changes, arrived)
    left = kept(changes)
    refused = [change for change in changes if change.card.id in hopeless and not isinstance(change, Remove)]
    return [
        compare("The table holds what was written to it", left, arrived.table),
        done.announced,
        done.backed_up,
        done.indexed,
        compare(
            "The dead letters are what the index never takes, and nothing else",
            (("index", asked(change)) for change in refused),
            ((letter.pair.handler, unhandled(letter)) for letter in arrived.letters),
        ),
        compare(
            "The search index says what the table says, but for those cards",
            (told(path(card), document(card)) for card in left if card.id not in hopeless),
            (told(where, what) for where, what in arrived.documents.items()),
        ),
        reported(arrived),
        Check("Lambda gave up nothing", missing=given_up, unexpected=0),
    ]


def work(changes: Sequence[Change], arrived: Arrived) -> Work:
    """Check for each job that it was done as often as it should be, which is once."""
    dead = [unhandled(letter) for letter in arrived.letters if letter.pair.handler == "index"]
    return Work(
        announced=compare(
            "Slack heard of every new card, once", map(message, inserted(changes)), arrived.messages
        ),
        backed_up=compare(
            "Every removed card was written to S3 as it was, once",
            removed(changes),
            restored(arrived.backups),
        ),
        indexed=compare(
            "The search index took every change once, or it is a dead letter",
            map(asked, changes),
            [*arrived.taken, *dead],
        ),
    )


def reported(arrived: Arrived) -> Check:
    """Check the reports: one for each invocation that leaves a refusal behind, however often it has asked."""
    reports = failures(arrived.log)
    lasting = set(arrived.refused) - set(arrived.taken)
    handlers = Counter(handler for handler, _ in reports.elements())
    return Check(
        "Every refusal that lasted was reported, and nothing else",
        missing=max(len(lasting) - len(reports), 0),
        unexpected=(handlers - Counter(index=len(arrived.refused))).total(),
    )


def unasked(changes: Iterable[Change], arrived: Arrived) -> int:
    """Count the changes that the index has neither taken nor refused: somebody else's failure kept them from it."""
    return (Counter(map(asked, changes)) - Counter([*arrived.taken, *arrived.refused])).total()


def compare(statement: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> Check:
    """Check that the same things were expected and found, each as often.

    >>> compare("Both are there", ["a", "b"], ["b", "c", "c"])
    Check(statement='Both are there', missing=1, unexpected=2)
    """
    wanted, there = Counter(expected), Counter(found)
    return Check(statement, missing=(wanted - there).total(), unexpected=(there - wanted).total())


def message(card: Card) -> str:
    """Say what Slack should be told of a new card."""
    return f"New card {card.id}: {escape(card.title, quote=False)}"


def path(card: Card) -> str:
    """Say where the search index should keep a card."""
    return f"/cards/{card.id}/{card.title}"


def document(card: Card) -> Document:
    """Say what the search index should know of a card."""
    return {"title": card.title, "owner": card.owner, "tags": sorted(card.tags)}


def asked(change: Change) -> str:
    """Say what the search index should be asked for a change."""
    return told(path(change.card), None if isinstance(change, Remove) else document(change.card))


def unhandled(letter: DeadLetter) -> str:
    """Say what the search index should be asked for a dead letter; one whose record cannot be read is like no other."""
    (record,) = read({"Records": [letter.record]})
    event = structure(cards, record) if isinstance(record, StreamRecord) else None
    return asked_for(event.unwrap()) if isinstance(event, Success) else f"unreadable: {letter.id}"


def asked_for(event: Event[Card]) -> str:
    """Say what the search index should be asked for an event."""
    match event:
        case InsertEvent(new_image=card) | ModifyEvent(new_image=card):
            return told(path(card), document(card))
        case RemoveEvent(old_image=card):
            return told(path(card), None)


def restored(backups: Backups) -> list[Card]:
    """Read the cards that were backed up, as often as they were; a backup that holds none gives none."""
    read_back = (cards.structure(json.loads(body)["Item"]) for body in backups.written)
    return [card.unwrap() for card in read_back if isinstance(card, Success)]
