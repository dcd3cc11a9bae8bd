"""The Results of a pipeline, taken apart for a test to compare."""

from __future__ import annotations

from collections.abc import Iterable

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn._failures import Failed, Handled

A = TypeVar("A")
E = TypeVar("E")


def values(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[A]:
    """Take what handlers succeeded with, in the order of the Results; failures are left out.

    >>> values([])
    []
    """
    return [result.unwrap().value for result in results if isinstance(result, Success)]


def failures(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[Failed[E]]:
    """Take what failed, in the order of the Results: each with its record, its handler and the reason.

    >>> failures([])
    []
    """
    return [result.failure() for result in results if isinstance(result, Failure)]
