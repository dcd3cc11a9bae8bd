"""Invocations made by hand, for what no run gives on demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from streamfn.testing._simulator.history import Effect, Invocation, Letter, RecordedCall

_FIRST: Final = Invocation(
    number=1,
    shard="shardId-00000000000000000000",
    lane=0,
    attempt=1,
    began=datetime(2024, 1, 1, tzinfo=UTC),
    ended=datetime(2024, 1, 1, tzinfo=UTC),
    event_ids=(),
    calls=(),
    letters=(),
    store_failures=(),
    answer=None,
    error=None,
    settled=0,
    outcome="all settled",
)


def call(handler: str, **effects: Effect) -> RecordedCall:
    """Make a call of a handler, of what came of each record."""
    return RecordedCall(handler, tuple(effects), tuple(effects.values()))


def invocation(
    *told: RecordedCall | Letter, number: int = 1, shard: int = 0, lane: int = 0, at: timedelta = timedelta()
) -> Invocation:
    """Make an invocation that is told of with its calls and letters; their records are its own, and settled."""
    calls = tuple(each for each in told if isinstance(each, RecordedCall))
    letters = tuple(each for each in told if isinstance(each, Letter))
    called = [event_id for each in calls for event_id in each.event_ids]
    event_ids = tuple(dict.fromkeys([*called, *(each.event_id for each in letters)]))
    return replace(
        _FIRST,
        number=number,
        shard=f"shardId-{shard:020d}",
        lane=lane,
        began=_FIRST.began + at,
        ended=_FIRST.ended + at + timedelta(seconds=1),
        event_ids=event_ids,
        calls=calls,
        letters=letters,
        settled=len(event_ids),
    )
