"""The strategy `concurrent`: key queues, the strategy with its threads and coroutines, and `concurrent`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from heapq import heappop, heappush
from os import getpid
from threading import Lock, local
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

from typing_extensions import override

from streamfn._errors import ConfigurationError, kind_of
from streamfn._execution.event_loop import Awaited, start
from streamfn._execution.policy import ItemKey, PlannedTasks, Task
from streamfn._execution.run import Chunk, Half, HandlerCall, Run
from streamfn._failures import Raised

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue


# Key queues: one for each ordering key, or one for all tasks of a batched handler. Tasks of a queue keep their order.


class KeyQueue:
    """Tasks in their order: each starts after the end of the one before it.

    Queues compare by the place of their next task, so that the earliest records of the batch run first.
    """

    __slots__ = ("_halves", "_waits", "place", "tasks")

    def __init__(self, first: Task) -> None:
        """Store the first task; all tasks of a queue are of one handler."""
        self.place: int = first.result
        self.tasks: deque[Task] = deque((first,))
        self._halves: list[Half] = []  # in reverse: the next half is the last
        self._waits = True

    def __lt__(self, other: KeyQueue) -> bool:
        return self.place < other.place

    @property
    def asks(self) -> bool:
        """Whether the next task has a `where`, which may run for long, and may end the process."""
        return bool(self.tasks) and self.tasks[0].step.where is not None

    def halve(self, halves: Sequence[Half]) -> None:
        """Put halves of a chunk before all tasks."""
        self._halves.extend(reversed(halves))

    def try_again(self, task: Task, waiting: list[KeyQueue]) -> None:
        """Put a task that is tried again before all other tasks."""
        self.tasks.appendleft(task)
        if not self._waits:
            self.requeue(waiting)

    def requeue(self, waiting: list[KeyQueue]) -> None:
        """Put this queue among the waiting ones, if it has a half or a task left."""
        self._waits = True
        if self._halves:
            self.place = self._halves[-1].place
        elif self.tasks:
            self.place = self.tasks[0].result
        else:
            self._waits = False
            return
        heappush(waiting, self)

    def advance(self, run: Run, *, beside_others: bool) -> HandlerCall | None:
        """Prepare tasks until there is a call or no task left; an exclusive task waits until no other call runs."""
        while self._halves:
            if (call := self._halves.pop().release()) is not None:
                return call
        if not self.tasks:
            return None
        chunk = Chunk(self.tasks[0].step, run)
        while self.tasks and chunk.takes(self.tasks[0]):
            if beside_others and run.policy.exclusive(self.tasks[0]):
                break
            task = self.tasks.popleft()
            if (event := run.prepare(task)) is not None:
                chunk.add(task, event)
        return chunk.release()


class KeyQueues:
    """All queues of a run. `waiting` is a heap of the queues that have a half or a task left, by their places."""

    __slots__ = ("_queues", "waiting")

    def __init__(self, tasks: PlannedTasks) -> None:
        """Sort tasks into queues."""
        self._queues: dict[tuple[int, ItemKey | None], KeyQueue] = {}
        for task in tasks:
            key = _key(task)
            if (queue := self._queues.get(key)) is None:
                self._queues[key] = KeyQueue(task)
            else:
                queue.tasks.append(task)
        self.waiting: list[KeyQueue] = sorted(self._queues.values())

    def wait(self, run: Run) -> bool:
        """Put due tasks in front of their queues; return whether any queue waits."""
        if run.policy.is_due:
            for task in reversed(run.due()):  # reversed: the first task comes first in its queue
                self._queues[_key(task)].try_again(task, self.waiting)
        return bool(self.waiting)


def _key(task: Task) -> tuple[int, ItemKey | None]:
    return task.step.order, None if task.step.batched else task.item


# The strategy `concurrent`: handlers of one record, and records of different items, side by side.
#
# The calling thread structures images and asks the policy. Only calls of handlers leave that thread: coroutine
# functions run on the event loop, and all other functions in threads.

Completion: TypeAlias = "tuple[KeyQueue, HandlerCall, object]"
"""A queue, its call that has ended, and the outcome."""


class Concurrent:
    """Runs up to `workers` calls at a time; `concurrent` makes it."""

    __slots__ = ("__weakref__", "make_queues", "make_threads", "workers")

    def __init__(self, workers: int) -> None:
        """Store the number of workers, and import the thread pool during the function's cold start."""
        from concurrent.futures import ThreadPoolExecutor

        self.make_queues: type[KeyQueues] = KeyQueues
        self.make_threads: type[ThreadPoolExecutor] = ThreadPoolExecutor
        self.workers: int = workers

    @override
    def __repr__(self) -> str:
        return f"Concurrent(workers={self.workers})"

    def run(self, tasks: PlannedTasks, run: Run) -> None:
        """Run tasks side by side, tasks with one ordering key in their order, and settle each wanted task.

        No other call runs beside an exclusive one.
        """
        if getattr(_worker, "strategy", None) == id(self):
            raise ConfigurationError(
                "a handler runs a pipeline with its own strategy, and would wait for itself: make another"
            )
        from queue import SimpleQueue

        policy = run.policy
        queues = self.make_queues(tasks)
        waiting = queues.waiting
        completed: SimpleQueue[Completion] = SimpleQueue()
        running = 0
        while waiting or running or not policy.rests():
            awaited: list[Awaited] = []  # started together: each wake-up of the loop is costly
            try:
                while queues.wait(run) and running < self.workers:
                    queue = heappop(waiting)
                    if awaited and queue.asks:
                        ready, awaited = awaited, []
                        start(ready)
                    call = queue.advance(run, beside_others=running > 0)
                    if call is not None:
                        call.begin()
                        running += 1
                        finish = partial(_complete, completed, queue, call)
                        if call.is_async:
                            awaited.append((call.run_async(), finish))
                        else:
                            self._start(_Job(call, finish))
                        exclusive = policy.exclusive(call.tasks[0])
                    else:
                        queue.requeue(waiting)
                        exclusive = bool(queue.tasks)
                    if exclusive:
                        break
            finally:  # a call that has begun is started, even where a `where` ends the process
                if awaited:
                    start(awaited)
            for queue, call, returned in _ended(completed) if running else ():
                running -= 1
                queue.halve(call.settle(returned))
                queue.requeue(waiting)

    def _start(self, job: _Job) -> None:
        """Run a job in a thread, or give it up if no thread can start."""
        try:
            _threads(self).submit(copy_context().run, job.run)
        except RuntimeError as error:
            job.give_up(error)


