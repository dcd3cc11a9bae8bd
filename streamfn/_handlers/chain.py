"""Handlers made of smaller functions."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Never, cast, overload

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn._failures import NotAResult
from streamfn._handlers.names import name_of
from streamfn._misuse import Misuse, check_function, kind_of

X = TypeVar("X")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F")
G = TypeVar("G")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
E5 = TypeVar("E5")
E6 = TypeVar("E6")


@overload
def chain(
    f1: Callable[[X], Result[A, E1]], f2: Callable[[A], Result[B, E2]], /
) -> Callable[[X], Result[B, E1 | E2]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]], f2: Callable[[A], Result[B, E2]], f3: Callable[[B], Result[C, E3]], /
) -> Callable[[X], Result[C, E1 | E2 | E3]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    /,
) -> Callable[[X], Result[D, E1 | E2 | E3 | E4]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    f5: Callable[[D], Result[F, E5]],
    /,
) -> Callable[[X], Result[F, E1 | E2 | E3 | E4 | E5]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    f5: Callable[[D], Result[F, E5]],
    f6: Callable[[F], Result[G, E6]],
    /,
) -> Callable[[X], Result[G, E1 | E2 | E3 | E4 | E5 | E6]]: ...
def chain(*steps: Callable[[Never], Result[object, object]]) -> Callable[[Never], Result[object, object]]:
    """Join two to six functions, each of which takes what the one before it succeeded with.

    The first failure ends the chain. What comes out is a function like its parts, whose error type is the
    union of theirs, named after the first and the last of them.

    Fails with `Misuse` for what is no function, and for fewer than two of them.

    >>> from returns.result import Failure, Result, Success
    >>> def parse(text: str) -> Result[int, str]:
    ...     return Success(int(text)) if text.isdecimal() else Failure("no number")
    >>> def halve(number: int) -> Result[int, str]:
    ...     return Failure("odd") if number % 2 else Success(number // 2)
    >>> parse_and_halve = chain(parse, halve)
    >>> [parse_and_halve(text) for text in ("8", "7", "x")]
    [<Success: 4>, <Failure: odd>, <Failure: no number>]
    """
    if len(steps) < 2:
        raise Misuse(f"chain() joins two functions or more, got {len(steps)}")
    for step in steps:
        check_function(step, "a step of chain()", "chain(parse, announce)")
    for step in steps[:-1]:
        if iscoroutinefunction(step):
            raise Misuse(
                f"the step {name_of(step)} of chain() is a coroutine function, which the next step would not wait for: "
                "await both in one handler"
            )

    def chained(value: object) -> Result[object, object]:
        result: Result[object, object] = Success(value)
        for number, step in enumerate(steps):
            if isinstance(result, Failure):
                break
            if not _is_result(result):
                step_name = kind_of(steps[number - 1])
                raise NotAResult(
                    f"a step of chain(), {step_name}, returned {kind_of(result)}, expected a Result"
                )
            # The overloads have made each step take what the one before it gives.
            take = cast("Callable[[object], Result[object, object]]", step)
            result = take(result.unwrap())
        return result

    chained.__name__ = chained.__qualname__ = f"{name_of(steps[0])}_then_{name_of(steps[-1])}"
    chained.__dict__["steps"] = steps  # so that a failure can say where the first of them is
    return chained


def _is_result(value: object) -> bool:
    return type(value) is Success or isinstance(value, Result)
