"""Chunks: the events of a batch that a batched handler sees at once."""

from __future__ import annotations

from streamfn._events import Change
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item
from streamfn._execution.stops import Stop
from streamfn._execution.tasks import Call, Due, Results, Task, fail
from streamfn._failures import Stopped


class Chunk:
    """The events that wait for one batched handler's next call, in the order of their records."""

    __slots__ = ("_alone", "_dues", "_gate", "_items", "_size", "_stop")

    def __init__(self, stop: Stop, gate: Gate) -> None:
        """Begin with no event."""
        self._stop = stop
        self._gate = gate
        self._size = stop.size
        self._dues: list[Due] = []
        self._items: set[Item] = set()
        self._alone = False

    def takes(self, task: Task) -> bool:
        """Whether there is room for a task: an item appears at most once, and what is to be tried alone is alone."""
        if not self._dues:
            return True
        return not (self.full or self._gate.alone(task) or task.subject.item in self._items)

    def add(self, task: Task, event: Change) -> None:
        """Put the event of a task into the chunk."""
        self._dues.append(Due(task, event))
        self._items.add(task.subject.item)
        self._alone = self._gate.alone(task)

    @property
    def full(self) -> bool:
        """Whether it holds as many events as its handler takes at once."""
        return self._alone or len(self._dues) == self._size

    def release(self, results: Results) -> Call | None:
        """Turn the chunk into a call, and into failures of what may no longer start.

        What has to be tried alone waits for the next delivery once enough calls have failed.
        """
        dues: list[Due] = []
        waits = self._stop.batched and bool(self._dues) and not self._gate.tries(self._dues[0].task)
        for due in self._dues:
            if (bar := Stopped() if waits else self._gate.bars(due.task)) is None:
                dues.append(due)
            else:
                fail(due.task, bar, self._gate, results)
        return Call(self._stop, dues) if dues else None
