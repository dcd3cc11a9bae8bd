"""A check of a seed under the second model: its schedule, played by `streamfn` and judged by the laws."""

from __future__ import annotations

from pprint import pformat

from tests.soak.second_laws import LawBroken
from tests.soak.second_schedules import schedule_of
from tests.soak.second_world import World


def check(seed: int) -> None:
    """Play the schedule of a seed. Fails with `LawBroken`, whose first line says which law."""
    schedule = schedule_of(seed)
    witness = World(schedule).play()
    if witness.broken:
        raise LawBroken("\n".join(witness.broken) + f"\n\nsecond model, seed {seed}:\n{pformat(schedule)}")
