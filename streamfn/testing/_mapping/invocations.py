"""What happens in a simulation: calls of handlers, dead letters, invocations, and records that Lambda gives up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Effect: TypeAlias = Literal["succeeded", "failed", "died"]
"""What came of a handler on one record; it died where its call did not end."""

Condition: TypeAlias = Literal["RetryAttemptsExhausted", "RecordAgeExceeded", "Expired"]
"""Why Lambda gave records up. Those that `Expired` the stream has forgotten; Lambda tells nobody of them."""

StoreFailure: TypeAlias = Literal[
    "ledger not read", "ledger not written", "ledger half written", "dead letters not stored"
]
"""What a store of the delivery failed to do, because a test wished it or of its own accord."""


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A call of a handler: the identifiers of its events, and what came of each."""

    handler: str
    event_ids: tuple[str, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that was stored: who gave which record up, and the name of the reason.

    The handler is empty for a record that reached none.
    """

    handler: str
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function.

    `attempt` counts, from 1, what MaximumRetryAttempts limits; what comes again after a split, or though it
    was settled, uses none up. `answer` is what the function returned, and `error` says why Lambda took none:
    an exception's type, a timeout, a dead process, a malformed answer. `settled` counts the records, from the
    first on, that are done with; `outcome` says what becomes of the others. `letters` are the dead letters
    that were stored, and `store_failures` says, each once, what the stores of the delivery failed to do.
    """

    number: int
    shard: str
    lane: int
    attempt: int
    began: datetime
    ended: datetime
    event_ids: tuple[str, ...]
    calls: tuple[HandlerCall, ...]
    letters: tuple[Letter, ...]
    store_failures: tuple[StoreFailure, ...]
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
