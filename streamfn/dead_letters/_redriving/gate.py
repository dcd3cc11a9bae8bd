"""The gate of a redrive: it lets through the pairs that are due, in their order, and enters what succeeds.

Nothing becomes a letter here: what fails has one, or a document, and that stays.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Never, TypeAlias

from typing_extensions import override

from streamfn._delivery.book import Book, named
from streamfn._delivery.ledger_gate import Ground, LedgerGate
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Turn
from streamfn._execution.items import Place
from streamfn._failures import HeldBack, Reason, Unwanted
from streamfn._ledger import Entry, Pair
from streamfn._records import MalformedRecord
from streamfn._wire import magnitude

Position: TypeAlias = tuple[str, tuple[int, str]]
"""Where a record is: its stream, and its number there. A stream of the same table that came later sorts later."""


class Holds:
    """Remembers over a whole redrive where a handler has failed on an item, and so what has to wait there."""

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._first: dict[tuple[str, Place], Position] = {}

    def add(self, scope: str, turn: Turn) -> None:
        """Hold back what comes after a turn, and the turn itself: once is enough."""
        key, position = (scope, turn.place), _position(turn)
        self._first[key] = min(position, self._first.get(key, position))

    def hold(self, scope: str, turn: Turn) -> bool:
        """Whether a turn has to wait."""
        first = self._first.get((scope, turn.place))
        return first is not None and _position(turn) >= first


class RedriveGate(LedgerGate):
    """Takes all pairs for settled but those that are due, which are all where `due` is None.

    Pairs that are named as due were given up one by one, so each is tried alone: in a batched handler it would
    condemn its neighbours.
    """

    def __init__(
        self, deadline: Deadline, ground: Ground, book: Book, holds: Holds, due: Collection[Pair] | None
    ) -> None:
        """Begin a run with what the ledger knows of its pairs."""
        super().__init__(deadline, ground, book, None)
        self._holds = holds
        self._due = due

    @property
    def expected(self) -> list[Pair]:
        """The pairs that the pipeline has for the records, whether or not its `where` wants them."""
        return [named(turn) for turn in self._under_way.expected]

    @override
    def settled(self, turn: Turn, /) -> bool:
        is_due = self._due is None or not turn.name or named(turn) in self._due
        return not is_due or super().settled(turn)

    @override
    def bars(self, turn: Turn, /) -> Reason[Never] | None:
        return HeldBack() if self._holds.hold(self._ground.stretch.scope, turn) else super().bars(turn)

    @override
    def _puts_off(self, turn: Turn, entry: Entry) -> bool:
        return False  # whoever redrives has as much time as that takes

    @override
    def alone(self, turn: Turn, /) -> bool:
        return self._due is not None or super().alone(turn)

    @override
    def tries(self, turn: Turn, /) -> bool:
        return True  # nothing is given up here, and so what comes first would keep the rest waiting for good

    @override
    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        super().failed(turn, reason, alone=alone, isolated=isolated)
        if not isinstance(reason, Unwanted):
            self._holds.add(self._ground.stretch.scope, turn)


def _position(turn: Turn) -> Position:
    record = turn.record
    arn = None if isinstance(record, MalformedRecord) else record.event_source_arn
    return arn or "", magnitude(record.sequence_number or "")
