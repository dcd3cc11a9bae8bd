"""A whole program, as a user writes it first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from returns.result import Failure, Result, Success

from streamfn import (
    InsertEvent,
    PartitionKey,
    RemoveEvent,
    SortKey,
    Table,
    TimeToLive,
    lambda_handler,
    on_insert,
    on_remove,
    pipeline,
    retry,
)
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from streamfn.testing import insert_event, lambda_event, values


@dataclass(frozen=True, slots=True)
class Card:
    """An item."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    expires_at: Annotated[datetime, TimeToLive] | None = None


@dataclass(frozen=True, slots=True)
class SlackError:
    """Slack refused."""


@dataclass(frozen=True, slots=True)
class S3Error:
    """S3 refused."""


cards = Table("prod-Card", Card)


def announce(event: InsertEvent[Card]) -> Result[str, SlackError]:
    if not event.new_image.title:
        return Failure(SlackError())
    return Success(f"announced {event.new_image.title}")


def back_up(event: RemoveEvent[Card]) -> Result[str, S3Error]:
    if event.expired:
        return Failure(S3Error())
    return Success(f"backed up {event.old_image.title}")


queue_url = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters"

process = pipeline(cards, on_insert(announce), on_remove(back_up))
handler = lambda_handler(
    process, retry(ledger=DynamoDBLedger("card-ledger"), dead_letters=SqsDeadLetters(queue_url))
)


def test_it_answers_lambda() -> None:
    assert {"batchItemFailures": []} == handler({"Records": []}, None)


def test_new_card_is_announced() -> None:
    results = process(lambda_event(insert_event(Card(1, "hello"))))
    assert values(results) == ["announced hello"]
