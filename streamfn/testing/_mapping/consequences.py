"""What Lambda does after an invocation: which records come again, and when, and which are given up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from streamfn.testing._mapping.batches import Arrival, Batch
from streamfn.testing._mapping.invoking import Taken
from streamfn.testing._mapping.settings import Settings

_FIRST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=5)
_DOUBLINGS: Final = 9
"""After so many doublings the wait is the longest."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What comes again, what is given up, and both in words."""

    outcome: str
    again: tuple[Batch, ...] = ()
    given_up: tuple[Arrival, ...] = ()


def consequence(
    batch: Batch, taken: Taken, settings: Settings, now: datetime, *, repeated: bool
) -> Consequence:
    """Say what follows for a batch. With `repeated`, one that was taken for settled comes again all the same."""
    rest = batch.records[taken.settled :]
    if not rest:
        if repeated:
            return Consequence("all settled, and delivered again", (replace(batch, due=now),))
        return Consequence("all settled")
    done = f"{taken.settled} settled, " if taken.settled else ""
    if settings.bisect_batch_on_function_error:
        # A split uses no attempt.
        if taken.settled:
            return Consequence(f"{done}{len(rest)} split off", (replace(batch, records=rest, due=now),))
        if len(rest) > 1 and taken.error is not None:
            middle = len(rest) // 2
            halves = tuple(replace(batch, records=half, due=now) for half in (rest[:middle], rest[middle:]))
            return Consequence(f"split into {middle} and {len(rest) - middle}", halves)
    attempts = batch.attempts + 1
    if settings.maximum_retry_attempts is not None and attempts > settings.maximum_retry_attempts:
        return Consequence(f"{done}{len(rest)} given up", given_up=rest)
    wait = min(_FIRST_WAIT * 2 ** min(batch.attempts, _DOUBLINGS), _LONGEST_WAIT)
    return Consequence(
        f"{done}{len(rest)} again in {wait.total_seconds():g} s", (Batch(rest, attempts, now + wait),)
    )
