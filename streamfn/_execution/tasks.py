"""The third stage's smallest steps: a task, the call that it may lead to, and what comes of it.

A `Passage` is a record on its way past handlers, and a `Task` one of these that may be due on it. Preparing a
task settles it at once (it may not start, or its image cannot be structured), finds that the handler does not
want it, or gives the event to call the handler with.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from returns.result import Failure, Success

from streamfn._events import Change
from streamfn._execution.gate import Gate
from streamfn._execution.items import Item, Place, item_of
from streamfn._execution.stops import Stop
from streamfn._execution.successes import HandlerResult, success
from streamfn._execution.verdicts import Verdict, call, call_async, verdict, verdicts, wants
from streamfn._failures import (
    Failed,
    HeldBack,
    OutOfTime,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    Stopped,
    TimedOut,
)
from streamfn._records import StreamRecord
from streamfn._structuring import Items, Unfit

if TYPE_CHECKING:  # few functions have a ledger
    from streamfn._ledger import Pair

_WAITS: Final = (HeldBack, OutOfTime, Stopped)
"""Reasons of tasks that have not been tried."""

Results: TypeAlias = list[HandlerResult | None]
"""The Results of a batch, with a place for each that there may be: all have theirs before any handler is called."""

Passage: TypeAlias = tuple[int, StreamRecord, Sequence[Stop], Items, int]
"""A record on its way past stops: its index in the batch, itself, its stops, what its parts were structured to, and the
first place of its Results."""


class Subject:
    """What the tasks of one record share."""

    __slots__ = ("_item", "items", "position", "record")

    def __init__(self, position: int, record: StreamRecord, items: Items) -> None:
        """Take a record, its index in the batch, and what its parts were structured to."""
        self.position: int = position
        self.record: StreamRecord = record
        self.items: Items = items
        self._item: Item | None = None

    @property
    def item(self) -> Item:
        """Which item of its table the record is about."""
        if self._item is None:
            self._item = item_of(self.record)
        return self._item


class Task:
    """A handler that is for records of this kind, and a record; `result` is the place of its Result."""

    __slots__ = ("name", "pair", "record", "result", "stop", "subject")

    def __init__(self, subject: Subject, stop: Stop, first: int) -> None:
        """Take a record, a handler, and the first place of the record's Results."""
        self.subject: Subject = subject
        self.stop: Stop = stop
        self.name: str = stop.name
        self.record: StreamRecord = subject.record
        self.result: int = first + stop.place
        self.pair: Pair | None = None

    @property
    def position(self) -> int:
        """The record's index in the batch."""
        return self.subject.position

    @property
    def place(self) -> Place:
        """The handler and the item."""
        return self.name, self.subject.item

    @property
    def function(self) -> object:
        """The handler's function."""
        return self.stop.function


