"""Lanes: what has to keep its order, a handler's tasks on one item, or all of those of a batched handler."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappush

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item
from streamfn._execution.tasks import Call, Half, Passage, Results, Task, Tasks, prepare


class Lane:
    """Tasks in the order in which they have to start, each after the end of the one before it.

    Lanes compare by the place of their next task, so that the batch is worked off from its beginning.
    """

    __slots__ = ("_halves", "place", "tasks")

    def __init__(self, first: Task) -> None:
        """Begin with a task."""
        self.place: int = first.result
        self.tasks: deque[Task] = deque((first,))
        self._halves: list[Half] = []  # the next one comes last

    def __lt__(self, other: Lane) -> bool:
        return self.place < other.place

    @property
    def asks(self) -> bool:
        """Whether its tasks have a `where`, which takes as long as it likes, and may end the process."""
        return bool(self.tasks) and self.tasks[0].stop.where is not None

    def halve(self, halves: Sequence[Half]) -> None:
        """Have halves of a chunk come before all else."""
        self._halves.extend(reversed(halves))

    def wait_again(self, waiting: list[Lane]) -> None:
        """Wait for the next turn, if there is one."""
        if self._halves:
            self.place = self._halves[-1].place
        elif self.tasks:
            self.place = self.tasks[0].result
        else:
            return
        heappush(waiting, self)

    def advance(self, gate: Gate, results: Results, *, beside_others: bool) -> Call | None:
        """Prepare tasks until there is something to call, or nothing left; what is exclusive not beside others."""
        while self._halves:
            if (call := self._halves.pop().release(gate, results)) is not None:
                return call
        if not self.tasks:
            return None
        chunk = Chunk(self.tasks[0].stop, gate)
        while self.tasks and chunk.takes(self.tasks[0]):
            if beside_others and gate.exclusive(self.tasks[0]):
                break
            task = self.tasks.popleft()
            if (event := prepare(task, gate, results)) is not None:
                chunk.add(task, event)
        return chunk.release(results)


def lanes_of(passages: Sequence[Passage]) -> list[Lane]:
    """Sort tasks into lanes, which come out as a heap: their places ascend."""
    lanes: dict[tuple[int, Item | None], Lane] = {}
    for task in Tasks(passages):
        key = (task.stop.order, None if task.stop.batched else task.subject.item)
        if (lane := lanes.get(key)) is None:
            lanes[key] = Lane(task)
        else:
            lane.tasks.append(task)
    return sorted(lanes.values())
