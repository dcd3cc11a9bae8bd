"""Worlds: a schedule put into practice, and everything that is seen of it from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Annotated, Final

from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Event,
    Failed,
    Handler,
    LambdaFunction,
    OutOfTime,
    PartitionKey,
    Pipeline,
    Table,
    acknowledge,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    pipeline,
    retry,
    router,
    series,
)
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Entry, Key, SequenceRange
from streamfn.testing import EventSourceMapping, insert_event
from tests.soak.schedules import Change, Job, Schedule, Trouble

SIDE_BY_SIDE: Final = concurrent(workers=3)
TURNS_AFTER: Final = 4
TIMEOUT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Thing:
    """An item of the table."""

    id: Annotated[int, PartitionKey]
    number: int


THINGS: Final = Table("things", Thing)


def event_id(change: Change) -> str:
    """Name a record."""
    return f"r{change.number}"


def record(change: Change, first_number: int) -> Mapping[str, object]:
    """Write a record as its form says."""
    event = insert_event(
        Thing(change.item, change.number),
        event_id=event_id(change),
        sequence_number=str(first_number + change.number),
    )
    raw: dict[str, object] = {**event.record.raw}
    if change.form == "undecodable":
        raw["dynamodb"] = {**event.record.raw["dynamodb"], "NewImage": {"id": {"S": "one"}}}
    if change.form == "stranger":
        del raw["eventSourceARN"]
    if change.form == "malformed":
        raw["eventName"] = "UPSERT"
    return raw


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a job: for which records, when, which of them it did not succeed on, and whether it told each apart."""

    job: str
    numbers: tuple[int, ...]
    at: datetime
    failed: frozenset[int]
    is_own: bool


