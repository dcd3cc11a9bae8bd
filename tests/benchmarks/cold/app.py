"""A user's function: the table, three handlers and the pipeline."""

from returns.result import Result, Success

from streamfn import (
    InsertEvent,
    ModifyEvent,
    RemoveEvent,
    Table,
    lambda_handler,
    on_insert,
    on_modify,
    on_remove,
    pipeline,
)
from tests.benchmarks.cold.model import Card

cards = Table("prod-Card", Card)


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    """Say that a card has come."""
    return Success(f"announced {event.new_image.title}")


def update(event: ModifyEvent[Card]) -> Result[str, str]:
    """Say that a card has changed."""
    return Success(f"updated {event.new_image.title}")


def back_up(event: RemoveEvent[Card]) -> Result[str, str]:
    """Say that a card has gone."""
    return Success(f"backed up {event.old_image.title}")


process = pipeline(cards, on_insert(announce), on_modify(update), on_remove(back_up))
handler = lambda_handler(process)
