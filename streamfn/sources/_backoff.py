"""How long to wait before the next try: the longer, the more tries have failed in a row."""

from __future__ import annotations

from random import random


class Backoff:
    """The waits between tries, in seconds.

    Each is drawn at random from a span twice as long as the one before, so that readers which were turned away at the
    same moment do not all come back at the same moment ("Error handling with DynamoDB", Developer Guide; "Exponential
    Backoff And Jitter", AWS Architecture Blog, calls it full jitter).
    """

    def __init__(self, shortest: float, longest: float) -> None:
        """Begin with the shortest span."""
        self._shortest = shortest
        self._longest = longest
        self._span = shortest

    def next(self) -> float:
        """Draw the next wait."""
        seconds = self._span * random()  # noqa: S311 (nobody gains by guessing it)
        self._span = min(2 * self._span, self._longest)
        return seconds

    def reset(self) -> None:
        """Begin again: a try has succeeded."""
        self._span = self._shortest
