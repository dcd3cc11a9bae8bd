"""Wanted: what satisfies one field of a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple, TypeAlias

from streamfn._patterns.values import Comparable

Test: TypeAlias = Callable[[Comparable], bool]


class Wanted(NamedTuple):
    """One of these values, a beginning or an end of text, what passes a test, or the absence of any value."""

    values: frozenset[Comparable] = frozenset()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    absent: bool = False

    def holds(self, value: Comparable) -> bool:
        """Tell whether a value satisfies the field."""
        if value in self.values:
            return True
        if isinstance(value, str) and (value.startswith(self.starts) or value.endswith(self.ends)):
            return True
        for test in self.tests:  # noqa: SIM110 (a generator would take longer than the tests)
            if test(value):
                return True
        return False


def either(choices: Iterable[Wanted]) -> Wanted:
    """Want what satisfies any of these."""
    return reduce(_one_or_other, choices)


def _one_or_other(one: Wanted, other: Wanted) -> Wanted:
    return Wanted(
        one.values | other.values,
        one.starts + other.starts,
        one.ends + other.ends,
        one.tests + other.tests,
        one.absent or other.absent,
    )
