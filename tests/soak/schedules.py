"""Schedules: what is written to a stream, who handles it, what goes wrong, and how Lambda is set; by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final, Literal, TypeAlias

from streamfn.testing import Crash, HalfWritten, LostAnswer, Repeated, StoreDown
from streamfn.testing._simulator.invoking import Fault

Form: TypeAlias = Literal["sound", "undecodable", "malformed", "stranger"]
"""What a record is like; of a stranger nobody knows the table."""

Mode: TypeAlias = Literal["acknowledge", "retry", "ledger", "dead letters"]

FOR_EVER: Final = 10**6


@dataclass(frozen=True, slots=True)
class Change:
    """A record: the number of its place in the stream, and its item."""

    number: int
    item: int
    form: Form


@dataclass(frozen=True, slots=True)
class Job:
    """A handler; a picky one has a `where`, for even numbers. `size` is None for one of single events."""

    name: str
    kind: Literal["single", "async", "batched", "each"]
    size: int | None
    picky: bool

    def wants(self, change: Change) -> bool:
        """Whether its `where` would accept a record that can be decoded."""
        return not self.picky or change.number % 2 == 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a job does with a record the first so many times.

    One that turns refuses it at first, and then hangs. One that kills ends the process.
    """

    kind: Literal["refuse", "raise", "hang", "turn", "kill"]
    times: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of it. `troubles` are by job and number of the record; `seconds` is how long each call takes."""

    seed: int
    changes: tuple[Change, ...]
    first_number: int
    jobs: tuple[Job, ...]
    troubles: dict[tuple[str, int], Trouble]
    seconds: int
    side_by_side: bool
    mode: Mode
    max_attempts: int
    patience: timedelta
    writes_always: bool
    whole_batch: bool
    batch_size: int
    window: timedelta
    bisects: bool
    attempts: int | None
    age: timedelta | None
    lanes: int
    shards: int
    faults: tuple[Fault, ...]
    has_twin: bool

    @property
    def remembers(self) -> bool:
        """Whether there is a ledger."""
        return self.mode in {"ledger", "dead letters"}

    @property
    def is_unlimited(self) -> bool:
        """Whether Lambda gives nothing up before the stream forgets it."""
        return self.attempts is None and self.age is None

    @property
    def ends_well(self) -> bool:
        """Whether nothing goes wrong for ever that the delivery does not put aside."""
        if self.mode == "dead letters":
            return True
        lasting = any(trouble.times == FOR_EVER for trouble in self.troubles.values())
        if self.mode == "acknowledge":
            return not any(
                trouble.times == FOR_EVER and trouble.kind in {"hang", "turn", "kill"}
                for trouble in self.troubles.values()
            )
        # Without a memory and without an answer, a batch that does not fit into the timeout begins from the start.
        fits = self.remembers or not (self.whole_batch and self.seconds)
        return fits and not lasting and all(change.form == "sound" for change in self.changes)


def schedule(seed: int) -> Schedule:
    """Make the schedule of a seed."""
    dice = Random(seed)  # noqa: S311 (no secret)
    mode: Mode = dice.choices(("acknowledge", "retry", "ledger", "dead letters"), (1, 1, 4, 6))[0]
    calm = dice.random() < 0.3
    lasting = mode == "dead letters" or dice.random() < 0.03
    jobs = tuple(_job(dice, name) for name in "abcd"[: dice.randint(1, 3)])
    items = dice.randint(1, 5)
    changes = tuple(
        Change(number, dice.randrange(items), _form(dice, lasting=lasting))
        for number in range(dice.randint(1, 14))
    )
    side_by_side = dice.random() < 0.125
    deadly = dice.random() < 0.1
    return Schedule(
        seed=seed,
        changes=changes,
        first_number=dice.choice((1, 5, 95, 10**21 - 4)),
        jobs=jobs,
        troubles={
            (job.name, change.number): _trouble(dice, calm=calm, lasting=lasting, deadly=deadly)
            for job in jobs
            for change in changes
            if change.form == "sound" and dice.random() < 0.15
        },
        seconds=0 if side_by_side else dice.choice((0, 0, 0, 1, 4)),
        side_by_side=side_by_side,
        mode=mode,
        max_attempts=dice.randint(1, 3),
        patience=timedelta(seconds=dice.choice((0, 0, 3, 30))),
        writes_always=dice.random() < 0.3,
        whole_batch=mode != "acknowledge" and dice.random() < 0.15,
        batch_size=dice.randint(1, 10),
        window=timedelta(seconds=dice.choice((0, 0, 5))),
        bisects=dice.random() < 0.3,
        attempts=dice.choice((None, None, None, None, 0, 2, 6)),
        age=dice.choice((None, None, None, None, timedelta(minutes=1))),
        lanes=dice.choice((1, 1, 1, 3)),
        shards=dice.choice((1, 1, 1, 2)),
        faults=() if calm or deadly else tuple(_fault(dice) for _ in range(dice.randint(0, 4))),
        has_twin=mode != "acknowledge" and dice.random() < 0.1,
    )


def _job(dice: Random, name: str) -> Job:
    kind: Literal["single", "async", "batched", "each"] = dice.choices(
        ("single", "async", "batched", "each"), (10, 1, 4, 4)
    )[0]
    size = dice.choice((None, 1, 2, 3, 5)) if kind in {"batched", "each"} else None
    return Job(name, kind, size, picky=dice.random() < 0.2)


def _form(dice: Random, *, lasting: bool) -> Form:
    if not lasting or dice.random() < 0.9:
        return "sound"
    return dice.choice(("undecodable", "undecodable", "malformed", "stranger"))


def _trouble(dice: Random, *, calm: bool, lasting: bool, deadly: bool) -> Trouble:
    kinds: tuple[Literal["refuse", "raise", "hang", "turn", "kill"], ...] = ("refuse", "refuse", "raise")
    if not calm:
        kinds = (*kinds, "hang", "turn", "kill")
    if deadly:
        kinds = ("kill",)
    return Trouble(dice.choice(kinds), FOR_EVER if lasting and dice.random() < 0.4 else dice.randint(1, 7))


def _fault(dice: Random) -> Fault:
    invocation = dice.randint(1, 8)
    stores: tuple[Literal["ledger reads", "ledger writes", "dead letters"], ...] = (
        "ledger reads",
        "ledger writes",
        "dead letters",
    )
    faults: tuple[Fault, ...] = (
        Crash(invocation, dice.randint(0, 5)),
        Crash(invocation),
        LostAnswer(invocation),
        Repeated(invocation),
        HalfWritten(invocation),
        *(StoreDown(invocation, store) for store in stores),
    )
    return dice.choice(faults)
