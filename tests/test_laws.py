"""What holds for every batch, under each delivery; and broken deliveries, to show that the laws bite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Event,
    Failed,
    InsertEvent,
    Strategy,
    acknowledge,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn._delivery.plain import Process
from streamfn._execution.policy import Policy, StopAtFirstFailure
from streamfn._records import Record, sequence_order
from streamfn._time import AlarmClock, Deadline
from streamfn.testing import insert_event, lambda_event
from tests.cards import Card, cards


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that a handler fails on or not, and the sequence number that the first of them has."""

    fails: tuple[bool, ...]
    first_number: int

    def events(self) -> list[InsertEvent[Card]]:
        """Make an event for each record; each is of an item of its own."""
        return [
            insert_event(Card(index, "x", owner="fails" if fails else None), sequence_number=str(number))
            for index, fails in enumerate(self.fails)
            for number in [self.first_number + index]
        ]


batches = st.builds(
    Batch, st.lists(st.booleans(), max_size=8).map(tuple), st.integers(0, 12) | st.integers(0, 10**30)
)


def prefix_law(delivery: Delivery[str], batch: Batch) -> None:
    """Handlers see the records up to the first failure and no more, and the answer names that record."""
    seen: list[int] = []

    def handle(event: InsertEvent[Card]) -> Result[None, str]:
        seen.append(event.new_image.id)
        return Failure("no") if event.new_image.owner else Success(None)

    answer = lambda_handler(pipeline(cards, on_insert(handle)), delivery)(lambda_event(*batch.events()), None)
    first = batch.fails.index(True) if True in batch.fails else None
    assert seen == list(range(len(batch.fails) if first is None else first + 1))
    failing = [] if first is None else [{"itemIdentifier": str(batch.first_number + first)}]
    assert answer == {"batchItemFailures": failing}


@given(batches)
def test_retry_obeys_the_prefix_law(batch: Batch) -> None:
    prefix_law(retry(report=quiet), batch)


@dataclass(frozen=True, slots=True)
class Broken:
    """A delivery of which a part is wrong."""

    stops: bool
    choose: Callable[[list[str]], str]

    def deliver(
        self, _: Sequence[Record], process: Process[str], deadline: Deadline, __: AlarmClock, /
    ) -> list[Failed[str]]:
        """Have one of the failed records come again."""
        results = process(StopAtFirstFailure(deadline) if self.stops else Policy(deadline))
        failures = [result.failure() for result in results if isinstance(result, Failure)]
        chosen = self.choose([failed.record.sequence_number or "" for failed in failures] or [""])
        return [failed for failed in failures if failed.record.sequence_number == chosen]


def lowest(numbers: list[str]) -> str:
    """Choose as one should."""
    return min(numbers, key=sequence_order)


def highest(numbers: list[str]) -> str:
    """Choose what would settle failed records."""
    return max(numbers, key=sequence_order)


def first_as_text(numbers: list[str]) -> str:
    """Choose by how numbers are spelt."""
    return min(numbers)


def none_of_them(_: list[str]) -> str:
    """Choose what settles the failed record."""
    return "none"


@given(batches)
def test_a_delivery_written_rightly_obeys_it_too(batch: Batch) -> None:
    prefix_law(Broken(stops=True, choose=lowest), batch)


@pytest.mark.parametrize(
    "broken",
    [
        Broken(stops=True, choose=highest),
        Broken(stops=True, choose=first_as_text),
        Broken(stops=True, choose=none_of_them),
        Broken(stops=False, choose=lowest),
        acknowledge(quiet),
    ],
    ids=["highest number", "numbers as text", "the record after", "does not stop", "acknowledge"],
)
def test_a_broken_delivery_is_caught(broken: Delivery[str]) -> None:
    @settings(report_multiple_bugs=False)
    @given(batches)
    def law(batch: Batch) -> None:
        prefix_law(broken, batch)

    with pytest.raises(AssertionError):
        law()


@given(batches, st.sampled_from([series, concurrent(workers=3)]))
def test_under_acknowledge_every_handler_sees_every_record_once(batch: Batch, strategy: Strategy) -> None:
    seen: list[tuple[str, int]] = []
    reported: list[str | None] = []

    def one(event: Event[Card]) -> Result[None, str]:
        assert isinstance(event, InsertEvent)
        seen.append(("one", event.new_image.id))
        return Failure("no") if event.new_image.owner else Success(None)

    def two(event: InsertEvent[Card]) -> Result[None, str]:
        seen.append(("two", event.new_image.id))
        raise ValueError

    process = pipeline(cards, on_event(one), on_insert(two), strategy=strategy)
    handler = lambda_handler(process, acknowledge(lambda failed: reported.append(failed.handler)))
    assert handler(lambda_event(*batch.events()), None) == {"batchItemFailures": []}
    numbers = range(len(batch.fails))
    assert sorted(seen) == [(name, number) for name in ("one", "two") for number in numbers]
    assert reported == [name for fails in batch.fails for name in (["one", "two"] if fails else ["two"])]


@given(batches, st.sampled_from([series, concurrent(workers=3)]))
def test_every_wanted_pair_has_one_result_in_its_place(batch: Batch, strategy: Strategy) -> None:
    def one(event: InsertEvent[Card]) -> Result[None, str]:
        return Failure("no") if event.new_image.owner else Success(None)

    def two(event: InsertEvent[Card]) -> Result[None, str]:
        return one(event)

    process = pipeline(
        cards,
        on_insert(one),
        on_insert(two, where=lambda event: event.new_image.id % 2 == 0),
        strategy=strategy,
    )
    events = batch.events()
    results = process(lambda_event(*events))
    found = [
        (each.handler, each.record)
        for result in results
        for each in [result.failure() if isinstance(result, Failure) else result.unwrap()]
    ]
    assert found == [
        (name, event.record)
        for index, event in enumerate(events)
        for name in (["one", "two"] if index % 2 == 0 else ["one"])
    ]
