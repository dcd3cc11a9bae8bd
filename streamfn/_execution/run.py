"""The run: its loop, the Result of each task, calls of chunks and their halves, and the strategy `series`."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from returns.result import Failure, Success
from typing_extensions import override

from streamfn._events import BaseEvent, Unstructured
from streamfn._execution.calls import (
    FINISHED,
    PLAIN,
    HandlerResult,
    Verdict,
    call,
    call_async,
    success,
    verdict,
    verdicts,
    waited,
    wants,
)
from streamfn._execution.policy import (
    SKIP,
    UNROUTED,
    CompiledRoute,
    ItemKey,
    PlannedRecord,
    PlannedTasks,
    Policy,
    Skip,
    Step,
    Task,
    unrouted_task,
)
from streamfn._failures import (
    Failed,
    HeldBack,
    Malformed,
    OutOfTime,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    Stopped,
    TimedOut,
    Unrouted,
)
from streamfn._records import MalformedRecord, Record, StreamRecord

# A run, and its loop.
#
# `Run.feed` takes record after record. Where handlers run in `series` and the policy remembers nothing, the handlers
# of a record run as soon as the record is read, and no task is made of a single event. Anything else is planned first:
# a ledger has to know the tasks that have yet to come, and `concurrent` the tasks that may run side by side.

Results: TypeAlias = list[HandlerResult | None]
"""The Results of a batch, with a place for each planned task: all have their places before any handler is called."""

_WAITS: Final = (HeldBack, OutOfTime, Stopped)
"""Reasons of tasks that have not been tried."""


@runtime_checkable
class Strategy(Protocol):
    """The order of calls, and how many run at a time: `series`, or a strategy of `concurrent`."""

    def run(self, tasks: PlannedTasks, run: Run, /) -> None:
        """Run tasks, which come in the order of the batch, and settle each that is wanted."""
        ...


class Run:
    """One run of a pipeline on a batch; `results` are in the order of the records, then of the handlers."""

    __slots__ = ("_chunks", "_declared", "_planned", "_reads", "_strategies", "policy", "results")

    def __init__(self, policy: Policy, strategies: Sequence[Strategy], declared: tuple[str, ...]) -> None:
        """Begin with no record; `declared` names the tables of the pipeline."""
        self.policy: Policy = policy
        self.results: Results = []
        self._strategies = strategies
        self._declared = declared
        self._chunks: dict[int, Chunk] = {}  # by handler, in the order of their first events
        # Whether handlers run as the batch is read; otherwise the records of each strategy, by its index.
        self._reads = not policy.remembers and all(strategy is series for strategy in strategies)
        self._planned: dict[int, list[PlannedRecord]] = {}

    # Flat, because each call more would be paid for by each record and handler.
    def feed(self, position: int, record: Record, route: CompiledRoute | None) -> None:  # noqa: C901, PLR0912
        """Run or plan the handlers of a record at its index in the batch; a malformed record has no route."""
        if route is None or route is UNROUTED or not isinstance(record, StreamRecord):
            self._settle_unrouted(position, record)
            return
        singles = route.singles
        if singles is None or not self._reads:
            self._plan(position, record, route)
            return
        images, results = route.images.copy(), self.results
        policy, chunks = self.policy, self._chunks
        deadline = policy.deadline
        is_endless = deadline.is_endless
        answer: Any
        for event_of, where, function, name in singles:
            if chunks and policy.should_flush(len(chunks)):
                self._release_all(chunks)
            if position > policy.stop_after:
                results.append(Failure(Failed(record, name, Stopped())))
                continue
            if not is_endless and deadline.reached:
                policy.failed_at(position)
                results.append(Failure(Failed(record, name, OutOfTime())))
                continue
            event = event_of(record, images)
            if type(event) is Unstructured:
                policy.failed_at(position)
                results.append(failure(record, name, event.reason, function))
                continue
            if where is not None and (answer := wants(where, event)) is not True:
                if answer is False:
                    continue
            else:
                deadline.is_running = True
                try:
                    answer = function(event)
                except BaseException as exception:  # noqa: BLE001 (as in `call`)
                    answer = Raised(exception)
            if type(answer) is PLAIN and type(answer._inner_value) in FINISHED:  # noqa: SLF001 (as in `filled`)
                results.append(success(record, name, answer))
                continue
            found = verdict(waited(answer))
            if isinstance(found, Success):
                results.append(success(record, name, found))
            else:
                policy.failed_at(position)
                results.append(failure(record, name, found.failure(), function))

    def _plan(self, position: int, record: StreamRecord, route: CompiledRoute) -> None:
        """Give each task of a record the place of its Result; where handlers run at once, take the tasks."""
        images, first = route.images.copy(), len(self.results)
        self.results += route.places
        for strategy, steps in route.turns:
            planned: PlannedRecord = (position, record, steps, images, first)
            if self._reads:
                for task in PlannedTasks([planned]):
                    self.take(task)
            else:
                self._planned.setdefault(strategy, []).append(planned)

    def finish(self) -> list[HandlerResult]:
        """Run planned tasks and waiting chunks, and return the Results."""
        planned, policy = self._planned, self.policy
        if self._reads:
            self.end()
        for records in planned.values():
            policy.planned(PlannedTasks(records))
        for number, (strategy, records) in enumerate(planned.items()):
            policy.deadline.share(len(planned) - number)
            self._strategies[strategy].run(PlannedTasks(records), self)
        if policy.deadline.is_running:
            policy.deadline.returned()
        return [result for result in self.results if result is not None]

    def _settle_unrouted(self, position: int, record: Record) -> None:
        """Add the failure of a record that reaches no handler, unless a ledger has settled the record."""
        task = unrouted_task(position, record)
        if self.policy.is_settled(task):
            return
        reason: Reason[object] = (
            Malformed(record.problem)
            if isinstance(record, MalformedRecord)
            else Unrouted(record.event_source_arn, record.table_name, self._declared)
        )
        self.policy.finished(task, reason)
        self.results.append(Failure(Failed(record, None, reason)))

    # Tasks in series: singles at once, events of batched handlers in chunks.

    def take(self, task: Task) -> None:
        """Call the handler of a task, or have the task wait in a chunk."""
        policy = self.policy
        if self._chunks and policy.should_flush(len(self._chunks)):
            self._release_all(self._chunks)
        self._pass(task, self._chunks)
        if policy.is_due:
            self._run_again()

    def end(self) -> None:
        """Call handlers with the waiting chunks, and with the tasks that are tried again."""
        self._release_all(self._chunks)
        self._run_again()
        while not self.policy.rests():
            self._run_again()

    def _pass(self, task: Task, chunks: dict[int, Chunk]) -> None:
        step = task.step
        if step.batched:
            self._gather(task, step, chunks)
        elif (event := self.prepare(task)) is not None:
            policy = self.policy
            policy.deadline.is_running = True
            answer: Any = call(step.function, event)
            if type(answer) is PLAIN and type(answer._inner_value) in FINISHED:  # noqa: SLF001 (as in `filled`)
                policy.finished(task, None)
                record: Any = task.record  # with a handler, no malformed one
                self.results[task.result] = success(record, task.name, answer)
            else:  # an exception for the process is raised here, and leaves the handler running
                self.settle(task, verdict(answer))

    def _gather(self, task: Task, step: Step, chunks: dict[int, Chunk]) -> None:
        """Put a task into its handler's chunk, which is called before if it has no room, and after if it is full."""
        order = step.order
        if order in chunks and not chunks[order].takes(task):
            self._release(chunks.pop(order))
        if (event := self.prepare(task)) is not None:
            chunk = chunks.setdefault(order, Chunk(step, self))
            chunk.add(task, event)
            if chunk.full:
                self._release(chunks.pop(order))

    def _run_again(self) -> None:
        """Run the tasks that are tried again, and those that become due by that."""
        while self.policy.is_due:
            chunks: dict[int, Chunk] = {}
            for task in self.due():
                self._pass(task, chunks)
            self._release_all(chunks)

    def _release_all(self, chunks: dict[int, Chunk]) -> None:
        while chunks:
            self._release(chunks.pop(next(iter(chunks))))

    def _release(self, chunk: Chunk) -> None:
        if (due := chunk.release()) is not None:
            self._call(due)

    def _call(self, due: HandlerCall) -> None:
        """Call a handler with a chunk, and with the halves of it where they are asked for."""
        due.begin()
        for half in due.settle(due.run()):
            if (again := half.release()) is not None:
                self._call(again)

    # Tasks, from the question whether one may start to its Result.

    def prepare(self, task: Task) -> BaseEvent | None:
        """Make the event to call a handler with, or settle the task and give None.

        A task that is settled already, or whose event the handler does not want, has no Result.
        """
        policy, step = self.policy, task.step
        if (refusal := policy.admit(task)) is not None:
            self.refuse(task, refusal)
            return None
        record: Any = task.record  # of a task with a handler, no malformed one
        event = step.event(record, task.images)
        if isinstance(event, Unstructured):
            self.fail(task, event.reason)
        elif step.where is None or (wanted := wants(step.where, event)) is True:
            return event
        elif wanted is not False:
            self.settle(task, verdict(wanted))
        elif (dropped := policy.unwanted(task)) is not None:
            self.fail(task, dropped)
        return None

    def refuse(self, task: Task, refusal: Reason[object] | Skip) -> None:
        """Settle a task that may not start; one that is settled already has no Result."""
        if refusal is not SKIP:
            self.fail(task, refusal)

    def settle(self, task: Task, found: Verdict, *, alone: bool = True, isolated: bool = False) -> None:
        """Settle a task, `alone` or with others in a chunk, and let the policy know; see `Policy.finished`."""
        if isinstance(found, Success):
            self.policy.finished(task, None)
            record: Any = task.record  # as above
            self.results[task.result] = success(record, task.name, found)
        else:
            self.fail(task, found.failure(), alone=alone, isolated=isolated)

    def fail(self, task: Task, reason: Reason[object], *, alone: bool = True, isolated: bool = False) -> None:
        """Settle a task as failed, as `settle` does."""
        self.policy.finished(task, reason, alone=alone, isolated=isolated)
        if isinstance(reason, _WAITS) and self.results[task.result] is not None:
            return  # it has failed in this run, and a report is to hear of that
        record: Any = task.record  # as above
        self.results[task.result] = failure(record, task.name, reason, task.step.function)

    def due(self) -> Sequence[Task]:
        """Return the tasks that are tried again now. A failed task keeps its Result until its next call has ended."""
        tasks = self.policy.due()
        for task in tasks:
            if _only_waited(self.results[task.result]):
                self.results[task.result] = None
        return tasks


