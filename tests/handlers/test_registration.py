"""Registering handlers: their names, and what they want to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from returns.result import Result, Success

from streamfn import (
    ConfigurationError,
    InsertEvent,
    ModifyEvent,
    Raised,
    batched,
    chain,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
)
from streamfn.testing import failures, insert_event, lambda_event, modify_event, values
from tests.cards import Card, CardKey, cards


def announce(event: InsertEvent[Card]) -> Result[str, None]:
    """Succeed with the title."""
    return Success(event.new_image.title)


def retitled(event: ModifyEvent[Card]) -> Result[str, None]:
    """Succeed with the new title."""
    return Success(event.new_image.title)


@dataclass(frozen=True, slots=True)
class Announcer:
    """A handler that holds what it needs."""

    prefix: str

    def __call__(self, event: InsertEvent[Card]) -> Result[str, None]:
        """Succeed with the title, prefixed."""
        return Success(self.prefix + event.new_image.title)

    def announce(self, event: InsertEvent[Card]) -> Result[str, None]:
        """Do the same, by a name."""
        return self(event)


def prefixed(prefix: str, event: InsertEvent[Card]) -> Result[str, None]:
    """Succeed with the title, prefixed."""
    return Success(prefix + event.new_image.title)


def many(events: Sequence[InsertEvent[Card]]) -> Result[int, None]:
    """Succeed with how many there are."""
    return Success(len(events))


def check(title: str) -> Result[str, None]:
    """Pass a title on."""
    return Success(title)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("announce", on_insert(announce)),
        ("tell_slack", on_insert(announce, name="tell_slack")),
        ("announce", on_insert(Announcer("New: ").announce)),
        ("prefixed", on_insert(partial(prefixed, "New: "))),
        ("many", on_insert(batched(many))),
        ("many", on_insert(batched(partial(many)))),
        ("announce_then_check", on_insert(chain(announce, check))),
        ("announcer", on_insert(Announcer("New: "), name="announcer")),
    ],
)
def test_a_handler_goes_by_the_name_of_its_function_unless_it_is_given_one(name: str, given: object) -> None:
    assert getattr(given, "name", None) == name


def test_a_callable_without_a_name_needs_one() -> None:
    with pytest.raises(
        ConfigurationError, match="a handler of type Announcer has no name of its own: pass name="
    ):
        on_insert(Announcer("New: "))


def test_where_says_which_events_a_handler_wants() -> None:
    process = pipeline(
        cards,
        on_insert(announce, where=lambda event: event.new_image.owner is None),
    )
    given = lambda_event(insert_event(Card(1, "hello")), insert_event(Card(2, "bye", owner="ada")))
    assert values(process(given)) == ["hello"]


def test_changed_asks_whether_what_it_gets_from_the_images_differs() -> None:
    process = pipeline(cards, on_modify(retitled, where=changed(lambda card: card.owner)))
    given = lambda_event(
        modify_event(Card(1, "same"), Card(1, "same")),
        modify_event(Card(2, "owned"), Card(2, "owned", owner="ada")),
    )
    assert values(process(given)) == ["owned"]


def test_every_kind_takes_a_where() -> None:
    """A handler that wants nothing has no Results, not even empty ones."""
    process = pipeline(
        cards,
        on_insert(lambda _: Success(1), name="insert", where=lambda _: False),
        on_modify(lambda _: Success(1), name="modify", where=lambda _: False),
        on_remove(lambda _: Success(1), name="remove", where=lambda _: False),
        on_upsert(lambda _: Success(1), name="upsert", where=lambda _: False),
        on_event(lambda _: Success(1), name="event", where=lambda _: False),
        on_keys(CardKey, lambda _: Success(1), name="keys", where=lambda _: False),
    )
    given = lambda_event(insert_event(Card(1, "hello")), modify_event(Card(1, "hello"), Card(1, "hello")))
    assert process(given) == []


def test_a_where_whose_answer_is_neither_true_nor_false_has_failed() -> None:
    """As that of numpy's arrays, which are compared element by element."""

    class Array:
        def __bool__(self) -> bool:
            raise ValueError("ambiguous")

    def handle(_: InsertEvent[Card]) -> Result[None, str]:
        return Success(None)

    # A type checker says so too; here nobody has asked one.
    process = pipeline(cards, on_insert(handle, where=lambda _: Array()))  # type: ignore[arg-type,return-value] # pyright: ignore[reportArgumentType]
    (failed,) = failures(process(lambda_event(insert_event(Card(1, "a")))))
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, ValueError)
