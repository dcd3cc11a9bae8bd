"""Chunks: the events of a batch that a batched handler sees at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from streamfn._execution.gate import Gate
from streamfn._execution.tasks import Call, Due, Settled, failed
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._records import StreamRecord
from streamfn._wire import is_map

Item: TypeAlias = frozenset[tuple[str, tuple[str, object]]]
"""What tells items of one table apart: their keys, in a form that can be compared and hashed."""

_UNKNOWN: Final[Item] = frozenset()


def item_of(record: StreamRecord) -> Item:
    """Find which item of its table a record is about.

    Those with keys that are no attribute values pass for one and the same item, so that they keep their order.
    """
    keys: Mapping[str, object] = record.peek("Keys") or {}
    try:
        return frozenset(
            (name, tagged) for name, value in keys.items() if is_map(value) for tagged in value.items()
        )
    except TypeError:  # a list or a map cannot be hashed
        return _UNKNOWN


class Chunk:
    """The events that wait for one batched handler's next call, in the order of their records."""

    __slots__ = ("_dues", "_handler", "_items", "_size")

    def __init__(self, handler: AnyHandler) -> None:
        """Begin with no event."""
        function = handler.function
        self._handler = handler
        self._size = function.size if isinstance(function, Batched | BatchedEach) else 1
        self._dues: list[Due] = []
        self._items: set[Item] = set()

    def takes(self, record: StreamRecord) -> bool:
        """Whether there is room for the record: an item appears at most once in a chunk."""
        return not self._dues or not (self.full or item_of(record) in self._items)

    def add(self, due: Due) -> None:
        """Put an event into the chunk."""
        self._dues.append(due)
        self._items.add(item_of(due.task.images.record))

    @property
    def full(self) -> bool:
        """Whether it holds as many events as its handler takes at once."""
        return len(self._dues) == self._size

    def release(self, gate: Gate) -> tuple[list[Settled], Call | None]:
        """Empty the chunk: into a call, and into failures of what may no longer start."""
        barred: list[Settled] = []
        due: list[Due] = []
        for each in self._dues:
            if (bar := gate.bars(each.task.position)) is None:
                due.append(each)
            else:
                barred.append(failed(each.task, bar, gate))
        self._dues.clear()
        self._items.clear()
        return barred, Call(self._handler, due) if due else None
