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
    """Say what follows for a batch. With `repeated`, what its answer settled comes again all the same."""
    rest = batch.records[taken.settled :]
    done = f"{taken.settled if rest else 'all'} settled" if taken.settled else ""
    if repeated and taken.settled:
        return Consequence(f"{done}, and all delivered again", (replace(batch, due=now),))
    if not rest and (batch.records or taken.error is None):
        return Consequence(done)
    parts = _split(batch, taken, now) if settings.bisect_batch_on_function_error else ()
    if parts:
        sizes = " and ".join(str(len(part.records)) for part in parts)
        return Consequence(_joined(done, f"{sizes} split off" if done else f"split into {sizes}"), parts)
    attempts = batch.attempts + 1
    if settings.maximum_retry_attempts is not None and attempts > settings.maximum_retry_attempts:
        return Consequence(_joined(done, f"{len(rest)} given up"), given_up=rest)
    wait = min(_FIRST_WAIT * 2 ** min(batch.attempts, _DOUBLINGS), _LONGEST_WAIT)
    then = f"{len(rest)} again in {wait.total_seconds():g} s"
    return Consequence(
        _joined(done, then), (replace(batch, records=rest, attempts=attempts, due=now + wait),)
    )


def _split(batch: Batch, taken: Taken, now: datetime) -> tuple[Batch, ...]:
    """Split a batch where its answer says, or in the middle if it failed whole; that uses no attempt.

    An answer that names the first record splits nothing off, and a record alone cannot be split: both use an
    attempt, or they would come again for as long as the stream keeps them.
    """
    place = taken.settled if taken.error is None else len(batch.records) // 2
    if not place:
        return ()
    first, rest = batch.records[:place], batch.records[place:]
    parts = (rest,) if taken.settled else (first, rest)
    return tuple(replace(batch, records=part, due=now) for part in parts)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
