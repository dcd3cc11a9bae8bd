"""What is under way in a run: what an alarm finds begun and not ended, and what it finds not begun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamfn._execution.gate import Turn


class UnderWay:
    """Follows the turns of a run: expected, being prepared, and in a call that runs."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._expected: list[Turn] = []
        self._prepared: Turn | None = None
        self._running: dict[int, tuple[Turn, ...]] = {}

    @property
    def expected(self) -> Sequence[Turn]:
        """All turns of the run, whatever has become of them."""
        return self._expected

    @property
    def calls(self) -> list[tuple[Turn, ...]]:
        """The turns of each call that runs; one that is being prepared (by its `where`, say) counts as a call."""
        prepared = [] if self._prepared is None else [(self._prepared,)]
        return [*self._running.values(), *prepared]

    def expect(self, turns: Iterable[Turn]) -> None:
        """Take note of turns that are going to come."""
        self._expected.extend(turns)

    def prepare(self, turn: Turn) -> None:
        """Take note that a turn is being prepared, until the next step."""
        self._prepared = turn

    def rest(self) -> None:
        """Take note that nothing is being prepared."""
        self._prepared = None

    def begin(self, call: int, turns: Iterable[Turn]) -> None:
        """Take note that a call begins, by a number that no other running one has."""
        self._prepared = None
        self._running[call] = tuple(turns)

    def end(self, call: int) -> None:
        """Take note that a call has ended."""
        del self._running[call]
