"""The world around the second model: a function as users write it, its stores, and the faults of a schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random
from threading import local
from typing import Annotated, Final, Protocol

from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Failed,
    InsertEvent,
    OutOfTime,
    PartitionKey,
    Pipeline,
    Table,
    UpsertEvent,
    acknowledge,
    batched,
    batched_each,
    lambda_handler,
    on_event,
    on_insert,
    on_upsert,
    pipeline,
    retry,
)
from streamfn._delivery.plain import Delivery
from streamfn._events import BaseEvent as AnyEvent
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, read_letter
from streamfn.ledgers import Entry, SequenceRange
from tests.soak.second_inputs import Change, Plan
from tests.soak.second_laws import Witness
from tests.soak.second_model import Invocation, Process, Service
from tests.soak.second_schedules import START, Handlers, Kind, Pair, Schedule

SCOPE: Final = "second"
_MOST: Final = 3000
"""More invocations than any schedule needs that comes to an end."""


class Works(Protocol):
    """Does what handlers do."""

    def call(self, handler: str, events: Sequence[AnyEvent], /) -> Result[str, str]:
        """Do what a handler does with one event, or with a chunk of which each event shares the outcome."""
        ...

    def call_each(self, handler: str, events: Sequence[AnyEvent], /) -> list[Result[str, str]]:
        """Do what a handler does that has an outcome for each event of a chunk."""
        ...


class _Here(local):
    """The invocation of this thread: several invocations run in threads of their own."""

    world: Works
    invocation: Invocation


here: Final = _Here()


@dataclass(frozen=True, slots=True)
class Thing:
    id: Annotated[str, PartitionKey]
    n: int


def copy(event: UpsertEvent[Thing]) -> Result[str, str]:
    return here.world.call("copy", [event])


def mail(event: InsertEvent[Thing]) -> Result[str, str]:
    return here.world.call("mail", [event])


def note(event: Event[Thing]) -> Result[str, str]:
    return here.world.call("note", [event])


def bulk(events: Sequence[UpsertEvent[Thing]]) -> Result[str, str]:
    return here.world.call("bulk", events)


def sift(events: Sequence[UpsertEvent[Thing]]) -> list[Result[str, str]]:
    return here.world.call_each("sift", events)


_THINGS: Final = Table("second", Thing)
_COPY: Final = on_upsert(copy)
_MAIL: Final = on_insert(mail, where=lambda event: event.new_image.n % 2 == 1)
_NOTE: Final = on_event(note)
_BULK: Final = on_upsert(batched(bulk, size=3))
_SIFT: Final = on_upsert(batched_each(sift))

PIPELINES: Final[dict[Handlers, Pipeline[str, str]]] = {
    ("copy",): pipeline(_THINGS, _COPY),
    ("copy", "mail"): pipeline(_THINGS, _COPY, _MAIL),
    ("copy", "mail", "note"): pipeline(_THINGS, _COPY, _MAIL, _NOTE),
    ("note", "bulk"): pipeline(_THINGS, _NOTE, _BULK),
    ("copy", "sift"): pipeline(_THINGS, _COPY, _SIFT),
    ("copy", "mail", "bulk", "sift"): pipeline(_THINGS, _COPY, _MAIL, _BULK, _SIFT),
}


class Store:
    """A ledger as its protocol asks for one, which outlives processes.

    A write fails before, amid or after its work.
    """

    needs_scope: Final = True

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows: list[tuple[SequenceRange, tuple[Entry, ...]]] = []

    def read(self, sequence_range: SequenceRange, _: SecondsLeft, /) -> list[Entry]:
        world, invocation = self._world, here.invocation
        invocation.spend(world.store_takes())
        if world.happens(world.schedule.odds.ledger_fails):
            world.witness.of(invocation).is_blind = True
            raise ConnectionError
        found = [
            entry for written, entries in self.rows if meet(written, sequence_range) for entry in entries
        ]
        world.witness.read(invocation)
        invocation.spend(0.001)
        return found

    def write(self, sequence_range: SequenceRange, entries: Sequence[Entry], _: SecondsLeft, /) -> None:
        world, invocation = self._world, here.invocation
        # The policy holds its lock while it writes, so that its alarm has to wait.
        was_holding, invocation.is_holding = invocation.is_holding, True
        try:
            invocation.spend(world.store_takes())
            fails = world.happens(world.schedule.odds.ledger_fails)
            kept = world.random.choice((0, len(entries) // 2, len(entries))) if fails else len(entries)
            self.rows.append((sequence_range, tuple(entries[:kept])))
            for entry in entries[:kept]:
                world.witness.wrote(entry.state, entry.attempts, pair_of(entry.pair))
            if fails:
                world.witness.of(invocation).write_failed = True
                raise ConnectionError
            invocation.spend(0.001)
        finally:
            invocation.is_holding = was_holding


class Letters:
    """A place for dead letters, which at times stores none, or some, or all and says that it failed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> set[str]:
        world, invocation = self._world, here.invocation
        invocation.spend(world.store_takes())
        fails = world.happens(world.schedule.odds.letters_fail)
        keeps = world.random.choice((0.0, 0.5, 1.0)) if fails else 1.0
        stored: list[DeadLetter] = []
        for letter in letters:
            pair = pair_of(letter.pair)
            if pair not in world.schedule.unstorable and world.random.random() < keeps:
                world.witness.stored(invocation, read_letter(letter.to_json()), pair)
                stored.append(letter)
        if fails and world.random.random() < 0.5:
            raise ConnectionError
        invocation.spend(0.001)
        for letter in stored:
            world.witness.settles(invocation, pair_of(letter.pair))
        return {letter.id for letter in stored}


