"""What each `on_…` makes of each kind of function; the type checkers hold the types, the run that none is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Never, assert_type

from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Handler,
    InsertEvent,
    KeysEvent,
    ModifyEvent,
    Outcome,
    RemoveEvent,
    UpsertEvent,
    batched,
    batched_each,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
)
from tests.typing.cards import (
    Card,
    CardKey,
    S3Error,
    SlackError,
    announce,
    audit,
    back_up,
    follow,
    index,
    insert_each,
    insert_each_later,
    insert_impurely,
    insert_in_future,
    insert_later,
    insert_many,
    insert_many_later,
    invalidate,
    rename,
)


def test_each_kind_of_event_has_a_registration_of_its_own() -> None:
    assert_type(on_insert(announce), Handler[Card, str, SlackError])
    assert_type(on_modify(rename), Handler[Card, int, SlackError])
    assert_type(on_remove(back_up), Handler[Card, bytes, S3Error])
    assert_type(on_upsert(index), Handler[Card, str, S3Error])
    assert_type(on_event(audit), Handler[Card, float, S3Error])
    assert_type(on_keys(CardKey, invalidate), Handler[object, int, SlackError])


def test_a_handler_answers_now_or_later_marked_as_impure_or_not() -> None:
    assert_type(on_insert(insert_later), Handler[Card, str, SlackError])
    assert_type(on_insert(insert_impurely), Handler[Card, str, SlackError])
    assert_type(on_insert(insert_in_future), Handler[Card, str, SlackError])


def test_a_handler_of_many_events_goes_where_one_of_a_single_event_goes() -> None:
    assert_type(on_insert(batched(insert_many)), Handler[Card, str, SlackError])
    assert_type(on_insert(batched(insert_many_later, size=10)), Handler[Card, str, SlackError])
    assert_type(on_insert(batched_each(insert_each)), Handler[Card, str, SlackError])
    assert_type(on_insert(batched_each(insert_each_later, size=10)), Handler[Card, str, SlackError])


def test_every_kind_of_event_can_be_batched() -> None:
    def many(events: Sequence[Event[Card]]) -> Result[int, SlackError]:
        return Success(len(events))

    def each_key(events: Sequence[KeysEvent[CardKey]]) -> list[Result[int, SlackError]]:
        return [Success(event.keys.id) for event in events]

    def each_upsert(events: Sequence[UpsertEvent[Card]]) -> list[Result[int, SlackError]]:
        return [Success(event.new_image.id) for event in events]

    assert_type(on_insert(batched(many)), Handler[Card, int, SlackError])
    assert_type(on_modify(batched(many)), Handler[Card, int, SlackError])
    assert_type(on_remove(batched(many)), Handler[Card, int, SlackError])
    assert_type(on_event(batched(many)), Handler[Card, int, SlackError])
    assert_type(on_keys(CardKey, batched_each(each_key)), Handler[object, int, SlackError])
    assert_type(on_upsert(batched_each(each_upsert)), Handler[Card, int, SlackError])


def test_a_batched_function_can_be_called_with_one_event() -> None:
    def call(event: InsertEvent[Card]) -> None:
        assert_type(batched(insert_many)(event), Outcome[str, SlackError])
        assert_type(batched_each(insert_each)(event), Outcome[str, SlackError])

    assert callable(call)


def test_a_handler_of_two_kinds_is_registered_for_both() -> None:
    assert_type(on_modify(follow), Handler[Card, str, SlackError])
    assert_type(on_remove(follow), Handler[Card, str, SlackError])


def test_a_handler_of_all_kinds_can_be_registered_for_one() -> None:
    assert_type(on_insert(audit), Handler[Card, float, S3Error])
    assert_type(on_modify(audit), Handler[Card, float, S3Error])
    assert_type(on_remove(audit), Handler[Card, float, S3Error])


def test_where_knows_its_event() -> None:
    assert_type(
        on_insert(announce, where=lambda event: event.new_image.id > 1), Handler[Card, str, SlackError]
    )
    assert_type(on_modify(rename, where=changed(lambda card: card.title)), Handler[Card, int, SlackError])
    assert_type(
        on_modify(follow, where=changed(lambda card: (card.id, card.title)), name="moved"),
        Handler[Card, str, SlackError],
    )
    assert_type(on_remove(back_up, where=lambda event: not event.expired), Handler[Card, bytes, S3Error])
    assert_type(
        on_upsert(index, where=lambda event: bool(event.new_image.title)), Handler[Card, str, S3Error]
    )
    assert_type(on_event(audit, where=lambda event: event.event_id != ""), Handler[Card, float, S3Error])
    assert_type(
        on_keys(CardKey, invalidate, where=lambda event: event.keys.id > 1), Handler[object, int, SlackError]
    )
    assert_type(
        on_insert(batched(insert_many), where=lambda event: event.new_image.id > 1),
        Handler[Card, str, SlackError],
    )


def test_changed_takes_a_named_function() -> None:
    def title(card: Card) -> str:
        return card.title

    assert_type(changed(title), Callable[[ModifyEvent[Card]], bool])
    assert_type(on_modify(rename, where=changed(title)), Handler[Card, int, SlackError])


def test_a_handler_that_cannot_fail_or_cannot_succeed_says_so() -> None:
    def never_fails(event: InsertEvent[Card]) -> Result[int, Never]:
        return Success(event.new_image.id)

    def never_succeeds(_: InsertEvent[Card]) -> Result[Never, S3Error]:
        return Failure(S3Error())

    assert_type(on_insert(never_fails), Handler[Card, int, Never])
    assert_type(on_insert(never_succeeds), Handler[Card, Never, S3Error])


def test_methods_and_callable_objects_are_handlers() -> None:
    class Slack:
        def announce(self, event: InsertEvent[Card]) -> Result[str, SlackError]:
            return Success(event.new_image.title)

        def __call__(self, event: RemoveEvent[Card]) -> Result[int, SlackError]:
            return Success(event.old_image.id)

    assert_type(on_insert(Slack().announce), Handler[Card, str, SlackError])
    assert_type(on_remove(Slack(), name="slack"), Handler[Card, int, SlackError])


def test_an_event_of_a_model_is_one_of_a_wider_model() -> None:
    def widen(event: InsertEvent[Card], keys: KeysEvent[CardKey]) -> tuple[Event[object], KeysEvent[object]]:
        return event, keys

    assert callable(widen)
