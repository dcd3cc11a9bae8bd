"""The strategy `concurrent`: handlers of one record, and records of different items, side by side.

Tasks stand in lanes, which are what must keep its order: a handler's tasks on one item, or all of a batched
handler's. The calling thread structures images and asks the gate; only calls of handlers leave it, coroutine
functions to the event loop and all others to threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from heapq import heappop, heappush
from os import getpid
from threading import local
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from typing_extensions import override

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item
from streamfn._execution.loop import Awaited, start
from streamfn._execution.tasks import Call, Passage, Results, Task, Tasks, prepare
from streamfn._misuse import Misuse

if TYPE_CHECKING:  # loaded by those that use the strategy
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue


class Lane:
    """Tasks in the order in which they have to start, each after the end of the one before it.

    Lanes compare by the place of their next task, so that the batch is worked off from its beginning.
    """

    __slots__ = ("place", "tasks")

    def __init__(self, first: Task) -> None:
        """Begin with a task."""
        self.place: int = first.result
        self.tasks: deque[Task] = deque((first,))

    def __lt__(self, other: Lane) -> bool:
        return self.place < other.place

    def advance(self, gate: Gate, results: Results, *, beside_others: bool) -> Call | None:
        """Prepare tasks until there is something to call, or nothing left; what runs alone not beside others."""
        chunk = Chunk(self.tasks[0].stop, gate)
        while self.tasks and chunk.takes(self.tasks[0]):
            if beside_others and gate.alone(self.tasks[0]):
                break
            task = self.tasks.popleft()
            if (event := prepare(task, gate, results)) is not None:
                chunk.add(task, event)
        return chunk.release(results)


Finished: TypeAlias = tuple[Lane, Call, object]
"""A call that has ended, its lane, and what came of it."""


class Concurrent:
    """Up to `workers` handlers at a time; `concurrent` makes it."""

    __slots__ = ("__weakref__", "make_threads", "workers")

    def __init__(self, workers: int) -> None:
        """Take how many, and load what only this strategy needs, which is best done while the function starts."""
        from concurrent.futures import ThreadPoolExecutor

        self.make_threads: type[ThreadPoolExecutor] = ThreadPoolExecutor
        self.workers: int = workers

    @override
    def __repr__(self) -> str:
        return f"Concurrent(workers={self.workers})"

    def run(self, passages: Sequence[Passage], gate: Gate, results: Results) -> None:
        """Run tasks side by side, those of one handler and item in their order, and settle each that is wanted.

        What the gate wants tried alone has nothing beside it.
        """
        if getattr(_worker, "strategy", None) == id(self):
            raise Misuse(
                "a handler runs a pipeline with its own strategy, and would wait for itself: make another"
            )
        from queue import SimpleQueue

        waiting = _lanes(passages)
        finished: SimpleQueue[Finished] = SimpleQueue()
        running = 0
        while waiting or running:
            begun: list[tuple[Lane, Call]] = []
            while waiting and running < self.workers:
                lane = heappop(waiting)
                call = lane.advance(gate, results, beside_others=running > 0)
                if call is not None:
                    call.begin(gate)
                    begun.append((lane, call))
                    running += 1
                    alone = gate.alone(call.tasks[0])
                else:
                    _return(lane, waiting)
                    alone = bool(lane.tasks)
                if alone:
                    break
            self._start(begun, finished)
            for lane, call, returned in _ended(finished) if running else ():
                running -= 1
                call.settle(returned, gate, results)
                _return(lane, waiting)

    def _start(self, begun: Sequence[tuple[Lane, Call]], finished: SimpleQueue[Finished]) -> None:
        """Start calls, those on the event loop all at once: to wake it costs more than to start them."""
        awaited: list[Awaited] = []
        for lane, call in begun:
            finish = partial(_finish, finished, lane, call)
            if call.is_async:
                awaited.append((call.run_async(), finish))
            else:
                future = _threads(self).submit(copy_context().run, call.run)
                future.add_done_callback(partial(_finish_future, finish))
        if awaited:
            start(awaited)


def _finish(finished: SimpleQueue[Finished], lane: Lane, call: Call, returned: object) -> None:
    finished.put((lane, call, returned))


def _finish_future(finish: Callable[[object], None], future: Future[object]) -> None:
    finish(future.result())


def _ended(finished: SimpleQueue[Finished]) -> Iterator[Finished]:
    """Wait for a call to end, and take all that have ended by then."""
    yield finished.get()
    while not finished.empty():
        yield finished.get()


def concurrent(*, workers: int = 8) -> Concurrent:
    """Make a strategy that runs handlers of one record, and records of different items, side by side.

    Functions run in threads and coroutine functions on one event loop, both kept from one invocation to the
    next, up to `workers` calls at a time in all. For one handler, records of one item never overtake each
    other, nor do the chunks of a batched handler. The list of Results is in the same order as in `series`.

    Fails with `Misuse` if `workers` is less than 1.
    """
    if workers < 1:
        raise Misuse(f"workers={workers} should be 1 or more")
    return Concurrent(workers)


def _lanes(passages: Sequence[Passage]) -> list[Lane]:
    """Sort tasks into lanes, which come out as a heap: their places ascend."""
    lanes: dict[tuple[int, Item | None], Lane] = {}
    for task in Tasks(passages):
        key = (task.stop.order, None if task.stop.batched else task.subject.item)
        if (lane := lanes.get(key)) is None:
            lanes[key] = Lane(task)
        else:
            lane.tasks.append(task)
    return sorted(lanes.values())


def _return(lane: Lane, waiting: list[Lane]) -> None:
    """Have a lane wait for the turn of its next task, if it has one."""
    if lane.tasks:
        lane.place = lane.tasks[0].result
        heappush(waiting, lane)


_pools: Final[WeakKeyDictionary[Concurrent, tuple[int, ThreadPoolExecutor]]] = WeakKeyDictionary()
"""Each strategy's threads, for as long as it exists, and the process that they are of: they do not survive a fork."""


_worker: Final = local()
"""Says of a thread which strategy it works for."""


def _threads(strategy: Concurrent) -> ThreadPoolExecutor:
    """Each strategy has threads of its own: handlers that run a pipeline must not wait for themselves."""
    pid, pool = _pools.get(strategy, (None, None))
    if pool is None or pid != getpid():
        pool = strategy.make_threads(
            strategy.workers, "streamfn", initializer=setattr, initargs=(_worker, "strategy", id(strategy))
        )
        _pools[strategy] = getpid(), pool
    return pool
