"""What a run has measured, as it is kept: one JSON file for each version of Python, from which the document is written.

Figures are kept raw, one for each round or process; what is shown of them is worked out when the document is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from cattrs import Converter

_CONVERTER: Final = Converter()


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some figures."""

    least: float
    middle: float
    greatest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Take it of figures."""
        return cls(min(figures), median(figures), max(figures))


@dataclass(frozen=True)
class Timing:
    """The times of one thing, by CPU and by the clock: one figure a round."""

    cpu: list[float]
    wall: list[float]

    def cpu_to(self, other: Timing) -> Spread:
        """Compare with the CPU time of another thing, round by round."""
        return Spread.of([one / two for one, two in zip(self.cpu, other.cpu, strict=True)])

    def wall_to(self, other: Timing) -> Spread:
        """Compare with the time that another thing took, round by round."""
        return Spread.of([one / two for one, two in zip(self.wall, other.wall, strict=True)])


@dataclass(frozen=True)
class LoadSize:
    """How large a load is."""

    title: str
    records: int
    images: int
    attributes: float
    bytes: int


@dataclass(frozen=True)
class Row:
    """How a contender did on a load, in µs an image, and what is to be known of it."""

    title: str
    timing: Timing
    remark: str = ""


@dataclass(frozen=True)
class Decoding:
    """How all contenders did on a load, by name."""

    size: LoadSize
    rows: dict[str, Row]


@dataclass(frozen=True)
class Lanes:
    """How near `concurrent` comes to what its lanes allow: the times it took, each over the bound."""

    bound: float
    threads: list[float]
    coroutines: list[float]


@dataclass(frozen=True)
class Replays:
    """How fast an export of so many records is read as JSON and replayed, in µs a record.

    `read` and `replayed` are of one process. `one` and `two` are by the clock, for so many processes.
    """

    records: int
    read: Timing
    replayed: Timing
    one: list[float]
    two: list[float]


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    processor: str
    cores: int
    system: str


@dataclass(frozen=True)
class Run:
    """All that one run of the benchmark has measured.

    `running` holds µs a record, `cold` and `first_results` hold ms. `instructions` holds those of whole cold processes,
    and nothing where they were not counted. `replays` is None for a run from before there were any.
    """

    python: str
    date: str
    machine: Machine
    libraries: dict[str, str]
    decoding: dict[str, Decoding]
    running: dict[str, Timing]
    lanes: Lanes
    cold: dict[str, Timing]
    first_results: Timing
    instructions: dict[str, int] = field(default_factory=dict[str, int])
    replays: Replays | None = None
    quick: bool = field(default=False)

    @property
    def version(self) -> str:
        """The feature version of Python: ``3.11``."""
        return ".".join(self.python.split(".")[:2])


def save(run: Run, folder: Path) -> Path:
    """Keep a run in place of the one before of the same version of Python."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.version}.json"
    rounded = json.loads(
        json.dumps(_CONVERTER.unstructure(run)), parse_float=lambda text: float(f"{float(text):.5g}")
    )
    path.write_text(json.dumps(rounded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load_all(folder: Path) -> list[Run]:
    """Take all runs that are kept, by version of Python."""
    runs = [
        _CONVERTER.structure(json.loads(path.read_text(encoding="utf-8")), Run)
        for path in folder.glob("*.json")
    ]
    return sorted(runs, key=lambda run: [int(part) for part in run.version.split(".")])
