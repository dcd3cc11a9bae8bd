"""How near `concurrent` comes to the best that its workers and the order of each item allow."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import Event, Pipeline, Table, concurrent, on_event, pipeline
from tests.benchmarks.loads import TABLE, make_load
from tests.benchmarks.models import Card
from tests.benchmarks.results import Lanes
from tests.benchmarks.wire import Record

WORKERS: Final = 32
SECONDS: Final = 0.02
"""How long a handler waits."""

Nothing: TypeAlias = Result[None, str]

_DONE: Final[Nothing] = Success(None)


def _sleeps(_: Event[Card]) -> Nothing:
    time.sleep(SECONDS)
    return _DONE


async def _awaits(_: Event[Card]) -> Nothing:
    await asyncio.sleep(SECONDS)
    return _DONE


def records_of_items(count: int, items: int) -> list[Record]:
    """Make changes of so many items, which take turns."""
    changes = make_load("lanes", "", "card", items, event_names=["MODIFY"]).records
    return [
        {
            **(change := changes[position % items]),
            "eventID": str(position),
            "dynamodb": {**change["dynamodb"], "SequenceNumber": str(1 + position)},
        }
        for position in range(count)
    ]


def bound_of(records: Sequence[Record], workers: int, seconds: float) -> float:
    """Find the least time that the calls can take: that of all of them shared out, or that of the longest lane."""
    lanes = Counter(str(record["dynamodb"]["Keys"]) for record in records)
    return max(len(records) / workers, *lanes.values()) * seconds


def measure_lanes(rounds: int, *, divisor: int = 1) -> Lanes:
    """Run a pipeline of each sort in turn; see `Lanes`."""
    table = Table(TABLE, Card)
    threads = pipeline(table, on_event(_sleeps), strategy=concurrent(workers=WORKERS))
    coroutines = pipeline(table, on_event(_awaits), strategy=concurrent(workers=WORKERS))
    records = records_of_items(1000 // divisor, 200 // divisor)
    bound = bound_of(records, WORKERS, SECONDS)
    took = [(_time(threads, records), _time(coroutines, records)) for _ in range(rounds)]
    return Lanes(bound, [one / bound for one, _ in took], [other / bound for _, other in took])


def _time(process: Pipeline[None, str], records: Sequence[Record]) -> float:
    started = time.perf_counter()
    results = process({"Records": list(records)})
    took = time.perf_counter() - started
    assert len(results) == len(records)
    return took
