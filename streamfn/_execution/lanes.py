"""Lanes: what has to keep its order, a handler's tasks on one item, or all of those of a batched handler."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappush

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item
from streamfn._execution.tasks import Call, Half, Passage, Results, Task, Tasks, due_again, prepare


class Lane:
    """Tasks in the order in which they have to start, each after the end of the one before it.

    Lanes compare by the place of their next task, so that the batch is worked off from its beginning.
    """

    __slots__ = ("_halves", "_waits", "place", "tasks")

    def __init__(self, first: Task) -> None:
        """Begin with a task."""
        self.place: int = first.result
        self.tasks: deque[Task] = deque((first,))
        self._halves: list[Half] = []  # the next one comes last
        self._waits = True

    def __lt__(self, other: Lane) -> bool:
        return self.place < other.place

    @property
    def asks(self) -> bool:
        """Whether its tasks have a `where`, which takes as long as it likes, and may end the process."""
        return bool(self.tasks) and self.tasks[0].stop.where is not None

    def halve(self, halves: Sequence[Half]) -> None:
        """Have halves of a chunk come before all else."""
        self._halves.extend(reversed(halves))

    def try_again(self, task: Task, waiting: list[Lane]) -> None:
        """Have a task tried again before all that have not been tried."""
        self.tasks.appendleft(task)
        if not self._waits:
            self.wait_again(waiting)

    def wait_again(self, waiting: list[Lane]) -> None:
        """Wait for the next turn, if there is one."""
        self._waits = True
        if self._halves:
            self.place = self._halves[-1].place
        elif self.tasks:
            self.place = self.tasks[0].result
        else:
            self._waits = False
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


class Lanes:
    """All lanes of a run; `waiting` are those that have something to do, as a heap: their places ascend."""

    __slots__ = ("_lanes", "waiting")

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Sort tasks into lanes."""
        self._lanes: dict[tuple[int, Item | None], Lane] = {}
        for task in Tasks(passages):
            key = _key(task)
            if (lane := self._lanes.get(key)) is None:
                self._lanes[key] = Lane(task)
            else:
                lane.tasks.append(task)
        self.waiting: list[Lane] = sorted(self._lanes.values())

    def wait(self, gate: Gate, results: Results) -> bool:
        """Have what is to be tried again tried before what comes after it in its lane; say whether any lane waits."""
        if gate.is_due:
            for task in reversed(due_again(gate, results)):  # the first one comes first in its lane
                self._lanes[_key(task)].try_again(task, self.waiting)
        return bool(self.waiting)


def _key(task: Task) -> tuple[int, Item | None]:
    return task.stop.order, None if task.stop.batched else task.subject.item
