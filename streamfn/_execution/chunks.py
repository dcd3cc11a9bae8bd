"""Chunks: the events of a batch that a batched handler sees at once."""

from __future__ import annotations

from streamfn._execution.gate import Gate
from streamfn._execution.items import Item, item_of
from streamfn._execution.tasks import Call, Due, Settled, Task, failed
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler


class Chunk:
    """The events that wait for one batched handler's next call, in the order of their records."""

    __slots__ = ("_alone", "_dues", "_gate", "_handler", "_items", "_size")

    def __init__(self, handler: AnyHandler, gate: Gate) -> None:
        """Begin with no event."""
        function = handler.function
        self._handler = handler
        self._gate = gate
        self._size = function.size if isinstance(function, Batched | BatchedEach) else 1
        self._dues: list[Due] = []
        self._items: set[Item] = set()
        self._alone = False

    def takes(self, task: Task) -> bool:
        """Whether there is room for a task: an item appears at most once, and what is to be tried alone is alone."""
        if not self._dues:
            return True
        return not (self.full or self._gate.alone(task) or item_of(task.record) in self._items)

    def add(self, due: Due) -> None:
        """Put an event into the chunk."""
        self._dues.append(due)
        self._items.add(item_of(due.task.record))
        self._alone = self._gate.alone(due.task)

    @property
    def full(self) -> bool:
        """Whether it holds as many events as its handler takes at once."""
        return self._alone or len(self._dues) == self._size

    def release(self) -> tuple[list[Settled], Call | None]:
        """Turn the chunk into a call, and into failures of what may no longer start."""
        barred: list[Settled] = []
        due: list[Due] = []
        for each in self._dues:
            if (bar := self._gate.bars(each.task)) is None:
                due.append(each)
            else:
                barred.append(failed(each.task, bar, self._gate))
        return barred, Call(self._handler, due) if due else None
