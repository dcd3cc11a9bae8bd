"""A portion of the schedules, for one process: what is in ``__main__`` no other process can import."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from tests.soak import comparison, laws, second, second_laws

_COMPARED: int = 5
"""Of so many seeds one is also played by both models alike, which takes as long as both of them."""


def run(seeds: range) -> list[str]:
    """Check schedules under both models, and tell of those in which a law was broken."""
    logging.disable(logging.CRITICAL)  # schedules are full of failures, and each would be logged
    told: list[str] = []
    for seed in seeds:
        for check in _checks(seed):
            try:
                check(seed)
            except (laws.LawBroken, second_laws.LawBroken) as error:
                told.append(f"--schedules 1 --seed {seed}:\n{error}\n")
    return told


def _checks(seed: int) -> Iterator[Callable[[int], None]]:
    yield laws.check
    yield second.check
    if seed % _COMPARED == 0:
        yield comparison.compare
