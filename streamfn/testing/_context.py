"""The context that Lambda hands to a function, with a time that a test decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class FixedTime:
    """A context whose remaining time changes only where a test sets it."""

    remaining: timedelta

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return self.remaining // _MILLISECOND


def lambda_context(remaining: timedelta = timedelta(minutes=1)) -> FixedTime:
    """Make a context with this much time left; a handler under test may set its `remaining` anew.

    >>> context = lambda_context(timedelta(seconds=3))
    >>> context.get_remaining_time_in_millis()
    3000
    """
    return FixedTime(remaining)
