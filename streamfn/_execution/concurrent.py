"""The strategy `concurrent`: handlers of one record, and records of different items, side by side.

Tasks stand in lanes, which are what must keep its order: a handler's tasks on one item, or all of a batched
handler's. The calling thread structures images and asks the gate; only calls of handlers leave it, coroutine
functions to the event loop and all others to threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from heapq import heappop, heappush
from os import getpid
from queue import SimpleQueue
from threading import local
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item, item_of
from streamfn._execution.loop import submit
from streamfn._execution.tasks import Call, Settled, Task, prepare
from streamfn._failures import Raised
from streamfn._misuse import Misuse


@dataclass(order=True)
class Lane:
    """Tasks in the order in which they have to start, each after the end of the one before it.

    Lanes compare by the place of their next task, so that the batch is worked off from its beginning.
    """

    place: tuple[int, int]
    tasks: deque[Task] = field(compare=False, default_factory=deque[Task])

    def advance(self, gate: Gate, *, beside_others: bool) -> tuple[list[Settled], Call | None]:
        """Prepare tasks until there is something to call, or nothing left; what runs alone not beside others."""
        settled: list[Settled] = []
        chunk = Chunk(self.tasks[0].handler, gate)
        while self.tasks and chunk.takes(self.tasks[0]):
            if beside_others and gate.alone(self.tasks[0]):
                break
            prepared = prepare(self.tasks.popleft(), gate)
            if isinstance(prepared, Settled):
                settled.append(prepared)
            elif prepared is not None:
                chunk.add(prepared)
        barred, call = chunk.release()
        return settled + barred, call


Finished: TypeAlias = tuple[Lane, Call, Future[object]]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Concurrent:
    """Up to `workers` handlers at a time; `concurrent` makes it."""

    workers: int

    def run(self, tasks: Iterable[Task], gate: Gate) -> Iterator[Settled]:
        """Run tasks side by side, those of one handler and item in their order, and settle each that is wanted.

        What the gate wants tried alone has nothing beside it.
        """
        if getattr(_worker, "strategy", None) == id(self):
            raise Misuse(
                "a handler runs a pipeline with its own strategy, and would wait for itself: make another"
            )
        waiting = _lanes(tasks)
        finished: SimpleQueue[Finished] = SimpleQueue()
        running = 0
        while waiting or running:
            while waiting and running < self.workers:
                lane = heappop(waiting)
                settled, call = lane.advance(gate, beside_others=running > 0)
                yield from settled
                if call is not None:
                    call.begin(gate)
                    self._start(lane, call, finished)
                    running += 1
                    alone = gate.alone(call.dues[0].task)
                else:
                    _return(lane, waiting)
                    alone = bool(lane.tasks)
                if alone:
                    break
            if running:
                lane, call, future = finished.get()
                running -= 1
                yield from call.settle(future.result(), gate)
                _return(lane, waiting)

    def _start(self, lane: Lane, call: Call, finished: SimpleQueue[Finished]) -> None:
        thread = _threads(self).submit
        try:
            future = submit(call.run_async()) if call.is_async else thread(copy_context().run, call.run)
        except RuntimeError as error:  # on the event loop itself there is no waiting for it
            future = Future[object]()
            future.set_result(Raised(error))
        future.add_done_callback(lambda done: finished.put((lane, call, done)))


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


def _lanes(tasks: Iterable[Task]) -> list[Lane]:
    """Sort tasks into lanes, which come out as a heap: their places ascend."""
    lanes: dict[tuple[int, Item | None], Lane] = {}
    for task in tasks:
        key = (task.order, None if task.handler.batched else item_of(task.record))
        lane = lanes.get(key)
        if lane is None:
            lane = lanes[key] = Lane(task.place)
        lane.tasks.append(task)
    return sorted(lanes.values())


def _return(lane: Lane, waiting: list[Lane]) -> None:
    """Have a lane wait for the turn of its next task, if it has one."""
    if lane.tasks:
        lane.place = lane.tasks[0].place
        heappush(waiting, lane)


_pools: Final[WeakKeyDictionary[Concurrent, tuple[int, ThreadPoolExecutor]]] = WeakKeyDictionary()
"""Each strategy's threads, for as long as it exists, and the process that they are of: they do not survive a fork."""


_worker: Final = local()
"""Says of a thread which strategy it works for."""


def _threads(strategy: Concurrent) -> ThreadPoolExecutor:
    """Each strategy has threads of its own: handlers that run a pipeline must not wait for themselves."""
    pid, pool = _pools.get(strategy, (None, None))
    if pool is None or pid != getpid():
        pool = ThreadPoolExecutor(
            strategy.workers, "streamfn", initializer=setattr, initargs=(_worker, "strategy", id(strategy))
        )
        _pools[strategy] = getpid(), pool
    return pool
