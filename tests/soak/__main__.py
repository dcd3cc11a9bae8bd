"""Puts random schedules into practice and checks the laws: ``python -m tests.soak --schedules 5000 --seed 7``.

Each seed makes a schedule for the simulator and one for the second model; some are played by both and compared.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Final, cast

from tests.soak.portions import run

_PORTION: Final = 250
_TOLD: Final = 5_000


def main() -> int:
    """Run as many schedules as asked for, and give the exit status; a seed makes the same ones again."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=Random().randrange(2**32))  # noqa: S311 (no secret)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    schedules, first = cast("int", asked.schedules), cast("int", asked.seed)
    print(f"{schedules:,} schedules from --seed {first}", flush=True)
    started, done, broken = time.monotonic(), 0, 0
    portions = [
        range(start, min(start + _PORTION, first + schedules))
        for start in range(first, first + schedules, _PORTION)
    ]
    with ProcessPoolExecutor(cast("int", asked.processes)) as processes:
        for portion, found in zip(portions, processes.map(run, portions), strict=True):
            for text in found:
                print(text, file=sys.stderr)
            broken += len(found)
            done += len(portion)
            if done % _TOLD == 0 or done == schedules:
                rate = done / (time.monotonic() - started)
                print(f"{done:>9,} schedules, {rate:,.0f} a second", flush=True)
    print(f"A law was broken in {broken}." if broken else f"All laws held in {done:,} schedules.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
