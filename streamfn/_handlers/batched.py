"""Handlers of many events at once.

`batched` and `batched_each` turn a function of a sequence of events into an object that every ``on_…`` takes
like a function of one event, and that can be called with one event, in a test say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from returns.result import Result
from typing_extensions import TypeVar, override

from streamfn._handlers.outcomes import Outcome, Outcomes
from streamfn._misuse import Misuse, check_function, kind_of
from streamfn._values import Value, Wrappable

F = TypeVar("F", bound=Callable[..., object])
X = TypeVar("X")
A = TypeVar("A")
E = TypeVar("E")
X_contra = TypeVar("X_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batched(Value, Wrappable, Generic[X_contra, A_co, E_co]):
    """A function of a chunk of events with one outcome for all of them; `batched` makes it."""

    function: Callable[[Sequence[X_contra]], Outcome[A_co, E_co]]
    size: int | None

    @override
    def _called(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, event: X_contra, /) -> Outcome[A_co, E_co]:
        return self.function([event])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchedEach(Value, Wrappable, Generic[X_contra, A_co, E_co]):
    """A function of a chunk of events with an outcome for each of them; `batched_each` makes it."""

    function: Callable[[Sequence[X_contra]], Outcomes[A_co, E_co]]
    size: int | None

    @override
    def _called(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, event: X_contra, /) -> Outcome[A_co, E_co]:
        results = self.function([event])
        if isinstance(results, Awaitable):
            return _only(results)
        (result,) = results
        return result


def batched(f: Callable[[Sequence[X]], Outcome[A, E]], /, size: int | None = None) -> Batched[X, A, E]:
    """Have a handler see the events of a batch in chunks, with one Result for a chunk.

    `size` is the most events that a chunk may have; None is as many as the batch brings. An item appears at
    most once in a chunk. A chunk's Result counts for each of its events: where it fails, all of them have
    failed.

    Fails with `Misuse` if `size` is less than 1.

    >>> from returns.result import Success
    >>> total = batched(lambda events: Success(sum(events)), size=2)
    >>> total(5)
    <Success: 5>
    """
    return Batched(_function(f, "batched"), _checked(size))


def batched_each(
    f: Callable[[Sequence[X]], Outcomes[A, E]], /, size: int | None = None
) -> BatchedEach[X, A, E]:
    """Have a handler see the events of a batch in chunks, and answer a Result for each event, in their order.

    `size` is as in `batched`, and an item appears at most once in a chunk. A function that answers another
    number of Results than it was given events has failed on all of them, with `Raised`: nobody could tell
    which is whose.

    Fails with `Misuse` if `size` is less than 1.

    >>> from returns.result import Success
    >>> doubled = batched_each(lambda events: [Success(2 * event) for event in events])
    >>> doubled(5)
    <Success: 10>
    """
    return BatchedEach(_function(f, "batched_each"), _checked(size))


def _function(f: F, factory: str) -> F:
    check_function(f, f"the argument of {factory}()", f"{factory}(announce)")
    if isinstance(f, Batched | BatchedEach):
        raise Misuse(
            f"{factory}() takes a function of events, got one that is batched already: leave one of them out"
        )
    if isinstance(f, Wrappable):
        raise Misuse(f"{factory}() takes a function of events, got {kind_of(f)}, which takes a payload")
    return f


def _checked(size: object) -> int | None:
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool):
        raise Misuse(f"size is a whole number or None, got {kind_of(size)}")
    if size < 1:
        raise Misuse(
            f"a chunk holds at least one event: size={size} should be 1 or more, or None for no limit"
        )
    return size


async def _only(results: Awaitable[Sequence[Result[A, E]]]) -> Result[A, E]:
    (result,) = await results
    return result
