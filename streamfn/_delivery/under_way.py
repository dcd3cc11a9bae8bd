"""What is under way in a run: what an alarm finds begun and not ended, and what it finds not begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from streamfn._execution.gate import Turn, Turns
from streamfn._ledger import identity_of


class UnderWay:
    """Follows the turns of a run: expected, `prepared` for a call or called by itself, and in a call that runs."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._expected: list[Turns] = []
        self.prepared: Turn | None = None
        self._running: dict[int, tuple[Turn, ...]] = {}

    @property
    def expected(self) -> Iterator[Turn]:
        """All turns of the run, whatever has become of them."""
        return chain.from_iterable(self._expected)

    def by_record(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Name each record of the run, and the handlers that have a turn on it, whatever has become of that."""
        for turns in self._expected:
            for record, handlers in turns.by_record():
                yield identity_of(record), handlers

    @property
    def calls(self) -> list[tuple[Turn, ...]]:
        """The turns of each call that runs; one that is prepared (by its `where`, say) counts as a call."""
        turn = self.prepared  # which another thread may set
        prepared = [] if turn is None else [(turn,)]
        return [*self._running.values(), *prepared]

    def expect(self, turns: Turns) -> None:
        """Take note of turns that are going to come; they are gone through when somebody asks."""
        self._expected.append(turns)

    def begin(self, call: int, turns: Iterable[Turn]) -> None:
        """Take note that a call begins, by a number that no other running one has."""
        self.prepared = None
        self._running[call] = tuple(turns)

    def end(self, call: int) -> None:
        """Take note that a call has ended."""
        del self._running[call]
