"""What a handler may return: its Result at once or to be awaited, bare or marked as impure."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from returns.result import Result
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from returns.future import FutureResult
    from returns.io import IOResult

A = TypeVar("A")
E = TypeVar("E")

# As text: `returns` loads asyncio with its futures, and a cold start would pay for it.
Outcome: TypeAlias = "Result[A, E] | IOResult[A, E] | Awaitable[Result[A, E]] | FutureResult[A, E]"
"""What a handler may return: one Result, now or to be awaited."""

Outcomes: TypeAlias = "Sequence[Result[A, E]] | Awaitable[Sequence[Result[A, E]]]"
"""What a handler of many events may return where each event has a Result of its own."""
