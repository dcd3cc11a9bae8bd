"""The bounds that the project sets itself, and how a run stands to them. A benchmark reports; it does not fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tests.benchmarks.cold_starts import ZERO
from tests.benchmarks.field import LIMIT
from tests.benchmarks.peers.streamfn_itself import DECODING, TABLE_BY_TABLE
from tests.benchmarks.results import Run, Spread, Timing


@dataclass(frozen=True)
class Bound:
    """Something that a figure should be at most or at least; `measured` is None where it was not measured."""

    title: str
    sense: Literal["at most", "at least"]
    limit: float
    unit: str
    measured: Callable[[Run], Spread | None]

    @property
    def wanted(self) -> str:
        """What the figure should be, in words."""
        return f"{self.sense} {self.limit:g}{self.unit}"

    def verdict(self, measured: Spread) -> str:
        """Say whether the middle of what was measured keeps the bound, and by how much.

        >>> Bound("", "at most", 0.8, "", lambda run: None).verdict(Spread(0.5, 0.6, 1.0))
        'met by 25%'
        """
        distance = self.limit - measured.middle if self.sense == "at most" else measured.middle - self.limit
        margin = distance / self.limit
        if margin < -1:
            return f"**missed**: {1 - margin:.1f} times as much"
        return f"{'met' if margin >= 0 else '**missed**'} by {abs(margin):.0%}"


def _timing(run: Run, load: str, name: str) -> Timing | None:
    row = run.decoding[load].rows.get(name)
    return None if row is None else row.timing


def _ratio(load: str, name: str, other: str) -> Callable[[Run], Spread | None]:
    """Compare the CPU times of two contenders."""

    def measured(run: Run) -> Spread | None:
        one, two = _timing(run, load, name), _timing(run, load, other)
        return None if one is None or two is None else one.cpu_to(two)

    return measured


def _cost(name: str) -> Callable[[Run], Spread | None]:
    return lambda run: Spread.of(run.running[name].cpu)


def own_cost(run: Run) -> Spread:
    """Find what the pipeline costs for a record and handler.

    It is what three handlers that do nothing take, less decoding, and less what a record costs that nobody wants:
    that one has been read and looked up, which is not counted here.
    """
    parts = (run.running[name].cpu for name in ("three", "images", "unwanted kind"))
    return Spread.of([(whole - images - reading) / 3 for whole, images, reading in zip(*parts, strict=True)])


def _cold(other: str) -> Callable[[Run], Spread | None]:
    """Compare whole cold processes by CPU time: up to the models, and then with a pipeline or with another library."""

    def measured(run: Run) -> Spread | None:
        if other not in run.cold:
            return None
        each = zip(*(run.cold[name].cpu for name in (ZERO, "streamfn", other)), strict=True)
        return Spread.of([(zero + ours) / (zero + theirs) for zero, ours, theirs in each])

    return measured


def _threads(run: Run) -> Spread:
    return Spread.of(run.lanes.threads)


def _coroutines(run: Run) -> Spread:
    return Spread.of(run.lanes.coroutines)


BOUNDS: Final[Sequence[Bound]] = (
    Bound("decoding, to by hand", "at most", 0.85, "", _ratio("cards", DECODING.name, LIMIT.name)),
    Bound(
        "decoding three entities, to by hand",
        "at most",
        0.85,
        "",
        _ratio("entities", DECODING.name, LIMIT.name),
    ),
    Bound(
        "decoding three entities, to tables of their own",
        "at most",
        1.05,
        "",
        _ratio("entities", DECODING.name, TABLE_BY_TABLE.name),
    ),
    Bound(
        "Powertools' batch processor, to decoding",
        "at least",
        7,
        "",
        _ratio("cards", "Powertools batch", DECODING.name),
    ),
    Bound("boto3 and cattrs, to decoding", "at least", 5, "", _ratio("cards", "boto3+cattrs", DECODING.name)),
    Bound("a record of a kind that nobody handles", "at most", 0.3, " µs", _cost("unwanted kind")),
    Bound("a record of a table that nobody handles", "at most", 0.3, " µs", _cost("unwanted table")),
    Bound("a record that `where` refuses by its keys", "at most", 0.8, " µs", _cost("refused by where")),
    Bound("own cost for a record and handler", "at most", 1.0, " µs", own_cost),
    Bound("`concurrent` in threads, to its lanes' bound", "at most", 1.15, "", _threads),
    Bound("`concurrent` with coroutines, to its lanes' bound", "at most", 1.15, "", _coroutines),
    Bound(
        "a cold start, to one with Powertools' batch processor",
        "at most",
        0.95,
        "",
        _cold("Powertools batch"),
    ),
    Bound(
        "a cold start, to one with its batch processor and parser",
        "at most",
        0.4,
        "",
        _cold("Powertools batch and parser"),
    ),
)