class Tasks:
    """All tasks of some passages, each time anew: by record, and then those of single events before the batched."""

    __slots__ = ("_passages",)

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Take passages in the order of the batch."""
        self._passages = passages

    def __iter__(self) -> Iterator[Task]:
        for position, record, stops, items, first in self._passages:
            subject = Subject(position, record, items)
            for stop in stops:
                yield Task(subject, stop, first)

    def by_record(self) -> Iterator[tuple[StreamRecord, tuple[str, ...]]]:
        """Give each record with the names of its handlers; those of one way are the same object."""
        names: dict[int, tuple[str, ...]] = {}  # by the stops, which outlive this
        for _, record, stops, _, _ in self._passages:
            if (known := names.get(id(stops))) is None:
                known = names[id(stops)] = tuple([stop.name for stop in stops])
            yield record, known


def due_again(gate: Gate, results: Results) -> list[Task]:
    """Take the tasks that are to be tried again. A failed one keeps its Result until another call has ended."""
    tasks = cast("list[Task]", gate.due())  # which is told of tasks, and gives these back
    for task in tasks:
        if _only_waited(results[task.result]):
            results[task.result] = None
    return tasks


def _only_waited(result: HandlerResult | None) -> bool:
    """Whether a Result says of a task that it has not been tried."""
    return not isinstance(result, Failure) or isinstance(result.failure().reason, _WAITS)


def prepare(task: Task, gate: Gate, results: Results) -> Change | None:
    """Find out what a task comes to before its handler is called: an event to call it with, or a Result, or none.

    There is none where it is settled already, or the handler does not want the event.
    """
    if gate.settled(task):
        return None
    stop = task.stop
    if (bar := gate.bars(task)) is not None:
        fail(task, bar, gate, results)
    elif isinstance(event := stop.event(task.record, task.subject.items), Unfit):
        fail(task, event.reason, gate, results)
    elif stop.where is None or (wanted := wants(stop.where, event)) is True:
        return event
    elif wanted is not False:
        settle(task, verdict(wanted), gate, results)
    elif (dropped := gate.unwanted(task)) is not None:
        fail(task, dropped, gate, results)
    return None


def settle(
    task: Task,
    found: Verdict,
    gate: Gate,
    results: Results,
    *,
    alone: bool = True,
    isolated: bool = False,
) -> None:
    """Settle a task, `alone` or with others in a chunk, and let the gate know; one that is `isolated` stays alone."""
    if isinstance(found, Success):
        gate.succeeded(task)
        results[task.result] = success(task.record, task.name, found)
    else:
        fail(task, found.failure(), gate, results, alone=alone, isolated=isolated)


def fail(
    task: Task,
    reason: Reason[object],
    gate: Gate,
    results: Results,
    *,
    alone: bool = True,
    isolated: bool = False,
) -> None:
    """Settle a task as failed, as `settle` does."""
    gate.failed(task, reason, alone=alone, isolated=isolated)
    if isinstance(reason, _WAITS) and results[task.result] is not None:
        return  # it has failed in this run, and a report is to hear of that
    results[task.result] = failure(task.record, task.name, reason, task.stop.function)


def failure(
    record: StreamRecord, handler: str, reason: Reason[object], function: Callable[[object], object]
) -> HandlerResult:
    """Say that a handler has not succeeded on a record."""
    return Failure(Failed(record, handler, reason, location_for(reason, function)))


def location_for(reason: Reason[object], function: object) -> str | None:
    """Say where a handler begins, if it was called and failed."""
    if not isinstance(reason, Refused | Raised | TimedOut | ProcessDied):
        return None
    from streamfn._tracebacks import place_of  # here, because a cold start would pay for it

    return place_of(function)


class Due:
    """A task whose event is made and wanted."""

    __slots__ = ("event", "task")

    def __init__(self, task: Task, event: Change) -> None:
        """Take both."""
        self.task: Task = task
        self.event: Change = event


class Call:
    """A handler about to be called: with one event, or with the chunk of events that are due."""

    __slots__ = ("_argument", "_dues", "_stop", "tasks")

    def __init__(self, stop: Stop, dues: Sequence[Due]) -> None:
        """Take what is due, of which there is at least one."""
        self._stop = stop
        self._dues = dues
        self._argument: object = tuple(due.event for due in dues) if stop.batched else dues[0].event
        self.tasks: Sequence[Task] = [due.task for due in dues]

    def run(self) -> object:
        """Call the handler, and wait for it if it has to be awaited."""
        return call(self._stop.function, self._argument)

    def run_async(self) -> Coroutine[object, object, object]:
        """Make the coroutine that calls the handler, for one that `is_async`."""
        return call_async(self._stop.function, self._argument)

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function, which can be called on the event loop itself."""
        return self._stop.is_async

    def begin(self, gate: Gate) -> None:
        """Let the gate know that the handler is about to be called."""
        gate.began(id(self), self.tasks)

    def settle(self, returned: object, gate: Gate, results: Results) -> Sequence[Half]:
        """Give each task its Result, from what came of the call.

        Where a chunk has failed as a whole, the gate may want it halved: then nothing is settled, and the halves are
        returned.
        """
        stop, count = self._stop, len(self.tasks)
        found = verdicts(returned, count) if stop.answers_for_each else verdict(returned)
        gate.ended(id(self))  # not before: what is meant for the process leaves the handler running
        answers_for_each = isinstance(found, list)
        of_each = found if isinstance(found, list) else [found] * count
        if stop.batched:
            succeeded = any(isinstance(each, Success) for each in of_each)
            gate.answered(stop.name, succeeded=succeeded, fails=count == 1 and gate.fails(self.tasks[0]))
        if isinstance(found, Failure) and count > 1 and gate.isolates(stop.name):
            middle = (count + 1) // 2
            first, second = self._dues[:middle], self._dues[middle:]
            return [Half(stop, first, found, is_second=False), Half(stop, second, found, is_second=True)]
        alone = answers_for_each or count == 1
        isolated = count == 1 and stop.batched and not answers_for_each
        # Failures first, so that successes beside them show that the handler works.
        for failures in (True, False) if answers_for_each else (None,):
            for task, each in zip(self.tasks, of_each, strict=True):
                if failures is None or isinstance(each, Failure) is failures:
                    settle(task, each, gate, results, alone=alone, isolated=isolated)
        return ()


class Half:
    """A half of a chunk that has failed as a whole, with that failure: for a call of its own."""

    __slots__ = ("_dues", "_failure", "_is_second", "_stop")

    def __init__(self, stop: Stop, dues: Sequence[Due], failure: Verdict, *, is_second: bool) -> None:
        """Take the handler, what is due, and what the whole chunk came to."""
        self._stop = stop
        self._dues = dues
        self._failure = failure
        self._is_second = is_second

    @property
    def place(self) -> int:
        """The place of its first Result."""
        return self._dues[0].task.result

    def release(self, gate: Gate, results: Results) -> Call | None:
        """Turn it into a call; where it may no longer start, the failure of the whole chunk is that of each event.

        Where time has run out, the first event of a second half is isolated, so that the next run does not begin anew
        with the chunk that has failed.
        """
        isolates = gate.isolates(self._stop.name)
        if isolates and all(gate.bars(due.task) is None for due in self._dues):
            return Call(self._stop, self._dues)
        for number, due in enumerate(self._dues):
            isolated = isolates and self._is_second and number == 0
            settle(due.task, self._failure, gate, results, alone=False, isolated=isolated)
        return None