def meet(one: SequenceRange, other: SequenceRange) -> bool:
    return (
        (one.scope, one.stream) == (other.scope, other.stream)
        and int(one.lowest) <= int(other.highest)
        and int(other.lowest) <= int(one.highest)
    )


def pair_of(pair: tuple[str, str]) -> Pair:
    """Find the record's number in a pair of the ledger; -1 in one that is of no record."""
    handler, identity = pair
    kind, _, number = identity.partition("-")
    return handler, int(number) if kind == "event" else -1


class World:
    """A function, its stores and the one who watches, under a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule: Schedule = schedule
        self.random: Random = Random(schedule.seed + 1)  # noqa: S311 (no secret)
        self.witness: Witness = Witness(schedule)
        self.store: Store = Store(self)
        self.documents: list[dict[str, object]] = []
        self._calls: Counter[Pair] = Counter()
        self._comes_again = 3
        self.service: Service = Service(
            self,
            schedule.settings,
            schedule.make_shards(),
            Random(schedule.seed + 2),  # noqa: S311 (no secret)
            schedule.skews,
            is_interleaved=schedule.is_interleaved,
            borders=schedule.borders,
            start=START,
        )

    def play(self) -> Witness:
        """Go on until all is over, and give the one who has watched it."""
        for moment, shard, factor, back in self.schedule.moves:
            self.service.at(moment, partial(self.service.move, shard, factor, back))
        is_at_rest = self.service.run(_MOST)
        if not self.witness.broken:
            self.witness.finish(is_at_rest=is_at_rest)
        return self.witness

    # --------------------------------------------------------------------------------------------------- faults

    @property
    def is_calm(self) -> bool:
        """Whether no more faults come."""
        return self.service.invocations > self.schedule.faults_until

    def happens(self, odds: float) -> bool:
        """Whether a fault comes now."""
        return odds > 0 and not self.is_calm and self.random.random() < odds

    def store_takes(self) -> float:
        """Draw the seconds that a request to a store takes."""
        return self.random.choice((5.0, 61.0)) if self.happens(self.schedule.odds.is_slow) else 0.004

    def plan(self, invocation: Invocation, /) -> Plan:
        self.witness.of(invocation)
        odds, random, schedule = self.schedule.odds, self.random, self.schedule
        if self.is_calm:
            return Plan()
        freezes, jumps = self.happens(odds.freezes), self.happens(odds.jumps)
        plan = Plan(
            dies_at=random.randint(1, 20) if self.happens(odds.dies) else -1,
            freezes_at=random.randint(1, 12) if freezes else -1,
            frozen_for=random.choice((0.01, 1.0, 30.0, 90.0, 600.0, 7200.0)) if freezes else 0.0,
            clock_stands=freezes and random.random() < 0.5,
            connection_fails=random.random() < 0.5,
            jumps_at=random.randint(1, 12) if jumps else -1,
            jump=random.choice(schedule.jumps) if jumps else 0.0,
            answer_is_lost=self.happens(odds.loses_answer),
        )
        self.witness.drift += abs(plan.jump) + (plan.frozen_for if plan.clock_stands else 0.0)
        return plan

    def comes_again(self, _: Sequence[Change], /) -> float | None:
        if self._comes_again == 0 or not self.happens(self.schedule.odds.comes_again):
            return None
        self._comes_again -= 1
        return self.random.choice((0.0, 1.0, 100.0, 4000.0))

    # ------------------------------------------------------------------------------------------------- function

    def start(self, process: Process, /) -> Callable[[object, object], object]:
        made = lambda_handler(PIPELINES[self.schedule.handlers], self._delivery())
        function = replace(made, clock=process)

        def handle(event: object, context: object) -> object:
            assert isinstance(context, Invocation)
            here.world, here.invocation = self, context
            return function(event, context)

        return handle

    def _delivery(self) -> Delivery[str]:
        schedule = self.schedule
        if schedule.delivery == "acknowledge":
            return acknowledge(self._report)
        if schedule.delivery == "retry":
            return retry(report=ignore)
        return retry(
            ledger=self.store,
            dead_letters=Letters(self) if schedule.has_letters else None,
            max_attempts=schedule.max_attempts,
            patience=timedelta(seconds=schedule.patience),
            write="always" if schedule.delivery == "always" else "failures",
            whole_batch=schedule.delivery == "whole batch",
            scope=SCOPE,
            report=ignore,
        )

    def _report(self, failed: Failed[str]) -> None:
        if not isinstance(failed.reason, OutOfTime):
            self.witness.reported.add((failed.handler or "", int(failed.record.sequence_number or 0)))

    def call(self, handler: str, events: Sequence[AnyEvent], /) -> Result[str, str]:
        invocation, pairs = self._begin(handler, events)
        failing = [pair for pair in pairs if self._fails(invocation, pair)]
        if failing:
            return Failure("trouble")
        return self._succeed(invocation, pairs)

    def call_each(self, handler: str, events: Sequence[AnyEvent], /) -> list[Result[str, str]]:
        invocation, pairs = self._begin(handler, events)
        failing = {pair for pair in pairs if self._fails(invocation, pair)}
        done = self._succeed(invocation, [pair for pair in pairs if pair not in failing])
        return [Failure("trouble") if pair in failing else done for pair in pairs]

    def _begin(self, handler: str, events: Sequence[AnyEvent]) -> tuple[Invocation, list[Pair]]:
        invocation = here.invocation
        invocation.spend(0.0)
        pairs = [(handler, number_of(event)) for event in events]
        self.witness.called(invocation, pairs)
        invocation.spend(self.random.choice((0.0, 0.05, 3.0)))
        return invocation, pairs

    def _fails(self, invocation: Invocation, pair: Pair) -> bool:
        trouble = self.schedule.troubles.get(pair)
        if trouble is None or not trouble.lasts(self._calls[pair]):
            return False
        self._calls[pair] += 1
        return self._suffer(invocation, trouble.kind)

    def _suffer(self, invocation: Invocation, kind: Kind) -> bool:
        if kind == "raises":
            raise ValueError
        if kind == "hangs":
            invocation.spend(2 * self.schedule.settings.timeout)
        if kind == "exits":
            self.witness.of(invocation).is_unclean = True
            raise SystemExit
        if kind == "kills":
            invocation.die()
        return True

    def _succeed(self, invocation: Invocation, pairs: Sequence[Pair]) -> Result[str, str]:
        self.witness.succeeded(invocation, pairs)
        invocation.spend(self.random.choice((0.0, 0.05, 3.0)))
        self.witness.returned(invocation, pairs)
        return Success("done")

    # -------------------------------------------------------------------------------------------------- service

    @property
    def is_over(self) -> bool:
        """Whether a law is broken, so that there is no more to see."""
        return bool(self.witness.broken)

    def answered(self, invocation: Invocation, answer: object, settled: int | None, /) -> None:
        self.witness.answered(invocation, answer, settled)

    def ended(self, invocation: Invocation, /) -> None:
        self.witness.ended(invocation)

    def redelivered(self, changes: Sequence[Change], /) -> None:
        self.witness.redelivered(changes)

    def discarded(self, changes: Sequence[Change], document: dict[str, object], /) -> None:
        self.documents.append(document)
        self.witness.discarded(changes, document)


def number_of(event: AnyEvent) -> int:
    """Say which record an event is of, by its sequence number."""
    return int(event.record.sequence_number or 0)


def ignore(_: object) -> None:
    """Leave out what would be logged."""
