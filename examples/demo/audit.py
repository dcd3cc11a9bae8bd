"""Compare what arrived with what the plan says had to arrive, so that "nothing was lost" is checked and not claimed."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from returns.result import Success

from examples.cards.app import Card, cards
from examples.demo.changes import Change, inserted, kept, removed
from examples.demo.logs import failures

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client


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
class Backups:
    """What is in the bucket: the objects by their keys, and how many writes made them."""

    objects: Mapping[str, bytes]
    writes: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Everything that can be seen from outside once the stream is read to its end."""

    table: Sequence[Card]
    messages: Sequence[str]
    backups: Backups
    documents: Mapping[str, Mapping[str, object]]
    accepted: int
    """How many changes the search index took."""
    refused: int
    """How many changes it refused."""
    log: Sequence[str]
    """The lines of the function's log."""


def checks(changes: Sequence[Change], arrived: Arrived) -> list[Check]:
    """Check each thing that has to hold. A message may arrive more often than once, nothing else may."""
    left = kept(changes)
    return [
        compare("The table holds what was written to it", left, arrived.table),
        compare(
            "Every new card was announced in Slack", map(message, inserted(changes)), set(arrived.messages)
        ),
        compare(
            "Every removed card is in S3, equal to what it was", removed(changes), restored(arrived.backups)
        ),
        compare(
            "The search index says what the table says",
            (_line(path(card), document(card)) for card in left),
            (_line(where, what) for where, what in arrived.documents.items()),
        ),
        compare(
            "Every refusal was reported, and nothing else",
            ["index"] * arrived.refused,
            failures(arrived.log).elements(),
        ),
    ]


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


def document(card: Card) -> dict[str, object]:
    """Say what the search index should know of a card."""
    return {"title": card.title, "owner": card.owner, "tags": sorted(card.tags)}


def restored(backups: Backups) -> list[Card]:
    """Read the backed-up cards; an object that holds none gives none, and so goes missing."""
    read = (cards.structure(json.loads(body)["Item"]) for body in backups.objects.values())
    return [card.unwrap() for card in read if isinstance(card, Success)]


def scan(dynamodb: "DynamoDBClient", table_name: str) -> list[Card]:
    """Read the whole table."""
    page = dynamodb.scan(TableName=table_name, ConsistentRead=True)
    items = page["Items"]
    while (last := page.get("LastEvaluatedKey")) is not None:
        page = dynamodb.scan(TableName=table_name, ConsistentRead=True, ExclusiveStartKey=last)
        items += page["Items"]
    return [cards.structure(item).unwrap() for item in items]


def backups_in(bucket: str, s3: "S3Client") -> Backups:
    """Read the whole bucket, which keeps the version of each write."""
    page = s3.list_object_versions(Bucket=bucket)
    versions = page.get("Versions", [])
    while "NextKeyMarker" in page and "NextVersionIdMarker" in page:
        page = s3.list_object_versions(
            Bucket=bucket, KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"]
        )
        versions += page.get("Versions", [])
    keys = sorted({version["Key"] for version in versions})
    objects = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return Backups(objects, writes=len(versions))


def _line(where: str, what: Mapping[str, object]) -> str:
    return f"{where} {json.dumps(what, sort_keys=True)}"
