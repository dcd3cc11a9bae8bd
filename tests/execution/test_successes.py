"""What is made without its constructor: nothing tells it from what the constructor makes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from returns.primitives.exceptions import ImmutableStateError
from returns.result import Result, Success

from streamfn import Event, Handled, KeysEvent, UpsertEvent, on_event, on_keys, on_upsert, pipeline
from streamfn._dataclasses import slots_of
from streamfn._execution.calls import HandlerResult, constructed, filled, success
from streamfn._records import StreamRecord
from streamfn.testing import insert_event, lambda_event, modify_event, remove_event
from tests.cards import Card, CardKey, cards

HELLO, BYE = Card(1, "hello"), Card(1, "hello", owner="ada")
INSERTED, MODIFIED, REMOVED = insert_event(HELLO), modify_event(HELLO, BYE), remove_event(BYE)

Make = Callable[[StreamRecord, str, object], HandlerResult]


def test_a_success_is_filled_as_long_as_it_is_what_is_known_of_it() -> None:
    assert success is filled


@pytest.mark.parametrize("make", [filled, constructed])
def test_a_success_is_one_like_all_others(make: Make) -> None:
    expected: HandlerResult = Success(Handled(INSERTED.record, "announce", "hello"))
    made = make(INSERTED.record, "announce", Success("hello"))
    assert (type(made), type(made.unwrap())) == (Success, Handled)
    assert made == expected
    assert (repr(made), hash(made)) == (repr(expected), hash(expected))
    assert [pickle.loads(pickle.dumps(made)), copy.deepcopy(made)] == [expected, expected]  # noqa: S301 (its own)
    assert made.map(lambda handled: handled.value) == Success("hello")
    with pytest.raises(ImmutableStateError):
        made._inner_value = None  # type: ignore[assignment] # pyright: ignore (the point of the test)
    with pytest.raises(AttributeError, match="cannot assign to field 'value'"):
        made.unwrap().value = "bye"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue] (the same)


def test_what_keeps_more_than_its_slots_is_seen_to() -> None:
    class Slotted:
        __slots__ = ("one",)

    class Open(Slotted):
        pass

    assert (slots_of(Slotted), slots_of(Open)) == ({"one"}, {"one", "__dict__"})


def test_events_are_like_those_of_their_constructors() -> None:
    given: list[Event[Card] | UpsertEvent[Card] | KeysEvent[CardKey]] = []

    def keep(event: Event[Card] | UpsertEvent[Card] | KeysEvent[CardKey]) -> Result[None, None]:
        given.append(event)
        return Success(None)

    process = pipeline(
        cards,
        on_event(keep, name="any"),
        on_upsert(keep, name="upsert"),
        on_keys(CardKey, keep, name="keys"),
    )
    process(lambda_event(INSERTED, MODIFIED, REMOVED))
    key = CardKey(1, "hello")
    assert given == [
        INSERTED,
        UpsertEvent(INSERTED.record, HELLO),
        KeysEvent(INSERTED.record, key),
        MODIFIED,
        UpsertEvent(MODIFIED.record, BYE),
        KeysEvent(MODIFIED.record, key),
        REMOVED,
        KeysEvent(REMOVED.record, key),
    ]
    assert [event.handler for event in given[:3]] == ["any", "upsert", "keys"]
    for event in given:
        assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301 (its own)
        with pytest.raises(AttributeError, match="cannot assign to field 'handler'"):
            event.handler = ""  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue] (the point of the test)
