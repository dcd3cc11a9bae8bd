"""How it is measured: all things side by side, on a few records at a time, and of each the least that it took.

A machine that others use too slows down for moments. Each piece of work is therefore so short that many of them fall
between two such moments, all things take turns on the same records, and of several repeats the fastest counts. The
sum of those over all records is one round's figure; several rounds show how far it can be trusted.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, thread_time_ns
from typing import Final

from tests.benchmarks.contenders import Work
from tests.benchmarks.loads import Chunk
from tests.benchmarks.results import Timing

_NOTHING: Final = ""
"""The name of work that does nothing, whose time is that of the clocks."""


@dataclass(frozen=True)
class Patience:
    """How long to measure: so many rounds, and in each so many repeats as take some seconds."""

    rounds: int = 5
    seconds: float = 1.5
    repeats: tuple[int, int] = (3, 25)

    def repeats_for(self, one: float) -> int:
        """Find how often something that takes so many seconds is to be repeated."""
        least, most = self.repeats
        return max(least, min(most, round(self.seconds / max(one, 1e-9))))


def measure(
    works: Mapping[str, Work], chunks: Sequence[Chunk], units: int, patience: Patience
) -> dict[str, Timing]:
    """Measure all works on all chunks, in µs for one of so many `units`."""
    everything = {_NOTHING: _nothing, **works}
    started = perf_counter_ns()
    _round(everything, chunks, 1)  # warms up, and tells how long a repeat takes
    repeats = patience.repeats_for((perf_counter_ns() - started) / 1e9)
    rounds = [_round(everything, chunks, repeats) for _ in range(patience.rounds)]
    return {
        name: Timing(
            [(cpu[name] - cpu[_NOTHING]) / 1000 / units for cpu, _ in rounds],
            [(wall[name] - wall[_NOTHING]) / 1000 / units for _, wall in rounds],
        )
        for name in works
    }


def _round(
    works: Mapping[str, Work], chunks: Sequence[Chunk], repeats: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Add up the fastest CPU times and the fastest times by the clock, in ns."""
    cpu = dict.fromkeys(works, 0)
    wall = dict.fromkeys(works, 0)
    turns = list(works.items())
    gc.collect()
    gc.disable()
    try:
        for chunk in chunks:
            fastest_cpu: dict[str, int] = {}
            fastest_wall: dict[str, int] = {}
            for _ in range(repeats):
                turns.append(turns.pop(0))  # so that none always follows the same one
                for name, work in turns:
                    clock, own = perf_counter_ns(), thread_time_ns()
                    work(chunk)
                    own, clock = thread_time_ns() - own, perf_counter_ns() - clock
                    fastest_cpu[name] = min(fastest_cpu.get(name, own), own)
                    fastest_wall[name] = min(fastest_wall.get(name, clock), clock)
            for name in works:
                cpu[name] += fastest_cpu[name]
                wall[name] += fastest_wall[name]
    finally:
        gc.enable()
    return cpu, wall


def _nothing(_: Chunk) -> None:
    """Do nothing."""
