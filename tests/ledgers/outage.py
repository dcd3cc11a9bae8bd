"""An outage of what handlers need, for many lanes of a stream that share one ledger, with the limits of its table.

``python -m tests.ledgers.outage LANES…`` tells how long each number of lanes takes to recover. All of it is simulated:
the seconds are those of the simulation, and a run is the same each time.

Each lane gets its share of the stream's numbers, so that the batches of all lanes lie between the same numbers. For
five minutes each handler fails. Lambda sends a batch that failed again after a second, and then after twice as long
each time, up to five minutes. A partition of the table has 3,000 read and 1,000 write units a second ("Burst and
adaptive capacity", DynamoDB Developer Guide).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Final

from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import Failed, InsertEvent, lambda_handler, on_insert, pipeline, retry
from streamfn._aws import BatchWriteItemOutput, LazyClient, QueryOutput, make_dynamodb
from streamfn.ledgers._dynamodb import SegmentLog
from streamfn.testing import LambdaEvent, insert_event, lambda_event
from tests.cards import Card, cards
from tests.ledgers.tables import NAME, NOW, Kind, MemoryTable, Put, refusal

OUTAGE: Final = 300.0
TIMEOUT: Final = 30.0
LIMITS: Final[dict[Kind, int]] = {"reads": 3_000, "writes": 1_000}
_BATCHES: Final = 4
_BATCH: Final = 10
_ANSWER: Final = 0.005
"""How long DynamoDB takes for an answer, in seconds."""
_A_MEGABYTE: Final = 0.05
_LONGEST_PAUSE: Final = 300.0


@dataclass
class World:
    """The time of the simulation, which is the function's clock as well."""

    seconds: float = 0.0

    @property
    def now(self) -> datetime:
        """The moment."""
        return datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=self.seconds)

    def alarm(self, _: float, __: Callable[[], None], /) -> Callable[[], None]:
        """Ring never: no handler hangs here."""
        return lambda: None

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass
class BusyTable(MemoryTable):
    """A table whose partitions take so many units a second, and whose answers take their time."""

    world: World = field(default_factory=World)
    used: Counter[tuple[str, Kind, int]] = field(default_factory=Counter[tuple[str, Kind, int]])
    limits: Mapping[Kind, int] = field(default_factory=lambda: LIMITS)
    turned_away: int = 0

    @override
    def query(self, **request: object) -> QueryOutput:
        self.world.wait(_ANSWER)
        query: Callable[..., QueryOutput] = super().query
        return query(**request)

    @override
    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> BatchWriteItemOutput:
        self.world.wait(_ANSWER)
        return super().batch_write_item(RequestItems=RequestItems)

    @override
    def update_item(self, **request: object) -> object:
        self.world.wait(_ANSWER)
        update: Callable[..., object] = super().update_item
        return update(**request)

    @override
    def admit(self, partition: str, kind: Kind) -> None:
        if self.used[partition, kind, int(self.world.seconds)] >= self.limits[kind]:
            self.turned_away += 1
            raise refusal("ProvisionedThroughputExceededException")

    @override
    def take(self, partition: str, kind: Kind, units: int) -> None:
        super().take(partition, kind, units)
        self.used[partition, kind, int(self.world.seconds)] += units
        if kind == "reads":
            self.world.wait(units / 256 * _A_MEGABYTE)


@dataclass(frozen=True, slots=True)
class Remaining:
    """The context of an invocation that began at a moment."""

    world: World
    began: float

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return int((self.began + TIMEOUT - self.world.seconds) * 1_000)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a simulation shows.

    `seconds` is how long after the outage the last lane had caught up, `invocations` how many there were in all.
    """

    lanes: int
    seconds: float
    invocations: int
    requests: int
    reads: int
    turned_away: int
    effects: Counter[int]


def recovery(lanes: int, limits: Mapping[Kind, int] = LIMITS) -> Recovery:
    """Simulate an outage. Fails with `AssertionError` where lanes have not caught up an hour later."""
    world = World()
    table = BusyTable(world=world, limits=limits)
    effects: Counter[int] = Counter()

    def announce(event: InsertEvent[Card]) -> Result[None, str]:
        if world.seconds < OUTAGE:
            return Failure("down")
        effects[event.new_image.id] += 1
        return Success(None)

    ledger = SegmentLog(
        NAME, LazyClient(make_dynamodb, table), wait=world.wait, now=lambda: NOW + world.seconds
    )
    handler = lambda_handler(
        pipeline(cards, on_insert(announce)), retry(ledger=ledger, scope="follow-cards", report=_quiet)
    )
    function = replace(handler, clock=world)
    random = Random(lanes)  # noqa: S311 (the same in every run)
    events = [(random.random(), lane, 0, 0) for lane in range(lanes)]
    events.sort()
    caught_up = 0.0
    invocations = 0
    while events:
        began, lane, done, failures = heappop(events)
        assert began < OUTAGE + 3_600, f"{len(events) + 1} of {lanes} lanes have not caught up after an hour"
        world.seconds = began
        invocations += 1
        answer = function(_batch(lane, done, lanes), Remaining(world, began))
        if answer["batchItemFailures"]:
            pause = min(2.0**failures, _LONGEST_PAUSE)
            heappush(events, (world.seconds + pause, lane, done, failures + 1))
        elif done + 1 < _BATCHES:
            heappush(events, (world.seconds, lane, done + 1, 0))
        else:
            caught_up = max(caught_up, world.seconds)
    assert len(effects) == lanes * _BATCHES * _BATCH
    return Recovery(
        lanes,
        caught_up - OUTAGE,
        invocations,
        table.requests,
        table.reads.total(),
        table.turned_away,
        Counter(effects.values()),
    )


def _batch(lane: int, place: int, lanes: int) -> LambdaEvent:
    """Make a lane's batch: every number of the stream is some lane's, and all lanes come in turn."""
    records = range(place * _BATCH, (place + 1) * _BATCH)
    numbers = [10**20 + number * lanes + lane for number in records]
    return lambda_event(
        *(
            insert_event(Card(number, "hello"), sequence_number=str(number), event_id=f"{number * 7919:032x}")
            for number in numbers
        )
    )


def _quiet(_: Failed[object]) -> None:
    """Report nothing."""


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or ["100", "1000"]):
        print(recovery(number))  # noqa: T201 (a program prints)
