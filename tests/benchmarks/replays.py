"""How fast an export is replayed, beside reading its lines as JSON, and what a second process brings."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Final

from streamfn.exports import replay
from tests.benchmarks.loads import TABLE, make_load
from tests.benchmarks.replayed import process
from tests.benchmarks.results import Replays, Timing
from tests.sources.export.exports import write_export

FILES: Final = 8
RECORDS: Final = 160_000
NAME: Final = "tests.benchmarks.replayed:process"


def measure_replays(rounds: int, folder: Path, *, divisor: int = 1) -> Replays:
    """Make an export, and in each round read it, replay it here, and replay it in one process and in two."""
    each = RECORDS // FILES // divisor
    records = make_load("replays", "", "card", 1_000, event_names=["INSERT"]).records
    images = [image for record in records if (image := record["dynamodb"].get("NewImage")) is not None]
    lines = [{"Item": images[number % len(images)]} for number in range(each)]
    arn = {"tableArn": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}"}
    place = write_export(folder, [lines] * FILES, summary=arn)
    count = each * FILES
    found: list[tuple[float, ...]] = []
    for _ in range(rounds):
        read = _timed(lambda: _read(place))
        here = _timed(lambda: _replayed(place, folder, count, None))
        one = _timed(lambda: _replayed(place, folder, count, 1))
        two = _timed(lambda: _replayed(place, folder, count, 2))
        found.append((*read, *here, one[1], two[1]))
    figures = [[figure / count * 1e6 for figure in column] for column in zip(*found, strict=True)]
    return Replays(
        count, Timing(figures[0], figures[1]), Timing(figures[2], figures[3]), figures[4], figures[5]
    )


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Give the CPU time of this process, and the time by the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


def _read(place: Path) -> None:
    for path in sorted((place / "data").iterdir()):
        with gzip.open(path) as opened:
            for line in opened:
                json.loads(line)


def _replayed(place: Path, folder: Path, count: int, processes: int | None) -> None:
    """Replay it from the beginning, in this process or in others."""
    progress = folder / "progress"
    rmtree(progress, ignore_errors=True)
    if processes is None:
        done = replay(place, process, progress=progress)
    else:
        done = replay(place, NAME, processes=processes, progress=progress)
    assert done.is_complete
    assert done.handled == {"nothing": count}
