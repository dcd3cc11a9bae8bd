"""How often a service that is down is called: by handlers of many events, under a delivery that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Pipeline,
    Strategy,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import EventSourceMapping, insert_event, lambda_event
from tests.delivery.jobs import Note, notes, quiet

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)

RECORDS: Final = 1_000
CHUNK: Final = 500
CHUNKS: Final = RECORDS // CHUNK
MOST_IN_A_ROW: Final = RECORDS.bit_length() + 2
"""How many calls may fail one after the other before a handler is called no more often than without failures."""


class Service:
    """Takes many notes at once. It is down for a time, and refuses some notes for good."""

    def __init__(self, *poison: int) -> None:
        """Be up at first."""
        self.poison = frozenset(poison)
        self.down_for = timedelta()
        self.calls: list[list[int]] = []
        self.taken: list[int] = []
        self.mapping: EventSourceMapping | None = None

    def take(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """Take all or none."""
        numbers = [int(event.event_id) for event in events]
        self.calls.append(numbers)
        if self.is_down or not self.poison.isdisjoint(numbers):
            return Failure("no")
        self.taken += numbers
        return Success("yes")

    def take_each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Take those that can be taken."""
        numbers = [int(event.event_id) for event in events]
        self.calls.append(numbers)
        taken = [number for number in numbers if not self.is_down and number not in self.poison]
        self.taken += taken
        return [Success("yes") if number in taken else Failure("no") for number in numbers]

    def raise_for_each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Take all or none, and say for none what came of it."""
        if isinstance(self.take(events), Failure):
            raise ConnectionError
        return [Success("yes") for _ in events]

    @property
    def is_down(self) -> bool:
        """Whether it is."""
        assert self.mapping is not None
        return self.mapping.clock.now - self.begun < self.down_for

    def run(
        self, process: Pipeline[str, str], letters: MemoryDeadLetters | None = None
    ) -> EventSourceMapping:
        """Deliver a thousand notes."""
        delivery = retry(
            ledger=MemoryLedger(), dead_letters=letters, max_attempts=2, patience=timedelta(), report=quiet
        )
        if letters is None:
            delivery = retry(ledger=MemoryLedger(), report=quiet)
        self.mapping = EventSourceMapping(lambda_handler(process, delivery), batch_size=RECORDS)
        self.begun = self.mapping.clock.now
        self.mapping.deliver(*(insert_event(Note(each, "x"), event_id=str(each)) for each in range(RECORDS)))
        return self.mapping


def chunks(service: Service, form: str, strategy: Strategy) -> Pipeline[str, str]:
    """Make a pipeline of one of the forms that a handler of many events has."""
    match form:
        case "batched":
            handler = on_insert(batched(service.take, CHUNK), name="take")
        case "each":
            handler = on_insert(batched_each(service.take_each, CHUNK), name="take")
        case _:
            handler = on_insert(batched_each(service.raise_for_each, CHUNK), name="take")
    return pipeline(notes, handler, strategy=strategy)


FORMS: Final = ("batched", "each", "each, but raising")


@strategies
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seconds", [30, 300])
def test_an_outage_costs_few_calls_beyond_those_of_a_delivery(
    form: str, seconds: int, strategy: Strategy
) -> None:
    service = Service()
    service.down_for = timedelta(seconds=seconds)
    mapping = service.run(chunks(service, form, strategy))
    assert sorted(service.taken) == list(range(RECORDS)), "each once"
    deliveries = len(mapping.history.invocations)
    beyond = 0 if form == "each" else MOST_IN_A_ROW
    assert deliveries > 2
    assert len(service.calls) <= deliveries * (CHUNKS + beyond)


@strategies
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "poison", [{0}, {499}, {0, 1}, {250, 251, 700}, set(range(0, RECORDS, 100))], ids=str
)
def test_what_is_refused_for_good_is_found_and_no_other_pays_for_it(
    form: str, poison: set[int], strategy: Strategy
) -> None:
    service, letters = Service(*poison), MemoryDeadLetters()
    mapping = service.run(chunks(service, form, strategy), letters)
    assert sorted(service.taken) == sorted(set(range(RECORDS)) - poison), "each once"
    assert {int(letter.pair.record) for letter in letters.letters} == poison
    assert len(mapping.history.invocations) <= 2 * len(poison)
    longest = 2 * CHUNK.bit_length() + 2
    assert len(service.calls) <= 2 * CHUNKS + longest * len(poison)


@strategies
def test_a_sound_note_is_not_given_up_for_its_neighbours(strategy: Strategy) -> None:
    """An outage has used its attempts up, and when its patience is over a chunk fails for what others are."""
    service, letters = Service(0, 1), MemoryDeadLetters()

    def take(events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        return service.take_each(events) if service.is_down else service.raise_for_each(events)

    process = pipeline(notes, on_insert(batched_each(take), name="take"), strategy=strategy)
    patience = timedelta(minutes=1)
    service.down_for = patience
    delivery = retry(
        ledger=MemoryLedger(), dead_letters=letters, max_attempts=1, patience=patience, report=quiet
    )
    service.mapping = EventSourceMapping(lambda_handler(process, delivery), batch_size=10)
    service.begun = service.mapping.clock.now
    service.mapping.deliver(*(insert_event(Note(each, "x"), event_id=str(each)) for each in range(10)))
    assert [letter.pair.record for letter in letters.letters] == ["0", "1"]
    assert sorted(service.taken) == list(range(2, 10))


@strategies
@pytest.mark.parametrize(("records", "poison"), [(10, 3), (10, 9), (100, 3), (100, 40)])
def test_many_that_are_refused_in_a_row_do_not_keep_others_waiting_for_their_patience(
    records: int, poison: int, strategy: Strategy
) -> None:
    """Those that have used their attempts up leave enough calls to find others."""
    refused = range(poison)
    calls: list[list[int]] = []
    taken: set[int] = set()

    def take(events: Sequence[Event[Note]]) -> Result[str, str]:
        calls.append([int(event.event_id) for event in events])
        if not taken.isdisjoint(calls[-1]) or not set(calls[-1]).isdisjoint(refused):
            return Failure("no")
        taken.update(calls[-1])
        return Success("yes")

    process = pipeline(notes, on_insert(batched(take)), strategy=strategy)
    handler = lambda_handler(
        process, retry(ledger=MemoryLedger(), max_attempts=2, scope="take", report=quiet)
    )
    batch = lambda_event(*(insert_event(Note(each, "x"), event_id=str(each)) for each in range(records)))
    deliveries = 2 * poison + 1
    for _ in range(deliveries):
        handler(batch, None)
    assert taken == set(range(poison, records))
    assert len(calls) <= deliveries * (1 + 2 * (records.bit_length() + 2))


@strategies
@pytest.mark.parametrize("form", ["batched", "each, but raising"])
@pytest.mark.parametrize("poison", [0, 3, 9])
@pytest.mark.parametrize("seconds", [10, 20, 40])
def test_a_slow_handler_goes_on_where_time_was_up(
    seconds: int, poison: int, form: str, strategy: Strategy
) -> None:
    """An invocation has 60 s, and so time for five, two or one of the calls that lead to the poison."""
    service, letters = Service(poison), MemoryDeadLetters()

    def slow(events: Sequence[Event[Note]]) -> Result[str, str]:
        mapping.clock.advance(timedelta(seconds=seconds))
        return service.take(events)

    def slow_each(events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        mapping.clock.advance(timedelta(seconds=seconds))
        return service.raise_for_each(events)

    handler = on_insert(batched(slow), name="take")
    if form == "each, but raising":
        handler = on_insert(batched_each(slow_each), name="take")
    delivery = retry(
        ledger=MemoryLedger(), dead_letters=letters, max_attempts=2, patience=timedelta(), report=quiet
    )
    function = lambda_handler(pipeline(notes, handler, strategy=strategy), delivery)
    mapping = service.mapping = EventSourceMapping(function, timeout=timedelta(seconds=60))
    service.begun = mapping.clock.now
    history = mapping.deliver(*(insert_event(Note(each, "x"), event_id=str(each)) for each in range(10)))
    assert history.discarded == []
    assert [(letter.pair.record, letter.attempts) for letter in letters.letters] == [(str(poison), 2)]
    assert sorted(service.taken) == [each for each in range(10) if each != poison], "each once"
    assert len(service.calls) <= 15


@strategies
def test_in_an_outage_few_use_attempts_up(strategy: Strategy) -> None:
    """Only a failure alone is an attempt, and few are tried alone."""
    service, letters = Service(), MemoryDeadLetters()
    service.down_for = timedelta(hours=1)
    mapping = service.run(chunks(service, "batched", strategy), letters)
    assert len(letters.letters) <= MOST_IN_A_ROW * len(mapping.history.invocations)
    assert len(service.taken) + len(letters.letters) == RECORDS
