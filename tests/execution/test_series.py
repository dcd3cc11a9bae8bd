"""In series: who is called when, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    InsertEvent,
    Refused,
    batched,
    batched_each,
    on_event,
    on_insert,
    on_modify,
    pipeline,
)
from streamfn._execution.policy import Policy
from streamfn.testing import failures, insert_event, lambda_event, modify_event, values
from tests.cards import Card, cards

A, B, C = (insert_event(Card(number, title)) for number, title in enumerate("abc"))
A_AGAIN = modify_event(Card(0, "a"), Card(0, "a", owner="ada"))

Calls = list[tuple[str, str]]


def title(event: Event[Card]) -> str:
    """Give the title of the item that an event is about."""
    return cards.structure_keys(Card, event.record.keys).unwrap().title


def single(name: str, calls: Calls) -> Callable[[Event[Card]], Result[str, str]]:
    """Make a handler of one event that keeps what it is called with."""

    def handle(event: Event[Card]) -> Result[str, str]:
        calls.append((name, title(event)))
        return Success(title(event))

    return handle


def chunked(name: str, calls: Calls) -> Callable[[Sequence[Event[Card]]], Result[str, str]]:
    """Make a handler of many events that keeps what it is called with."""

    def handle(events: Sequence[Event[Card]]) -> Result[str, str]:
        calls.append((name, "".join(map(title, events))))
        return Success("".join(map(title, events)))

    return handle


def test_records_come_in_order_and_handlers_in_order_within_each() -> None:
    calls: Calls = []
    process = pipeline(
        cards, on_event(single("one", calls), name="one"), on_event(single("two", calls), name="two")
    )
    assert values(process(lambda_event(A, B))) == ["a", "a", "b", "b"]
    assert calls == [("one", "a"), ("two", "a"), ("one", "b"), ("two", "b")]


def test_a_failure_keeps_no_other_handler_and_no_other_record() -> None:
    calls: Calls = []

    def refuse(event: Event[Card]) -> Result[str, str]:
        return Failure(title(event))

    process = pipeline(cards, on_event(refuse), on_event(single("one", calls), name="one"))
    results = process(lambda_event(A, B))
    assert calls == [("one", "a"), ("one", "b")]
    assert [each.reason for each in failures(results)] == [Refused("a"), Refused("b")]


def test_a_handler_of_many_events_gets_the_batch_at_its_end() -> None:
    calls: Calls = []
    process = pipeline(
        cards,
        on_event(batched(chunked("many", calls)), name="many"),
        on_event(single("one", calls), name="one"),
    )
    results = process(lambda_event(A, B, C))
    assert calls == [("one", "a"), ("one", "b"), ("one", "c"), ("many", "abc")]
    assert values(results) == ["abc", "a", "abc", "b", "abc", "c"], "by record, then by order of declaration"


def test_chunks_have_at_most_their_size_and_follow_the_single_handlers_of_their_records() -> None:
    calls: Calls = []
    process = pipeline(
        cards,
        on_event(batched(chunked("many", calls), size=2), name="many"),
        on_event(single("one", calls), name="one"),
    )
    process(lambda_event(A, B, C))
    assert calls == [("one", "a"), ("one", "b"), ("many", "ab"), ("one", "c"), ("many", "c")]


def test_an_item_appears_at_most_once_in_a_chunk() -> None:
    calls: Calls = []
    process = pipeline(cards, on_event(batched(chunked("many", calls)), name="many"))
    process(lambda_event(A, B, A_AGAIN, C))
    assert calls == [("many", "ab"), ("many", "ac")]


def test_the_failure_of_a_chunk_is_that_of_each_of_its_events() -> None:
    def refuse(_: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        return Failure("no")

    found = failures(pipeline(cards, on_insert(batched(refuse, size=2)))(lambda_event(A, B, C)))
    assert [each.reason for each in found] == [Refused("no")] * 3
    assert [each.record for each in found] == [A.record, B.record, C.record]


def test_a_handler_can_answer_for_each_event_of_a_chunk() -> None:
    def vowels(events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
        return [Success(title(each)) if title(each) in "aeiou" else Failure(title(each)) for each in events]

    results = pipeline(cards, on_insert(batched_each(vowels)))(lambda_event(A, B, C))
    assert values(results) == ["a"]
    assert [each.reason for each in failures(results)] == [Refused("b"), Refused("c")]


def test_a_chunk_holds_what_the_handler_wants_and_what_can_be_read() -> None:
    calls: Calls = []
    broken = lambda_event(B)["Records"][0]
    broken["dynamodb"]["NewImage"] = {}
    process = pipeline(
        cards,
        on_insert(batched(chunked("many", calls)), name="many", where=lambda event: title(event) != "a"),
    )
    results = process(lambda_event(A, broken, C))
    assert calls == [("many", "c")]
    assert (values(results), len(failures(results))) == (["c"], 1)


def test_one_function_under_two_registrations_keeps_one_chunk() -> None:
    calls: Calls = []
    many = batched(chunked("many", calls))
    pipeline(cards, on_insert(many, name="many"), on_modify(many, name="many"))(lambda_event(B, A_AGAIN))
    assert calls == [("many", "ba")]


@pytest.mark.parametrize("size", [1, 2, 3, None])
def test_nothing_to_do_is_no_call(size: int | None) -> None:
    calls: Calls = []
    process = pipeline(cards, on_modify(batched(chunked("many", calls), size=size), name="many"))
    assert (process(lambda_event(A, B)), calls) == ([], [])


def test_without_a_memory_nothing_is_tried_again() -> None:
    policy = Policy()
    assert (policy.is_due, policy.due(), policy.rests()) == (False, (), True)
