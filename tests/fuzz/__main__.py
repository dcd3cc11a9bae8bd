"""Feeds mutated records to a pipeline, and tells how fast: ``python -m tests.fuzz --records 5000 --seed 7``."""

from __future__ import annotations

import argparse
import sys
import time
from random import Random
from typing import cast

from tests.fuzz.laws import check, in_series, side_by_side
from tests.fuzz.mutations import batches

_TOLD = 50_000


def main() -> None:
    """Run as many records as asked for; the seed makes the same ones again."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=Random().randrange(2**32))  # noqa: S311 (no secret)
    asked = parser.parse_args()
    records, seed = cast("int", asked.records), cast("int", asked.seed)
    print(f"{records:,} mutated records from --seed {seed}", flush=True)
    started, done = time.monotonic(), 0
    for number, batch in enumerate(batches(records, seed)):
        try:
            check(batch, in_series if number % 20 else side_by_side)
        except BaseException:
            print(f"Batch {number} of --seed {seed} failed.", file=sys.stderr)
            raise
        done += len(batch)
        if done % _TOLD == 0 or done == records:
            print(f"{done:>9,} records, {done / (time.monotonic() - started):,.0f} a second", flush=True)
    print("No exception came out, and each record has its Result.")


if __name__ == "__main__":
    main()
