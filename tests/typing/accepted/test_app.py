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


process = pipeline(cards, on_insert(announce), on_remove(back_up))
handler = lambda_handler(process, retry())


def test_it_answers_lambda() -> None:
    assert {"batchItemFailures": []} == handler({"Records": []}, None)
