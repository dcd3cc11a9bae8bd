"""The table that most tests are about, and records of it as they come over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from streamfn import PartitionKey, SortKey, Table


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of an item of the table."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What handlers fail with here."""

    code: int


cards: Final = Table("prod-Card", Card)

STREAM: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"

Json = dict[str, object]


def record(
    number: int = 1,
    event_name: str = "INSERT",
    *,
    change: Json | None = None,
    without: str = "",
    **fields: object,
) -> Json:
    """Make a record by hand, for tests of what it is when parts of it are other than they should be.

    `fields` replace those of the record, `change` those of its part ``dynamodb``; `without` names one to leave out.
    """
    image = {"id": {"N": str(number)}, "title": {"S": "hello"}}
    images = {"INSERT": ["NewImage"], "MODIFY": ["OldImage", "NewImage"], "REMOVE": ["OldImage"]}
    dynamodb: Json = {
        "ApproximateCreationDateTime": 1_700_000_000.5,
        "Keys": dict(image),
        **{name: dict(image) for name in images.get(event_name, [])},
        "SequenceNumber": str(number),
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        **(change or {}),
    }
    made: Json = {
        "eventID": f"id-{number}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
        "dynamodb": dynamodb,
        **fields,
    }
    made.pop(without, None)
    dynamodb.pop(without, None)
    return made


def event(*records: object) -> Json:
    """Make what Lambda hands to a function."""
    return {"Records": list(records)}
