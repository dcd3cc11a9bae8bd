"""Replays an export of a million items on this machine and on Spark, and compares: ``make million``.

It prints rates and the memory that processes had at their largest, and fails if the outcomes differ or memory grows.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, overload

from typing_extensions import override

from streamfn.exports import replay
from tests.sources.export.exports import Line, item, write_export
from tests.sources.export.on_spark import replayed_on_spark

ITEMS: Final = 1_000_000
FILES: Final = 8
APP: Final = "tests.sources.export.app:process"
MOST: Final = 200 * 1024
"""How large a process may become, in KB: the export's lines alone have more than a hundred bytes each."""


class Cards(Sequence[Line]):
    """The lines of cards with these numbers, made when they are asked for; one of a thousand is refused."""

    def __init__(self, numbers: range) -> None:
        """Take the numbers."""
        self._numbers = numbers

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> Cards: ...

    @override
    def __getitem__(self, index: int | slice) -> Line | Cards:
        if isinstance(index, slice):
            return Cards(self._numbers[index])
        return item(self._numbers[index], "refuse" if self._numbers[index] % 1_000 == 0 else "hello")

    @override
    def __len__(self) -> int:
        return len(self._numbers)

    @override
    def __iter__(self) -> Iterator[Line]:
        return (self[index] for index in range(len(self)))


def main() -> None:
    """Make the export, replay it twice, and say what came of it."""
    each = ITEMS // FILES
    with TemporaryDirectory() as folder:
        place = write_export(Path(folder), [Cards(range(each * n, each * (n + 1))) for n in range(FILES)])
        started = time.perf_counter()
        done = replay(place, APP, processes=2, progress=Path(folder) / "local")
        took = time.perf_counter() - started
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        local = Counter({(handler, "handled"): count for handler, count in done.handled.items()})
        local.update({(handler or "", outcome): count for (handler, outcome), count in done.failed.items()})
        _say(
            f"2 processes: {ITEMS / took:,.0f} records a second, {largest / 1024:.0f} MB at most: {dict(local)}"
        )
        assert local["index", "handled"] == ITEMS
        assert local["announce", "Refused"] == ITEMS // 1_000
        assert largest < MOST
        started = time.perf_counter()
        spark = replayed_on_spark(place, APP, Path(folder) / "spark")
        took = time.perf_counter() - started
        if spark is None:
            _say("Spark: not installed here; `make million` brings it")
            return
        _say(f"Spark, local[2]: {ITEMS / took:,.0f} records a second with its start: {dict(spark)}")
        assert spark == local


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
