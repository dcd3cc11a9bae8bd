"""Three jobs that follow the table, and the world outside that they act on: it counts, and it has its moods.

The moods come from a seed and the plan of changes alone, so that they are the same in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Final, Literal, TypeAlias

from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    InsertEvent,
    Pipeline,
    batched,
    concurrent,
    on_event,
    on_insert,
    pipeline,
    router,
)
from streamfn.ledgers import Key
from tests.chain.changes import Parcel, change_of, parcels

Job: TypeAlias = Literal["announce", "index", "mirror"]

FOR_EVER: Final = 1_000_000
WORKERS: Final = 4


class Refused(Exception):
    """The world does not do what it is asked this time."""


@dataclass(frozen=True, slots=True)
class Mood:
    """How often a job is refused on a change, and whether it raises then or returns a failure."""

    times: int = 0
    raises: bool = False


@dataclass(slots=True)
class Outside:
    """The world that the jobs act on.

    `effects` are what was done to it, `doomed` the pairs that it refuses for ever. `when_refusing` is told of each
    refusal: how many effects there were before it, and how often the pair has been tried.
    """

    seed: int
    when_refusing: Callable[[int, int], None]
    effects: Counter[Key] = field(default_factory=Counter[Key])
    doomed: set[Key] = field(default_factory=set[Key])
    _tries: Counter[Key] = field(default_factory=Counter[Key])
    _lock: Lock = field(default_factory=Lock)

    def do(self, job: Job, events: Sequence[Event[Parcel]]) -> Result[int, str]:
        """Have an effect for each of the events, or, if one of them is refused, for none."""
        with self._lock:
            refusals = [mood for event in events if (mood := self._refuses(job, event))]
            if not refusals:
                self.effects.update(Key(job, event.event_id) for event in events)
                return Success(len(events))
        if any(mood.raises for mood in refusals):
            raise Refused(job)
        return Failure("refused")

    def _refuses(self, job: Job, event: Event[Parcel]) -> Mood | None:
        pair, mood = Key(job, event.event_id), self._mood(job, event)
        if mood.times == FOR_EVER:
            self.doomed.add(pair)
        if self._tries[pair] == mood.times:
            return None
        self._tries[pair] += 1
        self.when_refusing(self.effects.total(), self._tries[pair])
        return mood

    def _mood(self, job: Job, event: Event[Parcel]) -> Mood:
        random = Random(f"{self.seed}, {job}, {change_of(event)}")  # noqa: S311 (nothing here is secret)
        times = random.choices((0, 1, 2, FOR_EVER), (0.93, 0.04, 0.02, 0.01))[0]
        return Mood(times, raises=random.random() < 0.5)


def process_on(outside: Outside) -> Pipeline[int, str]:
    """Make the pipeline: a job for single events, one for chunks of ten, and one that is awaited beside others."""

    def announce(event: InsertEvent[Parcel]) -> Result[int, str]:
        return outside.do("announce", [event])

    def index(events: Sequence[Event[Parcel]]) -> Result[int, str]:
        return outside.do("index", events)

    async def mirror(event: Event[Parcel]) -> Result[int, str]:
        return outside.do("mirror", [event])

    return router(
        pipeline(parcels, on_insert(announce), on_event(batched(index, 10))),
        pipeline(parcels, on_event(mirror), strategy=concurrent(workers=WORKERS)),
    )


def wanted(records: Sequence[tuple[str, str]]) -> set[Key]:
    """List the pairs that have to be settled, of records by their identifiers and kinds."""
    return {
        Key(job, event_id)
        for event_id, kind in records
        for job in ("announce", "index", "mirror")
        if job != "announce" or kind == "INSERT"
    }
