"""The bounds that the project sets itself, and how a run stands to them. A benchmark reports; it does not fail.

Beside them stands what is worth a look, and has no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tests.benchmarks.cold_starts import ZERO
from tests.benchmarks.field import LIMIT
from tests.benchmarks.peers.streamfn_itself import DECODE, TABLE_BY_TABLE
from tests.benchmarks.results import Run, Spread, Timing
from tests.benchmarks.running import UNWANTED, deployed

Measured: TypeAlias = Callable[[Run], Spread | None]
"""Takes a figure from a run; None if it was not measured."""


@dataclass(frozen=True)
class Bound:
    """Something that a figure should be at most or at least."""

    title: str
    sense: Literal["at most", "at least"]
    limit: float
    unit: str
    measured: Measured

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
    decoding = run.decoding.get(load)
    row = None if decoding is None else decoding.rows.get(name)
    return None if row is None else row.timing


def _ratio(load: str, name: str, other: str) -> Measured:
    """Compare the CPU times of two contenders."""

    def measured(run: Run) -> Spread | None:
        one, two = _timing(run, load, name), _timing(run, load, other)
        return None if one is None or two is None else one.cpu_to(two)

    return measured


def cost(name: str) -> Measured:
    """Take what something costs for a record."""

    def measured(run: Run) -> Spread | None:
        timing = run.running.get(name)
        return None if timing is None else Spread.of(timing.cpu)

    return measured


def own_cost(run: Run) -> Spread | None:
    """Find what the deployed function costs for a record and handler, or None if that was not measured.

    It is what three handlers that do nothing take, less decoding, and less the calls of these handlers.
    """
    return _third_of(run, "retry three", ("images", "calls"))


def own_cost_of_a_bare_call(run: Run) -> Spread | None:
    """Find the same of a pipeline that is called by itself."""
    return _third_of(run, "three", ("images", "calls"))


def _own_cost_after_reading(run: Run) -> Spread | None:
    """Find the own cost without the reading and checking of the record, of which `read` does as much."""
    return _third_of(run, "retry three", ("images", "calls", "read"))


def _third_of(run: Run, whole: str, less: Sequence[str]) -> Spread | None:
    timings = [timing.cpu for name in (whole, *less) if (timing := run.running.get(name)) is not None]
    if len(timings) <= len(less):
        return None
    return Spread.of([(first - sum(parts)) / 3 for first, *parts in zip(*timings, strict=True)])


def counted(run: Run, name: str) -> int | None:
    """Find how many instructions come on top of Lambda's runtime client and json; None if they were not counted."""
    whole, zero = run.instructions.get(name), run.instructions.get(ZERO)
    return None if whole is None or zero is None else whole - zero


def _cold_instructions(other: str) -> Measured:
    """Compare the instructions of a cold start with those of one with another library."""

    def measured(run: Run) -> Spread | None:
        ours, theirs = counted(run, "streamfn"), counted(run, other)
        return None if ours is None or theirs is None else Spread.of([ours / theirs])

    return measured


def _cold_cpu(other: str) -> Measured:
    """Compare the CPU time of a cold start with that of one with another library."""

    def measured(run: Run) -> Spread | None:
        ours, theirs = run.cold.get("streamfn"), run.cold.get(other)
        return None if ours is None or theirs is None else ours.cpu_to(theirs)

    return measured


def _threads(run: Run) -> Spread:
    return Spread.of(run.lanes.threads)


def _coroutines(run: Run) -> Spread:
    return Spread.of(run.lanes.coroutines)


_BATCH: Final = "Powertools batch"
_PARSER: Final = "Powertools batch and parser"

BOUNDS: Final[Sequence[Bound]] = (
    Bound("decoding, to by hand", "at most", 0.85, "", _ratio("cards", DECODE.name, LIMIT.name)),
    Bound(
        "decoding three entities, to by hand",
        "at most",
        0.85,
        "",
        _ratio("entities", DECODE.name, LIMIT.name),
    ),
    Bound(
        "Powertools' batch processor, to decoding", "at least", 7, "", _ratio("cards", _BATCH, DECODE.name)
    ),
    Bound("boto3 and cattrs, to decoding", "at least", 5, "", _ratio("cards", "boto3+cattrs", DECODE.name)),
    *(
        Bound(f"{form}: {each.title}", "at most", each.limit, " µs", cost(measured))
        for name, each in UNWANTED.items()
        if each.limit is not None
        for form, measured in (("deployed", deployed(name)), ("bare", name))
    ),
    Bound("deployed: own cost for a record and handler", "at most", 1.0, " µs", own_cost),
    Bound("bare: own cost for a record and handler", "at most", 1.0, " µs", own_cost_of_a_bare_call),
    Bound("`concurrent` in threads, to its lanes' bound", "at most", 1.15, "", _threads),
    Bound("`concurrent` with coroutines, to its lanes' bound", "at most", 1.15, "", _coroutines),
    Bound(
        "a cold start in instructions, to Powertools' batch processor",
        "at most",
        0.95,
        "",
        _cold_instructions(_BATCH),
    ),
    Bound(
        "a cold start in instructions, to its batch processor and parser",
        "at most",
        0.4,
        "",
        _cold_instructions(_PARSER),
    ),
)

BESIDE: Final[Mapping[str, Measured]] = {
    "decoding three entities, to tables of their own": _ratio("entities", DECODE.name, TABLE_BY_TABLE.name),
    "deployed: own cost for a record and handler, less `read`": _own_cost_after_reading,
    "a cold start in CPU time, to Powertools' batch processor": _cold_cpu(_BATCH),
    "a cold start in CPU time, to its batch processor and parser": _cold_cpu(_PARSER),
}
"""What has no bound, by title."""
