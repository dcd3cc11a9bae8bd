"""A function with a ledger and dead letters, whose three jobs each ask a service for something.

What the service answers is what comes of a job: it is refused with 503, raises for any other error, and waits for as
long as there is no answer. The job at the path FATAL does instead what FATAL_WAY says.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from returns.result import Failure, Result, Success
from urllib3 import PoolManager

from streamfn import InsertEvent, PartitionKey, Table, lambda_handler, on_insert, pipeline, retry
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from tests.runtime.functions.fatal import WAYS


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table."""

    id: Annotated[int, PartitionKey]
    title: str


class ServiceError(Exception):
    """The service did not work."""


service = PoolManager(retries=False)


def announce(event: InsertEvent[Card]) -> Result[int, int]:
    """Do the first job."""
    return ask("announce", event.new_image)


def index(event: InsertEvent[Card]) -> Result[int, int]:
    """Do the second job."""
    return ask("index", event.new_image)


def back_up(event: InsertEvent[Card]) -> Result[int, int]:
    """Do the third job."""
    return ask("back_up", event.new_image)


def ask(job: str, card: Card) -> Result[int, int]:
    """Ask the service."""
    if os.environ.get("FATAL") == f"/{job}/{card.id}":
        WAYS[os.environ["FATAL_WAY"]]()
    answer = service.request("POST", f"{os.environ['SERVICE_URL']}/{job}/{card.id}", body=card.title)
    if answer.status == 503:
        return Failure(answer.status)
    if answer.status != 200:
        raise ServiceError(card.title)
    return Success(answer.status)


process = pipeline(Table("prod-Card", Card), on_insert(announce), on_insert(index), on_insert(back_up))
handler = lambda_handler(
    process,
    retry(
        ledger=DynamoDBLedger(os.environ["LEDGER_TABLE"]),
        dead_letters=SqsDeadLetters(os.environ["DEAD_LETTERS_URL"]),
        max_attempts=int(os.environ["MAX_ATTEMPTS"]),
        patience=timedelta(),
        write="always" if os.environ["WRITES_ALWAYS"] else "failures",
    ),
    margin=timedelta(seconds=2),
)