def _only_waited(result: HandlerResult | None) -> bool:
    """Return whether a task has not been tried."""
    return not isinstance(result, Failure) or isinstance(result.failure().reason, _WAITS)


def failure(record: StreamRecord, handler: str, reason: Reason[object], function: object) -> HandlerResult:
    """Make the Result of a handler that has no success on a record."""
    return Failure(Failed(record, handler, reason, location_for(reason, function)))


def location_for(reason: Reason[object], function: object) -> str | None:
    """Return the place in code where a handler begins, if the handler was called and failed."""
    if not isinstance(reason, Refused | Raised | TimedOut | ProcessDied):
        return None
    from streamfn._failures import function_location  # here, because a cold start would pay for it

    return function_location(function)


# Calls of more than a single event in series: with chunks, with their halves, and beside others.


class HandlerCall:
    """A handler about to be called: with one event, or with the chunk of events that are due."""

    __slots__ = ("_argument", "_run", "_step", "tasks")

    def __init__(self, step: Step, tasks: Sequence[Task], run: Run) -> None:
        """Store at least one task; the events of the tasks are made and wanted."""
        self._step = step
        self._run = run
        self._argument: object = tuple(task.event for task in tasks) if step.batched else tasks[0].event
        self.tasks: Sequence[Task] = tasks

    def run(self) -> object:
        """Call the handler, and await its answer if necessary."""
        return call(self._step.function, self._argument)

    def run_async(self) -> Coroutine[object, object, object]:
        """Return the coroutine that calls a handler which `is_async`."""
        return call_async(self._step.function, self._argument)

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function, which runs on the event loop itself."""
        return self._step.is_async

    def begin(self) -> None:
        """Tell the policy that the call begins."""
        self._run.policy.started(self.tasks)

    def settle(self, returned: object) -> Sequence[Half]:
        """Settle each task by the outcome of the call.

        Where a chunk has failed as a whole, the policy may want it halved: then nothing is settled, and the halves are
        returned.
        """
        step, tasks, run = self._step, self.tasks, self._run
        policy, count = run.policy, len(tasks)
        found = verdicts(returned, count) if step.answers_for_each else verdict(returned)
        policy.ended(tasks)  # not before: an exception for the process leaves the handler running
        answers_for_each = isinstance(found, list)
        of_each = found if isinstance(found, list) else [found] * count
        if step.batched:
            succeeded = any(isinstance(each, Success) for each in of_each)
            exhausted = count == 1 and policy.is_exhausted(tasks[0])
            policy.answered(step.name, succeeded=succeeded, exhausted=exhausted)
        if isinstance(found, Failure) and count > 1 and policy.isolates(step.name):
            middle = (count + 1) // 2
            return [
                Half(step, tasks[:middle], found, run, is_second=False),
                Half(step, tasks[middle:], found, run, is_second=True),
            ]
        alone = answers_for_each or count == 1
        isolated = count == 1 and step.batched and not answers_for_each
        # Failures first, so that successes beside them show that the handler works.
        for failures in (True, False) if answers_for_each else (None,):
            for task, each in zip(tasks, of_each, strict=True):
                if failures is None or isinstance(each, Failure) is failures:
                    run.settle(task, each, alone=alone, isolated=isolated)
        return ()


class Half:
    """A half of a chunk that has failed as a whole, with that failure: for a call of its own."""

    __slots__ = ("_failure", "_is_second", "_run", "_step", "_tasks")

    def __init__(
        self, step: Step, tasks: Sequence[Task], failure: Verdict, run: Run, *, is_second: bool
    ) -> None:
        """Store the handler, its tasks, and the failure of the whole chunk."""
        self._step = step
        self._tasks = tasks
        self._failure = failure
        self._run = run
        self._is_second = is_second

    @property
    def place(self) -> int:
        """The place of the first Result."""
        return self._tasks[0].result

    def release(self) -> HandlerCall | None:
        """Turn the half into a call; if that may no longer start, each event has the failure of the whole chunk.

        Where time has run out, the first event of a second half is isolated, so that the next run does not begin anew
        with the chunk that has failed.
        """
        run = self._run
        isolates = run.policy.isolates(self._step.name)
        if isolates and all(run.policy.admit(task) is None for task in self._tasks):
            return HandlerCall(self._step, self._tasks, run)
        for number, task in enumerate(self._tasks):
            isolated = isolates and self._is_second and number == 0
            run.settle(task, self._failure, alone=False, isolated=isolated)
        return None


class Chunk:
    """The events that wait for one batched handler's next call, in the order of their records."""

    __slots__ = ("_is_isolated", "_items", "_run", "_step", "_tasks")

    def __init__(self, step: Step, run: Run) -> None:
        """Begin with no event."""
        self._step = step
        self._run = run
        self._tasks: list[Task] = []
        self._items: set[ItemKey] = set()
        self._is_isolated = False

    def takes(self, task: Task) -> bool:
        """Return whether there is room for a task: an item appears at most once, and an isolated task is alone."""
        if not self._tasks:
            return True
        return not (self.full or self._run.policy.isolated(task) or task.item in self._items)

    def add(self, task: Task, event: BaseEvent) -> None:
        """Add a task and its event."""
        task.event = event
        self._tasks.append(task)
        self._items.add(task.item)
        self._is_isolated = self._run.policy.isolated(task)

    @property
    def full(self) -> bool:
        """Whether the chunk has as many events as its handler takes at once."""
        return self._is_isolated or len(self._tasks) == self._step.size

    def release(self) -> HandlerCall | None:
        """Turn the chunk into a call, and into failures of the tasks that may no longer start.

        An isolated task waits for the next delivery once enough calls have failed.
        """
        run, policy = self._run, self._run.policy
        admitted: list[Task] = []
        waits = self._step.batched and bool(self._tasks) and not policy.tries(self._tasks[0])
        for task in self._tasks:
            refusal = Stopped() if waits else policy.admit(task)
            if refusal is None:
                admitted.append(task)
            else:
                run.refuse(task, refusal)
        return HandlerCall(self._step, admitted, run) if admitted else None


# The strategy `series`: record by record, and within a record handler by handler, in the order declared.


class Series:
    """One handler at a time; its one instance is `series`.

    Batched handlers follow chunk by chunk, each time after the single handlers of the records in the chunk. A chunk
    is released when it is full, when its next event is of an item that it holds already, when time runs short, and
    at the end of the batch.
    """

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "Series()"

    def run(self, tasks: PlannedTasks, run: Run) -> None:
        """Run tasks in their order, and settle each that is wanted."""
        for task in tasks:
            run.take(task)
        run.end()


series: Final = Series()
"""Record by record, and within a record handler by handler, in the order declared. The default."""
