"""The generated part of docs/performance.md, which stands between two comments, and the plot beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.lanes import SECONDS, WORKERS
from tests.benchmarks.plot import plot
from tests.benchmarks.results import Run
from tests.benchmarks.tables import (
    bounds_table,
    cold_table,
    decoding_table,
    instructions_table,
    lanes_table,
    remarks,
    replays_table,
    running_table,
)

BEGIN: Final = "<!-- The following is written by `make bench`, up to the next such comment. -->"
END: Final = "<!-- Up to here it was written by `make bench`. -->"


class NoPlace(ValueError):
    """A document does not have both comments."""


def write(runs: Sequence[Run], document: Path) -> None:
    """Write the figures of all runs into a document, and the plot beside it. Fails with `NoPlace`."""
    document.with_suffix(".svg").write_text(plot(runs), encoding="utf-8")
    text = document.read_text(encoding="utf-8")
    document.write_text(replaced(text, generated(runs)), encoding="utf-8")


def replaced(text: str, part: str) -> str:
    """Put a part between the comments of a text. Fails with `NoPlace`."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace("the document needs the two comments between which the figures go")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


def generated(runs: Sequence[Run]) -> str:
    """Write all that is measured, in Markdown."""
    parts = [
        *_where(runs),
        "### The bounds",
        bounds_table(runs),
        "### Decoding",
        "CPU time as a multiple of that by hand, with its spread over the rounds. Notes on some:",
        remarks(runs),
        *(part for load in runs[-1].decoding for part in _decoding(runs, load)),
        "### Running",
        running_table(runs),
        (
            f"1,000 records of 200 items, handlers that wait {SECONDS * 1000:.0f} ms, `concurrent(workers={WORKERS})`; "
            f"the lanes allow {runs[-1].lanes.bound:.3g} s:"
        ),
        lanes_table(runs),
        *_replays(runs),
        "### Cold starts, in instructions",
        _counting(runs),
        instructions_table(runs),
        "### Cold starts, by CPU time",
        cold_table(runs, lambda timing: timing.cpu),
        "### Cold starts, by the clock",
        cold_table(runs, lambda timing: timing.wall),
    ]
    return "\n\n".join(part for part in parts if part)


def _where(runs: Sequence[Run]) -> list[str]:
    quick = " in a quick run, whose figures say little" if any(run.quick for run in runs) else ""
    return [
        "\n".join(
            f"- Python {run.python} on {run.date}{quick}: {run.machine.processor}, {run.machine.cores} cores, "
            f"{run.machine.system}; {', '.join(f'{name} {version}' for name, version in run.libraries.items())}."
            for run in runs
        )
    ]


def _replays(runs: Sequence[Run]) -> list[str]:
    found = [run.replays for run in runs if run.replays is not None]
    if not found:
        return []
    told = f"An export of {found[-1].records:,} cards, with one handler that does nothing:"
    return ["### Replays", told, replays_table(runs)]


def _counting(runs: Sequence[Run]) -> str:
    missing = [run.version for run in runs if not run.instructions]
    return f"Not counted with Python {', '.join(missing)}: valgrind was not installed." if missing else ""


def _decoding(runs: Sequence[Run], load: str) -> list[str]:
    measured = [run for run in runs if load in run.decoding]
    size = measured[-1].decoding[load].size
    told = (
        f"**{size.title}**: {size.records:,} records, {size.images:,} images of {size.attributes:.3g} attributes with "
        f"those in maps and lists, {size.bytes:,} bytes"
    )
    return [told, decoding_table(measured, load)]
