"""A handler in every form that there is, which does with a card what its title says; and a ledger that tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Delivery,
    Handler,
    InsertEvent,
    Strategy,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
    series,
)
from streamfn._time import SecondsLeft
from streamfn.ledgers import Entry, MemoryLedger, SequenceRange
from streamfn.ledgers._protocol import is_note
from streamfn.testing import EventSourceMapping, insert_event
from streamfn.testing._simulator.invoking import Fault
from tests.cards import Card, cards

Told: TypeAlias = tuple[str, str, int, str]
"""What a ledger was told of a record: its identifier, how far it has come, its attempts, and the reason."""

STRATEGIES: Final[Mapping[str, Strategy]] = {"series": series, "concurrent": concurrent(workers=1)}


class Job:
    """Fails on some cards the first time: ``refuse`` and ``raise`` say how, and ``hang`` takes all time there is."""

    def __init__(self, times: int = 1) -> None:
        """Fail so many times on each."""
        self.mapping: EventSourceMapping | None = None
        self._times = times
        self._tried: Counter[str] = Counter()

    def single(self, event: InsertEvent[Card]) -> Result[str, str]:
        """Do what the card says."""
        title = event.new_image.title
        self._tried[event.event_id] += 1
        if self._tried[event.event_id] <= self._times:
            if title == "hang" and self.mapping is not None:
                self.mapping.clock.advance(timedelta(hours=1))
            if title == "raise":
                raise ValueError(title)
            if title == "refuse":
                return Failure(title)
        return Success(title)

    async def coroutine(self, event: InsertEvent[Card]) -> Result[str, str]:
        """Do it on the event loop."""
        return self.single(event)

    def awaited(self, event: InsertEvent[Card]) -> Awaitable[Result[str, str]]:
        """Give something that has to be awaited."""
        return self.coroutine(event)

    def chunk(self, events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        """Do it for many, and fail if one of them does."""
        results = [self.single(event) for event in events]
        return next((result for result in results if isinstance(result, Failure)), Success("all"))

    async def coroutine_of_chunk(self, events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        """Do that on the event loop."""
        return self.chunk(events)

    def each(self, events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
        """Do it for each of many."""
        return [self.single(event) for event in events]

    async def coroutine_of_each(self, events: Sequence[InsertEvent[Card]]) -> list[Result[str, str]]:
        """Do that on the event loop."""
        return self.each(events)


Registered: TypeAlias = Handler[Card, str, str]

FORMS: Final[Mapping[str, Callable[[Job], Registered]]] = {
    "single": lambda job: on_insert(job.single, name="tell"),
    "async": lambda job: on_insert(job.coroutine, name="tell"),
    "awaitable": lambda job: on_insert(job.awaited, name="tell"),
    "batched": lambda job: on_insert(batched(job.chunk, size=1), name="tell"),
    "async batched": lambda job: on_insert(batched(job.coroutine_of_chunk, size=1), name="tell"),
    "batched each": lambda job: on_insert(batched_each(job.each, size=1), name="tell"),
    "async batched each": lambda job: on_insert(batched_each(job.coroutine_of_each, size=1), name="tell"),
}
"""The forms that a handler may have, each called with one event at a time."""

CHUNKS: Final[Mapping[str, Callable[[Job], Registered]]] = {
    "batched": lambda job: on_insert(batched(job.chunk, size=2), name="tell"),
    "batched each": lambda job: on_insert(batched_each(job.each, size=2), name="tell"),
}
"""Those that may be called with two events at a time."""

every_form: Final = pytest.mark.parametrize("handler", FORMS.values(), ids=FORMS.keys())
every_strategy: Final = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())


def simulation(
    handler: Callable[[Job], Registered],
    delivery: Delivery[str],
    *,
    strategy: Strategy = series,
    faults: Sequence[Fault] = (),
    times: int = 1,
) -> EventSourceMapping:
    """Put a job behind a stream, in a form that it has."""
    job = Job(times)
    function = lambda_handler(pipeline(cards, handler(job), strategy=strategy), delivery)
    mapping = job.mapping = EventSourceMapping(function, faults=faults)
    return mapping


def written(*titles: str) -> list[InsertEvent[Card]]:
    """Insert cards; their records are r1, r2 and so on."""
    return [
        insert_event(Card(number, title), event_id=f"r{number}") for number, title in enumerate(titles, 1)
    ]


class TellingLedger(MemoryLedger):
    """A ledger that remembers each time that it was written, but for the notes of processes."""

    def __init__(self) -> None:
        """Begin with no entry."""
        super().__init__()
        self.writes: list[list[Told]] = []

    @override
    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        super().write(sequence_range, entries, seconds_left)
        told: list[Told] = [
            (entry.pair.record, entry.state, entry.attempts, entry.reason)
            for entry in entries
            if not is_note(entry.pair)
        ]
        if told:
            self.writes.append(told)
