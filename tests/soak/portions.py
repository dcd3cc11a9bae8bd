"""A portion of the schedules, for one process: what is in ``__main__`` no other process can import."""

from __future__ import annotations

import logging

from tests.soak.laws import LawBroken, check


def run(seeds: range) -> list[str]:
    """Check schedules, and tell of those in which a law was broken."""
    logging.disable(logging.CRITICAL)  # schedules are full of failures, and each would be logged
    told: list[str] = []
    for seed in seeds:
        try:
            check(seed)
        except LawBroken as error:
            told.append(f"--schedules 1 --seed {seed}:\n{error}\n")
    return told
