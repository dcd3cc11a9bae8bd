"""A stream whose batches come with ever other borders, and writers that share a table and die between requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

from streamfn import _aws as _client
from streamfn._time import unlimited
from streamfn.ledgers import Entry, Key, SequenceRange
from streamfn.ledgers._dynamodb import SegmentLog
from tests.ledgers.tables import MemoryTable, Put, Time, log_on, write_as_earlier

Written: TypeAlias = tuple[float, SequenceRange, Sequence[Entry]]
"""What was written of a range, and when, in seconds since 1970."""

_KEPT: Final = 48 * 60 * 60


class Died(Exception):
    """Raised where a process ends before a request, or the request fails."""


@dataclass
class Mortal:
    """A client of a process that may die before any write: it has so many in `lives` left."""

    table: MemoryTable
    lives: int | None = None

    def query(self, **request: object) -> _client.QueryOutput:
        query: Callable[..., _client.QueryOutput] = self.table.query
        return query(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> _client.BatchWriteItemOutput:
        self._live()
        return self.table.batch_write_item(RequestItems=RequestItems)

    def update_item(self, **request: object) -> object:
        self._live()
        update: Callable[..., object] = self.table.update_item
        return update(**request)

    def _live(self) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Died


@dataclass
class Shards:
    """Makes batches at random, has them written by processes, and compares what is read with what was written.

    Records are known by their places. Each lane has records of its own, and numbers of all lanes lie between each
    other; how many lanes there are changes. `step` is how far two numbers lie apart at the most.
    """

    random: Random
    records: int
    step: int
    time: Time = field(default_factory=Time)
    table: MemoryTable = field(default_factory=MemoryTable)
    promised: list[Written] = field(default_factory=list)
    begun: list[Written] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give each record its number."""
        number = self.random.choice([0, 95, 10**6 - 50, 10**21])
        self.numbers: list[int] = []
        for _ in range(self.records):
            number += self.random.randint(1, self.step)
            self.numbers.append(number)
        self.clients = [Mortal(self.table) for _ in range(3)]
        self.processes: list[SegmentLog] = [log_on(client, self.time) for client in self.clients]

    def step_once(self) -> None:
        """Deliver a batch to a process: it reads, and mostly writes, in one go or bit by bit."""
        if self.random.random() < 0.2:
            self.time.now += self.random.choice([60, 1_800, 7_200, 40_000, 80_000])
            self.table.expire(self.time.now)
        sequence_range = self._batch()
        place = self.random.randrange(len(self.processes))
        process, client = self.processes[place], self.clients[place]
        if self.random.random() < 0.9:
            self._assert_known(process, sequence_range)
        if self.random.random() < 0.7:
            client.lives = self.random.choice([None, None, 0, 1, 2])
            for _ in range(self.random.choice([1, 1, 3])):
                self._write(process, sequence_range)
                if client.lives is not None and client.lives < 0:
                    client.lives = None
                    if self.random.random() < 0.5:  # that was its end
                        process = self.processes[place] = log_on(client, self.time)
            client.lives = None

    def _batch(self) -> SequenceRange:
        lanes = self.random.choice([1, 2, 5])
        lane = range(self.random.randrange(lanes), self.records, lanes)
        begin = self.random.randrange(len(lane))
        places = lane[begin : begin + self.random.choice([1, 2, 10, 50])]
        names = tuple(f"id-{place}" for place in places)
        if self.random.random() < 0.1:
            names = (*names, f"sha256-{self.random.randrange(5)}")  # a record without a number
        if self.random.random() < 0.1:
            return SequenceRange("follow-cards", "arn", "0", "0", names)
        numbers = [str(self.numbers[place]) for place in places]
        known = self.random.random() < 0.9
        return SequenceRange("follow-cards", "arn", numbers[0], numbers[-1], names if known else ())

    def _write(self, process: SegmentLog, sequence_range: SequenceRange) -> None:
        names = list(sequence_range.records) or [f"id-{self.random.randrange(self.records)}"]
        if self.random.random() < 0.05:
            names.append(f"id-{self.random.randrange(self.records)}")  # of another batch
        entries = [
            Entry(
                Key(self.random.choice(["announce", "index"]), name),
                self.random.choice(["handled", "dead", "open"]),
                self.random.randrange(3),
            )
            for name in self.random.choices(names, k=self.random.randint(1, 5))
        ]
        written = self.time.now, sequence_range, entries
        self.begun.append(written)
        if self.random.random() < 0.1:
            write_as_earlier(self.table, sequence_range, entries, self.time.now)
        else:
            try:
                process.write(sequence_range, entries, unlimited)
            except Died:
                return
        self.promised.append(written)

    def _assert_known(self, process: SegmentLog, sequence_range: SequenceRange) -> None:
        """Everything that was promised is there for 48 hours, and nothing that was not begun."""
        read = {entry for entry in process.read(sequence_range, unlimited) if about(sequence_range, entry)}
        assert met(self.promised, sequence_range, self.time.now - _KEPT) <= read, (
            "what was written is not read"
        )
        assert read <= met(self.begun, sequence_range), "what is read was not written"


def met(written: Sequence[Written], sequence_range: SequenceRange, since: float = 0.0) -> set[Entry]:
    """Find what was written about the records of a range, as a ledger in memory does."""
    return {
        entry
        for at, other, entries in written
        if at >= since and other.overlaps(sequence_range)
        for entry in entries
        if about(sequence_range, entry)
    }


def about(sequence_range: SequenceRange, entry: Entry) -> bool:
    """Whether an entry is about a record of a range."""
    return not sequence_range.records or entry.pair.record in sequence_range.records


def assert_all_is_known(seeds: range) -> None:
    """Deliver sixty batches of each of some streams."""
    for seed in seeds:
        random = Random(seed)  # noqa: S311 (the same in every run)
        shards = Shards(random, records=random.choice([20, 200]), step=random.choice([1, 3, 400, 10**9]))
        for _ in range(60):
            shards.step_once()