class _Job:
    """A call for a thread. A job that was given up stays in the pool's queue, but does not run."""

    __slots__ = ("_call", "_finish", "_taken")

    def __init__(self, call: HandlerCall, finish: Callable[[object], None]) -> None:
        """Store a call, and the function that takes its outcome."""
        self._call = call
        self._finish = finish
        self._taken = Lock()

    def run(self) -> None:
        """Call the handler, unless the job has been given up."""
        if not self._taken.acquire(blocking=False):
            return
        try:
            returned = self._call.run()
        except BaseException as error:  # noqa: BLE001 (the waiting run would wait for good)
            returned = Raised(error)
        self._finish(returned)

    def give_up(self, error: RuntimeError) -> None:
        """Finish with an error, unless another thread has taken the job already."""
        if self._taken.acquire(blocking=False):
            self._finish(Raised(error))


def _complete(
    completed: SimpleQueue[Completion], queue: KeyQueue, call: HandlerCall, returned: object
) -> None:
    completed.put((queue, call, returned))


def _ended(completed: SimpleQueue[Completion]) -> Iterator[Completion]:
    """Wait for the end of a call, and yield all calls that have ended by then."""
    yield completed.get()
    while not completed.empty():
        yield completed.get()


def concurrent(*, workers: int = 8) -> Concurrent:
    """Make a strategy that runs handlers of one record, and records of different items, side by side.

    Functions run in threads, and coroutine functions on one event loop. Threads and loop stay from one invocation to
    the next. Up to `workers` calls run at a time in all. For one handler, records of one item keep their order, and
    so do the chunks of a batched handler. The list of Results is in the same order as in `series`.

    Raises `ConfigurationError` if `workers` is not a whole number, or less than 1.
    """
    if not isinstance(cast("object", workers), int) or isinstance(workers, bool):
        raise ConfigurationError(
            f"workers is a whole number, got {kind_of(workers)}: write concurrent(workers=8)"
        )
    if workers < 1:
        raise ConfigurationError(f"workers={workers} should be 1 or more")
    return Concurrent(workers)


_pools: Final[WeakKeyDictionary[Concurrent, tuple[int, ThreadPoolExecutor]]] = WeakKeyDictionary()
"""The threads of each strategy, as long as it exists, and the id of their process: threads do not survive a fork."""


_worker: Final = local()
"""The id of the strategy that a thread works for."""


def _threads(strategy: Concurrent) -> ThreadPoolExecutor:
    """Return the threads of a strategy: its own, so that a handler that runs a pipeline does not wait for itself."""
    pid, pool = _pools.get(strategy, (None, None))
    if pool is None or pid != getpid():
        pool = strategy.make_threads(
            strategy.workers, "streamfn", initializer=setattr, initargs=(_worker, "strategy", id(strategy))
        )
        _pools[strategy] = getpid(), pool
    return pool
