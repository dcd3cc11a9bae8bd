"""What happens in a simulation: calls of handlers, invocations, and records that Lambda gives up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Effect: TypeAlias = Literal["succeeded", "failed", "died"]
"""What came of a handler on one record; it died where its call did not end."""

Condition: TypeAlias = Literal["RetryAttemptsExhausted", "RecordAgeExceeded", "Expired"]
"""Why Lambda gave records up. Those that `Expired` the stream has forgotten; Lambda tells nobody of them."""


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a handler: the identifiers of its events, and what came of each."""

    handler: str
    event_ids: tuple[str, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function.

    `attempt` counts, from 1, what MaximumRetryAttempts limits; what comes again after a split, or though it
    was settled, uses none up. `answer` is what the function returned, and `error` says why Lambda took none:
    an exception's type, a timeout, a dead process, a malformed answer. `settled` counts the records, from the
    first on, that are done with; `outcome` says what becomes of the others.
    """

    number: int
    shard: str
    lane: int
    attempt: int
    began: datetime
    ended: datetime
    event_ids: tuple[str, ...]
    calls: tuple[HandlerCall, ...]
    answer: object
    error: str | None
    settled: int
    outcome: str

    @property
    def duration(self) -> timedelta:
        """How long the function took, by the simulation's clock."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Discarded:
    """A record that Lambda gave up, after the invocation with this number (0: before the first)."""

    event_id: str
    condition: Condition
    after: int
