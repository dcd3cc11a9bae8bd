"""What the commands are pointed at: a function of two tables, and what is made of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Failed,
    InsertEvent,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    Table,
    acknowledge,
    batched,
    batched_each,
    changed,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    on_modify,
    on_remove,
    pipeline,
    retry,
    router,
    series,
)
from streamfn._delivery.plain import Process
from streamfn._execution.policy import PlannedTasks, Policy
from streamfn._execution.run import Run
from streamfn._records import Record
from streamfn._time import AlarmClock, Deadline
from streamfn.dead_letters import MemoryDeadLetters, S3DeadLetters, SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger, MemoryLedger


@dataclass(frozen=True, slots=True)
class Card:
    id: Annotated[int, PartitionKey]
    title: str


@dataclass(frozen=True, slots=True)
class Invoice:
    pk: str


@dataclass(frozen=True, slots=True)
class SlackError:
    status: int


def announce(event: InsertEvent[Card]) -> Result[str, SlackError]:
    """Refuse a card without a title, as long as the environment does not say that this is mended."""
    title = event.new_image.title
    if title == "raise":
        raise ValueError("a secret")
    if not title and "MENDED" not in os.environ:
        return Failure(SlackError(400))
    return Success(f"announced {title}")


def back_up(event: InsertEvent[Card] | RemoveEvent[Card]) -> Result[int, str]:
    return Success(event.record.size_bytes or 0)


def retitle(event: ModifyEvent[Card]) -> Result[str, str]:
    return Success(event.new_image.title)


def copy(event: ModifyEvent[Card]) -> Result[str, str]:
    return Success(event.event_id)


def event_id(event: Event[Card]) -> Result[str, str]:
    return Success(event.event_id)


def count(events: Sequence[Event[Invoice]]) -> Result[int, str]:
    return Success(len(events))


def bill(events: Sequence[InsertEvent[Invoice]]) -> Sequence[Result[str, str]]:
    return [Success(event.new_image.pk) for event in events]


def is_due(event: ModifyEvent[Card]) -> bool:
    return bool(event.new_image.title)


cards = Table("prod-Card", Card)
invoices = Table("prod-Main", Invoice, pattern={"dynamodb": {"Keys": {"pk": {"S": [{"prefix": 'i"#'}]}}}})
LETTERS = os.environ.get("LETTERS_URL", "https://sqs.example/letters")

process = pipeline(cards, on_insert(announce), on_insert(back_up), on_remove(back_up))
handler = lambda_handler(
    process,
    retry(
        ledger=DynamoDBLedger("card-ledger"),
        dead_letters=SqsDeadLetters(LETTERS),
        max_attempts=1,
        patience=timedelta(),
        scope="cards",
    ),
)
plain = lambda_handler(process)
dropping = lambda_handler(process, acknowledge(lambda _: None))
remembering = lambda_handler(process, retry(ledger=MemoryLedger()))
to_bucket = lambda_handler(
    process, retry(ledger=MemoryLedger(), dead_letters=S3DeadLetters("letters", prefix="cards"))
)
in_memory = lambda_handler(process, retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters()))

joined = router(
    pipeline(
        cards,
        on_insert(announce, where=lambda event: bool(event.new_image.title)),
        on_modify(retitle, where=changed(lambda card: card.title)),
        on_modify(copy, where=is_due),
    ),
    pipeline(
        invoices,
        on_event(batched(count, size=10)),
        on_insert(batched_each(bill), name='end "of" <invoices>'),
        strategy=concurrent(workers=3),
    ),
)


class Own:
    """A delivery that does nothing with failures."""

    def deliver(
        self, _: Sequence[Record], process: Process[SlackError | str], deadline: Deadline, __: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        process(Policy(deadline))
        return []


class OwnWay:
    """A strategy that leaves it to another one."""

    def run(self, tasks: PlannedTasks, run: Run, /) -> None:
        series.run(tasks, run)


own = lambda_handler(process, Own())
own_way = pipeline(cards, on_remove(back_up), strategy=OwnWay())
everything = pipeline(cards, on_event(event_id))
nothing_wanted = pipeline(Table("prod-Card", Card, pattern={"eventName": ["MODIFY"]}), on_insert(announce))
