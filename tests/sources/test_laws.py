"""Whatever the stream answers and whenever the process dies, each record is settled, and no checkpoint is ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from streamfn.sources import After, Drained, Notice, Position, ShardStarted, Since, Start, StreamReader
from streamfn.sources import _reader as rounds_module
from streamfn.sources import _shards as shard_module
from streamfn.sources._shards import RecordsPage, ShardList
from tests.sources.streams import ARN, Clock, Stream, naming, number_of, records_of, refusal

FAULTS = [
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "InternalServerError",
    "ExpiredIteratorException",
]


ANSWERS: list[int | str] = ["raise", *range(10)]
"""Of how many records a function tells that they are settled."""


class Crash(BaseException):
    """The process dies."""


@dataclass(repr=False)
class World:
    """A stream that changes while it is read, a function that fails at times, a process that dies at times.

    Changes come one at a time, ahead of requests and while the reader waits; the last one switches the stream off.
    `crashes` are the numbers of steps after which the process dies, each counted from the one before.
    """

    changes: list[tuple[str, int]]
    faults: list[str]
    answers: list[int | str]
    crashes: list[int]
    stream: Stream
    clock: Clock
    saved: Mapping[str, Position] | None = None
    first: Mapping[str, Position] | None = None
    begun: dict[str, int] = field(default_factory=dict[str, int])
    handled: list[str] = field(default_factory=list[str])
    lines: dict[str, str] = field(default_factory=dict[str, str])
    written: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    steps: int = 0

    def __post_init__(self) -> None:
        """Remember what is to come, for whoever looks at a world in which the law is broken."""
        self.plan = (
            f"changes={self.changes}, faults={self.faults}, answers={self.answers}, crashes={self.crashes}"
        )

    @override
    def __repr__(self) -> str:
        return f"World({self.plan})"

    def change(self) -> None:
        """Let the next change happen."""
        if not self.changes:
            if not self.stream.is_off:
                self.stream.switch_off()
            return
        kind, which = self.changes.pop(0)
        opened = [name for name, shard in self.stream.shards.items() if not shard.is_closed]
        name = opened[which % len(opened)]
        if kind == "write":
            item = sorted(letter for letter, line in self.lines.items() if line == name)
            if item:
                letter = item[which % len(item)]
                text = f"{letter}{len(self.written.setdefault(letter, [])):03}"
                self.written[letter].append(text)
                self.stream.write(name, text)
        else:
            self.stream.close(name)
            children = [f"{name}.{number}" for number in range(1 if kind == "roll" else 2)]
            for child in children:
                self.stream.add(child, parent=name)
            for number, letter in enumerate(sorted(x for x, line in self.lines.items() if line == name)):
                self.lines[letter] = children[number % len(children)]

    def step(self) -> None:
        """Die here, if it is time."""
        self.steps += 1
        if self.crashes and self.steps >= self.crashes[0]:
            del self.crashes[0]
            self.steps = 0
            raise Crash

    def request(self, name: str, _: str) -> None:
        """Be asked something: the world has moved on, and may refuse."""
        self.step()
        self.change()
        fault = self.faults.pop() if self.faults else ""
        if fault and (name == "read" or fault != "ExpiredIteratorException"):
            raise refusal(fault)

    def function(self, payload: object, _: None) -> object:
        """Handle records up to one that fails, if it is time for that."""
        records = records_of(payload)
        self.step()
        answer = self.answers.pop() if self.answers else len(records)
        if answer == "raise":
            raise ValueError("secret")
        count = min(int(answer), len(records))
        self.handled += [str(record["eventID"]) for record in records[:count]]
        self.step()
        return naming(records[count]) if count < len(records) else {"batchItemFailures": []}

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        assert stream_arn == ARN
        return self.saved

    def save(self, _: str, positions: Mapping[str, Position], /) -> None:
        self.step()
        self.first = dict(positions) if self.first is None else self.first
        for name, position in positions.items():
            self.check(name, position)
        self.saved = dict(positions)
        self.step()

    def release(self, _: str, /) -> None:
        pass

    def check(self, name: str, position: Position) -> None:
        """A checkpoint is behind what is handled, and so is all that the shard descends from."""
        shard = self.stream.shards[name]
        numbers = [number_of(record) for record in shard.records]
        match position:
            case After(number):
                due = shard.records[: numbers.index(number) + 1]
            case Drained():
                assert shard.is_closed
                due = shard.records
            case Since():
                due = []
        expected = self.wanted(name) & {str(record["eventID"]) for record in due}
        parent = shard.parent
        while parent is not None:
            expected |= self.wanted(parent)
            parent = self.stream.shards[parent].parent
        assert expected <= set(self.handled)

    def tell(self, notice: Notice) -> None:
        """Remember from where on a shard is read, the first time that it is."""
        if isinstance(notice, ShardStarted):
            written = len(self.stream.shards[notice.shard_id].records)
            self.begun.setdefault(notice.shard_id, written if notice.start == "latest" else 0)

    def wanted(self, name: str) -> set[str]:
        """Give the records of a shard that have to be settled: all, unless the reader began at the end.

        Then it is those that came when the end had been found, and none of a shard that was over already.
        """
        assert self.first is not None
        records = self.stream.shards[name].records
        match self.first.get(name):
            case None:
                due = records
            case Since():
                due = records[self.begun[name] :] if name in self.begun else []
            case _:
                due = []
        return {str(record["eventID"]) for record in due}


@st.composite
def worlds(draw: st.DrawFn, *, crash: bool = True, fail: bool = True) -> tuple[World, int]:
    """Make a world, and the size of batches."""
    clock = Clock()
    empty = draw(st.lists(st.booleans(), max_size=20))
    stream = Stream(
        clock,
        records_a_page=draw(st.integers(1, 6)),
        shards_a_page=draw(st.integers(1, 4)),
        empty_pages=iter(empty),
    )
    kinds = st.sampled_from(["write"] * 8 + ["roll", "split"])
    world = World(
        changes=draw(st.lists(st.tuples(kinds, st.integers(0, 100)), min_size=30, max_size=90)),
        faults=draw(st.lists(st.sampled_from(["", "", "", *FAULTS]), min_size=5, max_size=40)),
        answers=draw(st.lists(st.sampled_from(ANSWERS), min_size=2, max_size=15)) if fail else [],
        crashes=draw(st.lists(st.integers(1, 40), min_size=2, max_size=12)) if crash else [],
        stream=stream,
        clock=clock,
    )
    roots = draw(st.integers(1, 3))
    for number in range(roots):
        stream.add(f"s{number}")
    world.lines = {letter: f"s{number % roots}" for number, letter in enumerate("abcdefg")}
    for _ in range(draw(st.integers(0, len(world.changes)))):
        world.change()
    stream.before = world.request
    clock.during_wait = world.change
    return world, draw(st.integers(1, 7))


Run = Callable[[StreamReader, World], None]


def run(reader: StreamReader, world: World) -> None:
    """Do what a program does."""
    reader.run(world.function, signals=False)


def live(world: World, batch_size: int, run: Run = run, start: Start = "trim_horizon") -> None:
    """Read the stream to its end, in as many processes as that takes, and hold what is seen against the law."""
    done = False
    while not done:
        reader = StreamReader(
            ARN,
            client=world.stream,
            clock=world.clock,
            checkpoints=world,
            start=start,
            batch_size=batch_size,
            report=world.tell,
        )
        with suppress(Crash):
            run(reader, world)
            done = True
    wanted = {text for name in world.stream.shards for text in world.wanted(name)}
    for letter, texts in world.written.items():
        first = list(dict.fromkeys(text for text in world.handled if text[0] == letter and text in wanted))
        assert first == [text for text in texts if text in wanted], (
            "an item's records are settled in their order"
        )
        assert first == texts or start == "latest"


EXAMPLES = settings(
    max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@EXAMPLES
@given(worlds())
def test_each_record_is_settled_and_no_checkpoint_is_ahead(drawn: tuple[World, int]) -> None:
    live(*drawn)


@EXAMPLES
@given(worlds())
def test_nothing_that_comes_after_a_reader_has_begun_at_the_end_is_skipped(drawn: tuple[World, int]) -> None:
    live(*drawn, start="latest")


@EXAMPLES
@given(worlds(crash=False))
def test_nothing_that_was_settled_comes_again_unless_the_process_dies(drawn: tuple[World, int]) -> None:
    world, batch_size = drawn
    live(world, batch_size)
    assert len(world.handled) == len(set(world.handled))


@EXAMPLES
@given(worlds(crash=False, fail=False))
def test_a_shard_is_read_five_times_a_second_at_most(drawn: tuple[World, int]) -> None:
    world, batch_size = drawn
    live(world, batch_size)
    by_shard: dict[str, list[float]] = {}
    for name, seconds in world.stream.read_at:
        by_shard.setdefault(name, []).append(seconds)
    for moments in by_shard.values():
        assert all(after - before > 0.199 for before, after in pairwise(moments))


def is_lawful(run: Run = run, start: Start = "trim_horizon") -> bool:
    """Tell whether the law holds for a reader, and look no further than the first world in which it does not."""

    @settings(EXAMPLES, phases=[Phase.generate], report_multiple_bugs=False)
    @given(worlds())
    def holds(drawn: tuple[World, int]) -> None:
        live(*drawn, run, start)

    try:
        holds()
    except AssertionError:
        return False
    return True


def test_the_law_catches_a_checkpoint_that_is_saved_before_the_function_answers() -> None:
    def hasty(reader: StreamReader, world: World) -> None:
        for batch in reader.batches():
            batch.settle()
            with suppress(ValueError):
                world.function(batch.payload, None)

    assert not is_lawful(hasty)


def test_the_law_catches_an_answer_that_is_not_looked_at() -> None:
    def deaf(reader: StreamReader, world: World) -> None:
        for batch in reader.batches():
            try:
                world.function(batch.payload, None)
            except ValueError:
                batch.reject()
            else:
                batch.settle()

    assert not is_lawful(deaf)


def test_the_law_catches_a_child_that_is_read_before_its_parent_is_drained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def all_at_once(
        listing: ShardList, positions: Mapping[str, Position], reading: Mapping[str, object]
    ) -> Iterator[str]:
        return (name for name in listing.shards if name not in positions and name not in reading)

    monkeypatch.setattr(rounds_module, "readable", all_at_once)
    assert not is_lawful()


def test_the_law_catches_the_last_page_of_a_closed_shard_that_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = shard_module.Shard.read

    def short(shard: shard_module.Shard, page: RecordsPage) -> None:
        read(shard, page if page.after is not None else RecordsPage([], None))

    monkeypatch.setattr(shard_module.Shard, "read", short)
    assert not is_lawful()


def test_the_law_catches_a_new_shard_that_is_read_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = shard_module.shard_at

    def at_end(name: str, position: Position | None) -> shard_module.Shard:
        shard = made(name, position)
        shard.at_end = position is None
        return shard

    monkeypatch.setattr(rounds_module, "shard_at", at_end)
    assert not is_lawful()


def test_the_law_catches_an_end_that_is_looked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = shard_module.shard_at

    def at_end(name: str, position: Position | None) -> shard_module.Shard:
        shard = made(name, position)
        shard.at_end = isinstance(position, Since)
        return shard

    monkeypatch.setattr(rounds_module, "shard_at", at_end)
    assert not is_lawful(start="latest")


def test_the_law_holds_for_what_run_does_by_hand() -> None:
    """So that those above are caught for what they do, and for nothing else."""

    def patient(reader: StreamReader, world: World) -> None:
        for batch in reader.batches():
            with suppress(ValueError):
                batch.settle(world.function(batch.payload, None))

    assert is_lawful(patient)
