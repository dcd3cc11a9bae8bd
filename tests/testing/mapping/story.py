"""Two runs with something of everything: one that has to repeat itself, and one that remembers and gives up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Event,
    Failed,
    InsertEvent,
    LambdaFunction,
    UpsertEvent,
    batched,
    lambda_handler,
    on_event,
    on_insert,
    on_upsert,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import Crash, EventSourceMapping, StoreDown, insert_event, modify_event, remove_event
from streamfn.testing._simulator.history import History
from tests.cards import Card, Json, cards


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Succeed always."""
    return Success(event.new_image.title)


def index(events: Sequence[Event[Card]]) -> Result[int, int]:
    """Take many events at once."""
    return Success(len(events))


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


def inserted(number: int, title: str) -> InsertEvent[Card]:
    """Insert a card whose record goes by its number."""
    return insert_event(Card(number, title), event_id=f"id-{number}")


class Backup:
    """A handler that takes a while, and that cannot do with poison."""

    def __init__(self) -> None:
        """Wait for a mapping, whose clock it goes by."""
        self.mapping: EventSourceMapping | None = None

    def back_up(self, event: UpsertEvent[Card]) -> Result[str, int]:
        """Succeed a quarter of a second later, or fail."""
        if self.mapping is not None:
            self.mapping.clock.advance(timedelta(milliseconds=250))
        return Failure(500) if event.new_image.title == "poison" else Success(event.new_image.title)

    def function(self, delivery: Delivery[int]) -> LambdaFunction[str | int, int]:
        """Put it between two others."""
        index_all = on_event(batched(index), name="index")
        process = pipeline(cards, on_insert(announce), on_upsert(self.back_up), index_all)
        return lambda_handler(process, delivery)


def story() -> History:
    """Tell of three handlers and two shards; the process dies in the first invocation, after two calls."""
    backup = Backup()
    mapping = backup.mapping = EventSourceMapping(
        backup.function(retry(report=quiet)),
        batch_size=3,
        maximum_retry_attempts=2,
        shards=2,
        faults=[Crash(invocation=1, after_calls=2)],
    )
    events = [inserted(number, title) for number, title in enumerate(["a", "b", "c", "poison"], 1)]
    return mapping.deliver(*events, remove_event(Card(2, "b"), event_id="id-5"))


def remembered_story() -> History:
    """Tell of a ledger and dead letters: each of them is down once, and two records are broken."""
    delivery = retry(
        ledger=MemoryLedger(),
        dead_letters=MemoryDeadLetters(),
        max_attempts=3,
        patience=timedelta(),
        report=quiet,
    )
    backup = Backup()
    mapping = backup.mapping = EventSourceMapping(
        backup.function(delivery),
        batch_size=3,
        faults=[
            Crash(invocation=1, after_calls=2),
            StoreDown(invocation=3, store="ledger writes"),
            StoreDown(invocation=5, store="dead letters"),
        ],
    )
    sound = [inserted(number, title) for number, title in enumerate(["a", "c", "poison"], 1)]
    broken = undecodable(inserted(4, "d"))
    stranger: Json = {**inserted(5, "e").record.raw, "eventSourceARN": "arn:of:another:table"}
    owned = modify_event(Card(1, "a"), Card(1, "a", "ann"), event_id="id-6")
    return mapping.deliver(*sound, broken, stranger, owned)


def undecodable(event: InsertEvent[Card]) -> Json:
    """Make a record of an event whose image does not fit the model."""
    raw = event.record.raw
    return {**raw, "dynamodb": {**raw["dynamodb"], "NewImage": {"id": {"S": "one"}}}}
