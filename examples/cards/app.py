"""Follow the table of cards: announce new cards, keep the search index up to date, back removed cards up.

Lambda calls `handler` with a batch of the table's stream. Each job is a function of one typed event that answers a
`Result`. A failed record comes again to the job that failed and to no other, which is what the ledger is for. One that
fails five times while its job works for others becomes a dead letter, which is not lost and holds nothing up. A job
that is down is waited for, two hours at most. Where the outside world is comes from the environment (`template.yaml`
sets it), and each client is made once, when the first event needs it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from typing import Annotated, Protocol
from urllib.parse import quote

from returns.result import Failure, Result, Success
from slack_sdk.webhook import WebhookClient
from urllib3 import PoolManager

from streamfn import (
    Event,
    InsertEvent,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    SortKey,
    Table,
    TimeToLive,
    lambda_handler,
    on_event,
    on_insert,
    on_remove,
    pipeline,
    retry,
)
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger


@dataclass(frozen=True, slots=True)
class Card:
    """One item of the table."""

    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    owner: str | None = None
    tags: frozenset[str] = frozenset()
    expires_at: Annotated[datetime, TimeToLive] | None = None


cards = Table(os.environ.get("CARDS_TABLE", "prod-Card"), Card)


@dataclass(frozen=True, slots=True)
class SlackError:
    """Slack refused a message with this HTTP status."""

    status: int


@dataclass(frozen=True, slots=True)
class S3Error:
    """S3 refused an object with this error code, such as ``AccessDenied``."""

    code: str


@dataclass(frozen=True, slots=True)
class SearchError:
    """The search index refused a change with this HTTP status."""

    status: int


def announce(event: InsertEvent[Card]) -> Result[str, SlackError]:
    """Tell Slack of a new card."""
    card = event.new_image
    # Escaped, or a title such as <!channel> would call everybody.
    answer = slack().send(text=f"New card {card.id}: {escape(card.title, quote=False)}")
    if answer.status_code != 200:
        return Failure(SlackError(answer.status_code))
    return Success(f"announced {card.title}")


def back_up(event: RemoveEvent[Card]) -> Result[str, S3Error]:
    """Store a removed card in S3, as the line that DynamoDB's import from S3 reads.

    The object goes by the event's identifier, so that a repeated delivery writes the same object again.
    """
    from botocore.exceptions import ClientError  # here, for the reason that `s3` gives

    card = event.old_image
    key = f"cards/{card.id}/{event.record.event_id}.json"
    body = json.dumps({"Item": cards.unstructure(card)}).encode()
    try:
        s3().put_object(Bucket=os.environ["BACKUP_BUCKET"], Key=key, Body=body)
    except ClientError as error:
        return Failure(S3Error(error.response.get("Error", {}).get("Code", "unknown")))
    return Success(f"backed up {card.title}")


def index(event: Event[Card]) -> Result[str, SearchError]:
    """Make the search index say what the table says; doing so twice changes nothing."""
    match event:
        case InsertEvent(new_image=card) | ModifyEvent(new_image=card):
            document = {"title": card.title, "owner": card.owner, "tags": sorted(card.tags)}
            answer = search().request("PUT", document_url(card), json=document)
        case RemoveEvent(old_image=card):
            answer = search().request("DELETE", document_url(card))
            if answer.status == 404:
                return Success(f"{card.title} was not indexed")
    if answer.status >= 300:
        return Failure(SearchError(answer.status))
    return Success(f"indexed {card.title}")


def document_url(card: Card) -> str:
    """Name a card's document in the search index; both parts of the key tell cards apart."""
    return f"{os.environ['SEARCH_URL']}/cards/{card.id}/{quote(card.title, safe='')}"


@cache
def slack() -> WebhookClient:
    """Make the client of Slack's webhook."""
    return WebhookClient(webhook_url(), timeout=5)


class SecretsClient(Protocol):
    """The call of boto3's client of Secrets Manager that this function makes."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, object]:
        """Get a secret."""
        ...


def webhook_url() -> str:
    """Find where Slack takes messages: in a secret, because whoever knows the URL can post.

    Where there are no secrets, as on a machine of your own, `SLACK_WEBHOOK_URL` says it.
    """
    if url := os.environ.get("SLACK_WEBHOOK_URL"):
        return url
    import boto3  # here, for the reason that `s3` gives

    secrets: SecretsClient = boto3.client("secretsmanager")
    return str(secrets.get_secret_value(SecretId=os.environ["SLACK_WEBHOOK_SECRET"])["SecretString"])


@cache
def search() -> PoolManager:
    """Make the connections to the search index."""
    return PoolManager(timeout=5, retries=False)


class BackupClient(Protocol):
    """The calls of boto3's client of S3 that this function makes: boto3-stubs and types-boto3 both fit it."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:
        """Store an object."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@cache
def s3() -> BackupClient:
    """Make the client of S3."""
    import boto3  # here, because only a removed card needs it, and every cold start would pay for it

    return boto3.client("s3")


process = pipeline(cards, on_insert(announce), on_remove(back_up), on_event(index))
# A letter that cannot be stored, for want of a queue say, is none: its record goes on coming again. Cards are small;
# items whose images outgrow a message of SQS need `overflow=` as well, or their letters are kept without the images.
handler = lambda_handler(
    process,
    retry(
        ledger=DynamoDBLedger(os.environ.get("LEDGER_TABLE", "card-ledger")),
        dead_letters=SqsDeadLetters(os.environ.get("DEAD_LETTERS_URL", "https://sqs.example/letters")),
    ),
)
