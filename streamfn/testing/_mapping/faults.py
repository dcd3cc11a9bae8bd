"""What goes wrong around a function: its process dies, an answer gets lost, a batch comes again, a store is down.

Invocations are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies in an invocation, after `after_calls` calls of handlers have had their effect.

    With 0 it dies before the first. If the invocation has fewer calls, and by default, it dies when all have
    been made, before anything is recorded or answered.
    """

    invocation: int
    after_calls: int | None = None


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The function returns, all is recorded that it records, but its answer does not reach Lambda."""

    invocation: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lambda takes the answer and delivers the very batch again, as it may: deliveries are at least once."""

    invocation: int


@dataclass(frozen=True, slots=True)
class StoreDown:
    """A store of the function's delivery fails whatever it is asked for."""

    invocation: int
    store: Literal["ledger reads", "ledger writes", "dead letters"]


@dataclass(frozen=True, slots=True)
class HalfWritten:
    """The ledger keeps the first half of what it is told, and then fails."""

    invocation: int


Fault: TypeAlias = Crash | LostAnswer | Repeated | StoreDown | HalfWritten
"""Something that goes wrong in one invocation."""