@dataclass(slots=True)
class World:
    """What is seen: calls, letters, what the ledger was told, what was reported; and rules broken meanwhile."""

    schedule: Schedule
    scope: str
    ledger: MemoryLedger
    calls: list[Called] = field(default_factory=list[Called])
    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    recorded: set[Key] = field(default_factory=set[Key])
    succeeded: set[Key] = field(default_factory=set[Key])
    reported: set[Key] = field(default_factory=set[Key])
    broken: list[str] = field(default_factory=list[str])
    tries: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    mapping: EventSourceMapping = field(init=False)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        """Set Lambda up as the schedule says."""
        self.mapping = EventSourceMapping(
            self.function(),
            batch_size=self.schedule.batch_size,
            maximum_batching_window=self.schedule.window,
            report_batch_item_failures=not self.schedule.whole_batch,
            bisect_batch_on_function_error=self.schedule.bisects,
            maximum_retry_attempts=self.schedule.attempts,
            maximum_record_age=self.schedule.age,
            parallelization_factor=self.schedule.lanes,
            shards=self.schedule.shards,
            timeout=TIMEOUT,
            faults=self.schedule.faults,
        )

    def run(self) -> None:
        """Deliver everything."""
        first = self.schedule.first_number
        self.mapping.deliver(*(record(change, first) for change in self.schedule.changes))

    def function(self) -> LambdaFunction[object, object]:
        """Make the function."""
        strategy = SIDE_BY_SIDE if self.schedule.side_by_side else series
        joined: Pipeline[object, object] = router(
            *(pipeline(THINGS, self.handler(job), strategy=strategy) for job in self.schedule.jobs)
        )
        return lambda_handler(joined, self.delivery())

    def delivery(self) -> Delivery[object]:
        """Make the delivery."""
        asked = self.schedule
        if asked.mode == "acknowledge":
            return acknowledge(self.report)
        if asked.mode == "retry":
            return retry(report=self.report, whole_batch=asked.whole_batch)
        return retry(
            ledger=self,
            dead_letters=self if asked.mode == "dead letters" else None,
            max_attempts=asked.max_attempts,
            patience=asked.patience,
            write="always" if asked.writes_always else "failures",
            scope=self.scope,
            report=self.report,
            whole_batch=asked.whole_batch,
        )

    def handler(self, job: Job) -> Handler[Thing, object, object]:
        """Make a handler of a job."""

        def single(event: Event[Thing]) -> Result[None, str]:
            return self.call(job, [event])[0]

        async def awaited(event: Event[Thing]) -> Result[None, str]:
            return self.call(job, [event])[0]

        def each(events: Sequence[Event[Thing]]) -> list[Result[None, str]]:
            return self.call(job, events)

        def at_once(events: Sequence[Event[Thing]]) -> Result[None, str]:
            results = self.call(job, events, "all")
            return next((result for result in results if isinstance(result, Failure)), Success(None))

        where = even if job.picky else None
        match job.kind:
            case "single":
                return on_event(single, name=job.name, where=where)
            case "async":
                return on_event(awaited, name=job.name, where=where)
            case "each":
                return on_event(batched_each(each, job.size), name=job.name, where=where)
            case "batched":
                return on_event(batched(at_once, job.size), name=job.name, where=where)

    def call(self, job: Job, events: Sequence[Event[Thing]], *together: str) -> list[Result[None, str]]:
        """Do a job: succeed, or do what the schedule says; `together` it succeeds on all or none."""
        numbers = tuple(map(number_of, events))
        troubles = [self.trouble(job.name, number) for number in numbers]
        with self.lock:
            for number in numbers:
                self.watch(job, number)
            failed = frozenset(number for number, trouble in zip(numbers, troubles, strict=True) if trouble)
            if failed and (together or any(each and each.kind != "refuse" for each in troubles)):
                failed = frozenset(numbers)
            is_own = not together and all(each is None or each.kind == "refuse" for each in troubles)
            self.calls.append(Called(job.name, numbers, self.mapping.clock.now, failed, is_own))
        if any(each is not None and each.kind == "hang" for each in troubles):
            self.mapping.clock.advance(TIMEOUT)
        if any(each is not None and each.kind == "kill" for each in troubles):
            self.mapping.end_process()
        self.mapping.clock.advance(timedelta(seconds=self.schedule.seconds))
        if any(each is not None and each.kind == "raise" for each in troubles):
            raise ValueError(job.name)
        self.succeeded.update(Key(job.name, f"r{number}") for number in numbers if number not in failed)
        return [Failure("no") if number in failed else Success(None) for number in numbers]

    def trouble(self, job: str, number: int) -> Trouble | None:
        """Find out what happens this time."""
        with self.lock:
            tried = self.tries[job, number] = self.tries.get((job, number), 0) + 1
        trouble = self.schedule.troubles.get((job, number))
        if trouble is None or tried > trouble.times:
            return None
        if trouble.kind == "turn":
            return Trouble("refuse" if tried <= TURNS_AFTER else "hang", trouble.times)
        return trouble

    def watch(self, job: Job, number: int) -> None:
        """See whether a call may begin.

        It may not if its pair is recorded as settled, nor before the earlier records of its item are settled.
        """
        pair = Key(job.name, f"r{number}")
        if pair in self.recorded:
            self.broken.append(f"{pair} runs although it is recorded as settled")
        if self.schedule.mode == "acknowledge":
            return
        settled = self.succeeded | {letter.pair for letter in self.letters}
        given_up = {each.event_id for each in self.mapping.history.discarded}
        for earlier in self.schedule.changes[:number]:
            one = Key(job.name, event_id(earlier))
            same_item = earlier.item == self.schedule.changes[number].item
            wanted = earlier.form == "undecodable" or (earlier.form == "sound" and job.wants(earlier))
            if same_item and wanted and one not in settled and one.record not in given_up:
                self.broken.append(f"{pair} begins before {one} is settled")

    def report(self, failed: Failed[object]) -> None:
        """Note what is reported as failed for good."""
        if not isinstance(failed.reason, OutOfTime):
            self.reported.add(Key(failed.handler or "", failed.record.event_id or ""))

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Be a ledger."""
        return self.ledger.read(sequence_range, seconds_left)

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Be a ledger that remembers what it was told."""
        self.ledger.write(sequence_range, entries, seconds_left)
        self.recorded.update(entry.pair for entry in entries if entry.settled)

    def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> Collection[str]:
        """Be a place for dead letters."""
        self.letters.extend(letters)
        return {letter.id for letter in letters}


def even(event: Event[Thing]) -> bool:
    """Want what is picked by those that are picky."""
    return number_of(event) % 2 == 0


def number_of(event: Event[Thing]) -> int:
    """Say which record an event is of."""
    return int(event.event_id.removeprefix("r"))
