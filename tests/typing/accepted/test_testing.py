"""What a test of handlers is given has the exact types of what it tests."""

from __future__ import annotations

from typing import assert_type

from hypothesis.strategies import SearchStrategy

from streamfn import (
    AttributeValue,
    Failed,
    InsertEvent,
    KeysEvent,
    ModifyEvent,
    Reason,
    RemoveEvent,
    UpsertEvent,
    on_insert,
    on_modify,
    on_remove,
    pipeline,
)
from streamfn.testing import (
    LambdaEvent,
    failures,
    insert_event,
    keys_event,
    lambda_event,
    modify_event,
    remove_event,
    upsert_event,
    values,
)
from streamfn.testing.strategies import images, items
from tests.typing.cards import (
    Card,
    CardKey,
    S3Error,
    SlackError,
    announce,
    back_up,
    cards,
    rename,
)


def test_events_are_of_the_items_model() -> None:
    card = Card(1, "hello")
    assert_type(insert_event(card), InsertEvent[Card])
    assert_type(insert_event(card, table=cards, event_id="id-1"), InsertEvent[Card])
    assert_type(modify_event(card, card), ModifyEvent[Card])
    assert_type(remove_event(card, expired=True), RemoveEvent[Card])
    assert_type(upsert_event(card), UpsertEvent[Card])
    assert_type(keys_event(CardKey(1), table_name="Card"), KeysEvent[CardKey])
    assert_type(lambda_event(insert_event(card), {}), LambdaEvent)


def test_results_are_taken_apart_without_losing_their_types() -> None:
    process = pipeline(cards, on_insert(announce), on_modify(rename), on_remove(back_up))
    results = process(lambda_event())
    assert_type(values(results), list[str | int | bytes])
    assert_type(failures(results), list[Failed[SlackError | S3Error]])
    for failed in failures(results):
        assert_type(failed.reason, Reason[SlackError | S3Error])


def test_made_up_items_and_images_are_typed() -> None:
    assert_type(items(Card), SearchStrategy[Card])
    assert_type(images(cards), SearchStrategy[dict[str, AttributeValue]])
