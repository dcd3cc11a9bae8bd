"""Tables of what was measured, in Markdown, whose source reads well in a terminal too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tests.benchmarks.bounds import BESIDE, BOUNDS, Bound, cost, counted, own_cost, own_cost_of_a_bare_call
from tests.benchmarks.cold_starts import UNCOMPILED, ZERO
from tests.benchmarks.field import LIMIT
from tests.benchmarks.results import Replays, Run, Spread, Timing
from tests.benchmarks.running import UNWANTED, deployed

RUNNING: Final[Mapping[str, str]] = {
    "retry": "deployed: `lambda_handler` with `retry()`, one handler, all in all",
    "retry three": "deployed, with three handlers",
    "memory ledger": "deployed, with `retry(ledger=MemoryLedger())` and one handler",
    "one": "bare: `process(payload)` with one handler, all in all",
    "three": "bare, with three handlers",
    "images": "its images alone, the compiled decoder",
    "calls": "calls of three handlers that do nothing",
    "read": "`read(payload)`, which reads and checks all records",
    **{deployed(name): f"deployed: {each.title}" for name, each in UNWANTED.items()},
    **{name: f"bare: {each.title}" for name, each in UNWANTED.items()},
}
"""What the figures of `running` are, in the order in which they are shown."""

COLD: Final[Mapping[str, str]] = {
    ZERO: "the whole process up to there, for scale",
    "model": "the module of the models",
    "returns": "the models and `returns.result`",
    "cattrs": "the models, `returns.result` and `cattrs`",
    "streamfn": "streamfn in all, with `retry()`",
    "streamfn with stores": "streamfn in all, with a ledger and dead letters",
    UNCOMPILED: "streamfn in all, with `retry()`, from source",
    "Powertools batch": "Powertools' batch processor",
    "Powertools batch and parser": "Powertools' batch processor and parser",
    "boto3": "boto3",
}
"""What the figures of `cold` and `instructions` are, in the order in which they are shown."""


def figure(value: float) -> str:
    """Write a figure with three digits, or with none after the point that would say nothing.

    >>> figure(0.7846), figure(12.345), figure(250.4)
    ('0.78', '12.3', '250')
    """
    return f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def spread(value: Spread | None) -> str:
    """Write the middle of some figures, and within which limits they all are."""
    if value is None:
        return "not measured"
    if value.least == value.greatest:
        return figure(value.middle)
    return f"{figure(value.middle)} ({figure(value.least)} to {figure(value.greatest)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; all columns but the first hold figures."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )


def bounds_table(runs: Sequence[Run]) -> str:
    """Show how each run stands to the bounds, and then what has none."""
    bounds = [[bound.title, bound.wanted, *(_verdict(bound, run) for run in runs)] for bound in BOUNDS]
    beside = [[title, "none", *(spread(measured(run)) for run in runs)] for title, measured in BESIDE.items()]
    return table(["case", "bound", *(f"Python {run.version}" for run in runs)], [*bounds, *beside])


def decoding_table(runs: Sequence[Run], load: str) -> str:
    """Show all contenders on a load, as multiples of the CPU time by hand."""
    slashed = " / ".join(run.version for run in runs)
    return table(
        ["", *(f"Python {run.version}" for run in runs), f"wall time, {slashed}", f"µs an image, {slashed}"],
        (_decoding_row(runs, load, name) for name in _names(runs, load)),
    )


def running_table(runs: Sequence[Run]) -> str:
    """Show what a pipeline costs, in µs of CPU time a record."""
    rows = [[title, *(spread(cost(name)(run)) for run in runs)] for name, title in RUNNING.items()]
    own = [
        [f"own cost for a record and handler, as said above, {form}", *(spread(figure(run)) for run in runs)]
        for form, figure in (("deployed", own_cost), ("bare", own_cost_of_a_bare_call))
    ]
    return table(["µs a record", *(f"Python {run.version}" for run in runs)], [*rows[:8], *own, *rows[8:]])


def lanes_table(runs: Sequence[Run]) -> str:
    """Show how near `concurrent` comes to the bound of its lanes."""
    return table(
        ["wall time, to the bound", *(f"Python {run.version}" for run in runs)],
        [
            ["functions, in threads", *(spread(Spread.of(run.lanes.threads)) for run in runs)],
            ["coroutine functions", *(spread(Spread.of(run.lanes.coroutines)) for run in runs)],
        ],
    )


def replays_table(runs: Sequence[Run]) -> str:
    """Show how fast an export is replayed."""
    found = [(run, run.replays) for run in runs if run.replays is not None]

    def rates(microseconds: Sequence[float]) -> str:
        return f"{1e6 / Spread.of(microseconds).middle:,.0f}"

    def ratio(each: Replays) -> str:
        return spread(each.replayed.cpu_to(each.read))

    def gain(each: Replays) -> str:
        return spread(Spread.of([one / two for one, two in zip(each.one, each.two, strict=True)]))

    return table(
        ["", *(f"Python {run.version}" for run, _ in found)],
        [
            [
                "`json.loads` of the lines, records a second of CPU time",
                *(rates(each.read.cpu) for _, each in found),
            ],
            ["replayed, records a second of CPU time", *(rates(each.replayed.cpu) for _, each in found)],
            ["CPU time of a replay, to that of `json.loads`", *(ratio(each) for _, each in found)],
            [
                "from one process to two, so many times as fast by the clock",
                *(gain(each) for _, each in found),
            ],
        ],
    )


def cold_table(runs: Sequence[Run], times: Callable[[Timing], Sequence[float]]) -> str:
    """Show what libraries cost a fresh process, in ms of CPU time or of time by the clock."""

    def told(timing: Timing | None) -> str:
        return spread(None if timing is None else Spread.of(times(timing)))

    rows = [[title, *(told(run.cold.get(name)) for run in runs)] for name, title in COLD.items()]
    whole = "a whole process, from its start to the Results of 100 records"
    return table(
        ["ms", *(f"Python {run.version}" for run in runs)],
        [*rows, [whole, *(told(run.first_results) for run in runs)]],
    )


def instructions_table(runs: Sequence[Run]) -> str:
    """Show what libraries cost a fresh process, in millions of instructions."""

    def told(run: Run, name: str) -> str:
        count = run.instructions.get(name) if name == ZERO else counted(run, name)
        return "not counted" if count is None else f"{count / 1e6:.0f}"

    return table(
        ["millions of instructions", *(f"Python {run.version}" for run in runs)],
        ([title, *(told(run, name) for run in runs)] for name, title in COLD.items() if name != UNCOMPILED),
    )


def remarks(runs: Sequence[Run]) -> str:
    """Say what is to be known of contenders, each once."""
    rows = (row for run in runs for decoding in run.decoding.values() for row in decoding.rows.values())
    return "\n".join(dict.fromkeys(f"- {row.title}: {row.remark}." for row in rows if row.remark))


def _verdict(bound: Bound, run: Run) -> str:
    measured = bound.measured(run)
    return spread(measured) if measured is None else f"{spread(measured)}, {bound.verdict(measured)}"


def _names(runs: Sequence[Run], load: str) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.decoding[load].rows))


def _decoding_row(runs: Sequence[Run], load: str, name: str) -> list[str]:
    found = [run.decoding[load].rows for run in runs]
    title = next(rows[name].title for rows in found if name in rows)
    timed = [(rows[name].timing, rows[LIMIT.name].timing) if name in rows else None for rows in found]
    return [
        title,
        *(spread(None if each is None else each[0].cpu_to(each[1])) for each in timed),
        " / ".join("-" if each is None else figure(each[0].wall_to(each[1]).middle) for each in timed),
        " / ".join("-" if each is None else figure(Spread.of(each[0].cpu).middle) for each in timed),
    ]
