"""Whatever fails in between, a redrive that is begun again and again settles every letter once, and in order."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from contextlib import suppress
from random import Random

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import Event, Pipeline, batched, batched_each, concurrent, on_event, pipeline, series
from streamfn._execution.run import Strategy
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Entry, Key, SequenceRange
from streamfn.redrive import redrive
from tests.dead_letters.redriving import Crash, Texts, letter_on, note
from tests.delivery.jobs import Note, notes, written

JOBS = ("single", "each", "all", "awaited")
FOR_ALL = ""
SIDE_BY_SIDE = concurrent(workers=3)


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    """Leave out what is logged of the failures that the seeds are full of."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Weak(MemoryLedger):
    """A ledger that does not always answer when it is asked."""

    def __init__(self, random: Random) -> None:
        """Take what decides."""
        super().__init__()
        self.random = random
        self.is_weak = False

    @override
    def read(self, sequence_range: SequenceRange, _: SecondsLeft, /) -> list[Entry]:
        if self.is_weak and self.random.random() < 0.1:
            raise ConnectionError
        return super().read(sequence_range, _)


class World:
    """Letters of four jobs on some items, all by a seed."""

    def __init__(self, seed: int) -> None:
        """Make them."""
        self.random = random = Random(seed)  # noqa: S311 (a seed makes it the same each time)
        self.done: list[Key] = []
        self.ledger = Weak(random)
        names = [f"{item}{number}" for number in range(random.randrange(1, 8)) for item in "abcde"]
        self.events = dict(zip(names, written(*names), strict=True))
        asked = [Key(job, name) for name in names for job in (*JOBS, FOR_ALL) if random.random() < 0.3]
        self.handled = {pair for pair in asked if random.random() < 0.1 and pair.handler}
        note(self.ledger, dict.fromkeys(asked, "dead"))
        note(self.ledger, dict.fromkeys(self.handled, "handled"))
        self.ledger.is_weak = True
        self.wanted = {Key(job, name) for _, name in asked for job in JOBS if Key(FOR_ALL, name) in asked}
        self.wanted |= {pair for pair in asked if pair.handler}
        self.troubles = Counter(
            {pair: random.randrange(1, 4) for pair in sorted(self.wanted) if random.random() < 0.3}
        )
        self.source = Texts({str(number): each.to_json() for number, each in enumerate(self.letters(asked))})

    def letters(self, asked: Sequence[Key]) -> list[DeadLetter]:
        """Make letters, some of them twice, in no order at all."""
        made = [letter_on(self.events[name].record.raw, handler) for handler, name in asked]
        made += [letter for letter in made if self.random.random() < 0.2]
        self.random.shuffle(made)
        return made

    @property
    def process(self) -> Pipeline[object, object]:
        """Join the jobs, one after the other or side by side."""
        strategy: Strategy = SIDE_BY_SIDE if self.random.random() < 0.5 else series

        def single(event: Event[Note]) -> Result[str, str]:
            return self.do("single", [event])[0]

        async def awaited(event: Event[Note]) -> Result[str, str]:
            return self.do("awaited", [event])[0]

        def each(events: Sequence[Event[Note]]) -> list[Result[str, str]]:
            return self.do("each", events)

        def at_once(events: Sequence[Event[Note]]) -> Result[str, str]:
            return self.do("all", events)[0]

        return pipeline(
            notes,
            on_event(single),
            on_event(awaited),
            on_event(batched_each(each, 3)),
            on_event(batched(at_once, 3), name="all"),
            strategy=strategy,
        )

    def do(self, job: str, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Do a job, or fail at it."""
        (pair,) = (Key(job, event.event_id) for event in events)
        if self.troubles[pair] > 0:
            self.troubles[pair] -= 1
            return [Failure("no")]
        self.done.append(pair)
        return [Success("yes")]

    def redrive(self) -> None:
        """Do it once, which may end in a crash before something is removed."""
        weak = [name for name in self.source.texts if self.random.random() < 0.1]
        self.source.failing = {name: self.random.choice([Crash(), ConnectionError()]) for name in weak}
        left = self.random.choice([float("inf"), self.random.uniform(1.0, 3.0)])

        def seconds_left() -> float:
            nonlocal left
            left -= 0.001
            return left

        with suppress(Crash):
            redrive(self.process, self.source, ledger=self.ledger, seconds_left=seconds_left, unproved=True)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_every_pair_is_handled_once_and_in_the_order_of_its_item(first: int) -> None:
    for seed in range(first, first + 50):
        world = World(seed)
        rounds = 0
        while world.source.texts:
            world.redrive()
            assert (rounds := rounds + 1) < 500, seed
        assert sorted(world.done) == sorted(world.wanted - world.handled), seed
        order: dict[tuple[str, str], list[str]] = defaultdict(list)
        for job, name in world.done:
            order[job, name[0]].append(name)
        assert all(names == sorted(names) for names in order.values()), seed
