"""Functions of one event where one of many belongs, and the reverse."""

from collections.abc import Sequence

from returns.result import Result, Success

from streamfn import InsertEvent, batched, batched_each, on_insert, on_modify, pipeline
from tests.typing.cards import Card, SlackError, announce, decks, insert_each, insert_many


def answers_plain_values(events: Sequence[InsertEvent[Card]]) -> list[str]:
    return [event.new_image.title for event in events]


def takes_a_set(events: set[InsertEvent[Card]]) -> Result[int, SlackError]:
    return Success(len(events))


batched(announce)  # arg-type, reportArgumentType
batched_each(announce)  # arg-type, reportArgumentType
on_insert(insert_many)  # arg-type, reportArgumentType
on_insert(insert_each)  # arg-type, reportArgumentType
batched(insert_each)  # arg-type, reportArgumentType
batched_each(insert_many)  # arg-type, reportArgumentType
batched_each(answers_plain_values)  # arg-type, reportArgumentType
batched(takes_a_set)  # arg-type, reportArgumentType
batched(insert_many, size="10")  # arg-type, reportArgumentType
batched(insert_many, size=2.5)  # arg-type, reportArgumentType
on_modify(batched(insert_many))  # arg-type, reportArgumentType
on_modify(batched_each(insert_each))  # arg-type, reportArgumentType
pipeline(decks, on_insert(batched(insert_many)))  # misc, reportArgumentType
batched(on_insert(announce))  # arg-type, reportArgumentType
