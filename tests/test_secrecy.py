"""Logs leak: no `repr`, message or report shows what is in an item, only what identifies it."""

from __future__ import annotations

import logging

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Failed,
    InsertEvent,
    KeysEvent,
    MissingImage,
    Misuse,
    RemoveEvent,
    Stopped,
    Table,
    Unrouted,
    acknowledge,
    lambda_handler,
    log_failure,
    on_insert,
    on_keys,
    on_remove,
    pipeline,
    retry,
)
from streamfn.testing import insert_event, keys_event, lambda_event, modify_event, remove_event, upsert_event
from tests.cards import Card, CardKey, Refusal, cards, event, record

SECRET = "hunter2"  # noqa: S105 (it stands for a person's data)
ITEM = Card(1, SECRET, owner=SECRET)
GIVEN = insert_event(ITEM, event_id="id-1", sequence_number="1")


def refuse(event: InsertEvent[Card]) -> Result[str, str]:
    """Fail with what is in the item."""
    return Failure(event.new_image.title)


def raise_it(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise what is in the item."""
    raise ValueError(event.new_image.title)


def hand_back(event: InsertEvent[Card]) -> Result[Card, str]:
    """Succeed with the item."""
    return Success(event.new_image)


def keyed(_: KeysEvent[CardKey]) -> Result[None, Refusal]:
    """Fail."""
    return Failure(Refusal(1))


process = pipeline(
    cards, on_insert(refuse), on_insert(raise_it), on_insert(hand_back), on_keys(CardKey, keyed)
)

BROKEN = event(
    record(1, change={"NewImage": {"id": {"S": SECRET}, "title": {"N": SECRET}, SECRET: {"S": SECRET}}}),
    record(2, eventName=SECRET),
    record(3, dynamodb=SECRET),
    record(4, change={"Keys": SECRET}),
    {SECRET: SECRET},
    SECRET,
)


def test_results_show_no_data() -> None:
    results = [*process(lambda_event(GIVEN)), *process(BROKEN)]
    assert len(results) == 13
    assert SECRET not in repr(results)
    assert SECRET not in str([str(result) for result in results])


def test_a_success_shows_what_identifies_it() -> None:
    (handled,) = pipeline(cards, on_insert(hand_back))(lambda_event(GIVEN))
    assert repr(handled.unwrap()) == f"Handled('hand_back', {GIVEN.record!r}, Card)"


@pytest.mark.parametrize(
    "given",
    [
        GIVEN,
        modify_event(ITEM, ITEM),
        remove_event(ITEM),
        upsert_event(ITEM),
        keys_event(CardKey(1, SECRET)),
    ],
)
def test_events_show_no_data(given: object) -> None:
    assert SECRET not in repr(given)


@pytest.mark.parametrize("delivery", [retry(), acknowledge()], ids=["retry", "acknowledge"])
def test_the_log_shows_no_data(delivery: Delivery[object], caplog: pytest.LogCaptureFixture) -> None:
    handler = lambda_handler(process, delivery)
    with caplog.at_level(logging.DEBUG):
        handler(lambda_event(GIVEN, insert_event(ITEM)), None)
    assert len(caplog.records) >= 3
    assert SECRET not in caplog.text


def test_the_log_has_a_line_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    for reason in (Stopped(), Unrouted(None), MissingImage("NewImage", None)):
        log_failure(Failed(GIVEN.record, "refuse", reason))
    assert [type(each.msg) for each in caplog.records] == [str] * 3


def test_values_are_shown_to_those_who_ask_for_them() -> None:
    open_cards = Table("prod-Card", Card, include_values=True)
    reason = open_cards.structure({"id": {"S": SECRET}, "title": {"S": "hello"}}).failure()
    assert str(reason) == "$.id: expected N, got S: {'S': 'hunter2'}"


def test_an_expired_removal_is_told_from_another() -> None:
    def expired(event: RemoveEvent[Card]) -> Result[bool, str]:
        return Success(event.expired)

    results = pipeline(cards, on_remove(expired))(
        lambda_event(remove_event(ITEM), remove_event(ITEM, expired=True))
    )
    assert [result.unwrap().value for result in results] == [False, True]


def test_misuse_is_a_type_error() -> None:
    """So that those who expect Python's own find it."""
    assert issubclass(Misuse, TypeError)
