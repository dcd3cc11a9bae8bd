"""Passages: the records of a batch, gathered for the strategies that run their handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from returns.result import Failure

from streamfn._execution.gate import Gate
from streamfn._execution.items import Place, item_of
from streamfn._execution.stops import UNROUTED, Way
from streamfn._execution.tasks import Passage, Results
from streamfn._failures import Failed, Malformed, Unrouted
from streamfn._records import MalformedRecord, Record, StreamRecord

if TYPE_CHECKING:  # few functions have a ledger
    from streamfn._ledger import Pair


class Passages:
    """Gathers records, and settles at once those that reach no handler.

    `of_strategies` are the passages for each strategy, by its index, in the order of their first records.
    `results` has a place for each Result that there may be.
    """

    def __init__(self, gate: Gate, declared: tuple[str, ...]) -> None:
        """Begin with no record; `declared` names the tables that there are."""
        self._gate = gate
        self._declared = declared
        self.results: Results = []
        self.of_strategies: dict[int, list[Passage]] = {}

    def take(self, position: int, record: Record, way: Way | None) -> None:
        """Take a record, its index in the batch, and its way; that is None for a malformed one."""
        if way is None or way is UNROUTED or not isinstance(record, StreamRecord):
            stray = Stray(position, record)
            if not self._gate.settled(stray):
                failed = stray.failed(self._declared)
                self._gate.failed(stray, failed.reason)
                self.results.append(Failure(failed))
            return
        items = way.items.copy()
        for strategy, stops in way.turns:
            passage = (position, record, stops, items, len(self.results))
            self.of_strategies.setdefault(strategy, []).append(passage)
        self.results += way.places


class Stray:
    """The turn of a record that reaches no handler."""

    __slots__ = ("name", "pair", "position", "record")

    def __init__(self, position: int, record: Record) -> None:
        """Take a record and its index in the batch."""
        self.position: int = position
        self.record: Record = record
        self.name: str = ""
        self.pair: Pair | None = None

    @property
    def place(self) -> Place:
        """No handler, and the item."""
        return self.name, item_of(self.record)

    @property
    def function(self) -> None:
        """No handler."""
        return None

    def failed(self, declared: tuple[str, ...]) -> Failed[object]:
        """Say why it reaches none; `declared` names the tables that there are."""
        record = self.record
        if isinstance(record, MalformedRecord):
            return Failed(record, None, Malformed(record.problem))
        return Failed(record, None, Unrouted(record.event_source_arn, record.table_name, declared))
