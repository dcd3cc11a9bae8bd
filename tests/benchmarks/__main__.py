"""Measures everything, and writes docs/performance.md: ``python -m tests.benchmarks --quick``."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from tests.benchmarks.cold_counts import count_cold
from tests.benchmarks.cold_starts import measure_cold, measure_first_results
from tests.benchmarks.decoding import measure_decoding
from tests.benchmarks.document import generated, write
from tests.benchmarks.field import contenders
from tests.benchmarks.interleaving import Patience
from tests.benchmarks.lanes import measure_lanes
from tests.benchmarks.loads import make_loads
from tests.benchmarks.machine import installed, this_machine
from tests.benchmarks.replays import measure_replays
from tests.benchmarks.results import Run, load_all, save
from tests.benchmarks.running import measure_running

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = ROOT / "docs" / "performance"


def main() -> None:
    """Measure with this Python, keep what was measured, and write the document of all that is kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure little, and write nothing")
    parser.add_argument("--write", action="store_true", help="measure nothing, and write the document anew")
    asked = parser.parse_args()
    if not cast("bool", asked.write):
        run = _measure(quick=cast("bool", asked.quick))
        print(generated([run]))
        if run.quick:
            return
        save(run, RESULTS)
    write(load_all(RESULTS), DOCUMENT)
    _tell(f"Wrote {DOCUMENT.relative_to(ROOT)}, which `git diff` shows.")


def _measure(*, quick: bool) -> Run:
    patience = Patience(rounds=2, seconds=0.01, repeats=(1, 1)) if quick else Patience()
    divisor = 20 if quick else 1
    field = contenders()
    _tell(f"Python {platform.python_version()}, {len(field)} contenders")
    with tempfile.TemporaryDirectory() as folder:
        return Run(
            python=platform.python_version(),
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=this_machine(),
            libraries=installed(),
            decoding={
                name: measure_decoding(load, field, patience, _tell)
                for name, load in make_loads(divisor=divisor).items()
            },
            running=measure_running(patience, divisor=divisor),
            lanes=measure_lanes(1 if quick else 5, divisor=divisor),
            cold=measure_cold(1 if quick else 15, _tell),
            first_results=measure_first_results(1 if quick else 15, Path(folder)),
            instructions=count_cold(_tell, quick=quick),
            replays=measure_replays(1 if quick else 5, Path(folder) / "export", divisor=divisor),
            quick=quick,
        )


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
