"""What goes wrong around a function: its process dies, its answer gets lost, a batch comes once more than asked for.

Invocations are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


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


Fault: TypeAlias = Crash | LostAnswer | Repeated
"""Something that goes wrong in one invocation."""
