"""The run: records pass their stops, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from returns.result import Failure, Success
from typing_extensions import override

from streamfn._dataclasses import success_twin
from streamfn._events import BaseEvent, Images, Unstructured
from streamfn._execution.calls import (
    FINISHED,
    HandlerResult,
    Verdict,
    call,
    call_async,
    handled_twin,
    success,
    verdict,
    verdicts,
    waited,
    wants,
)
from streamfn._execution.plan import UNROUTED, Gate, Item, Place, Stop, Way, item_of
from streamfn._failures import (
    Failed,
    Handled,
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

if TYPE_CHECKING:
    from streamfn.ledgers._protocol import Pair


# The third stage's smallest steps: a task, the call that it may lead to, and what comes of it.
#
# A `Passage` is a record on its way past handlers, and a `Task` one of these that may be due on it. Preparing a
# task settles it at once (it may not start, or its image cannot be structured), finds that the handler does not
# want it, or gives the event to call the handler with.

_WAITS: Final = (HeldBack, OutOfTime, Stopped)
"""Reasons of tasks that have not been tried."""

Results: TypeAlias = list[HandlerResult | None]
"""The Results of a batch, with a place for each that there may be: all have theirs before any handler is called."""

Passage: TypeAlias = tuple[int, StreamRecord, Sequence[Stop], Images, int]
"""A record on its way past stops: its index in the batch, itself, its stops, what its parts were structured to, and the
first place of its Results."""


class Subject:
    """What the tasks of one record share."""

    __slots__ = ("_item", "items", "position", "record")

    def __init__(self, position: int, record: StreamRecord, items: Images) -> None:
        """Take a record, its index in the batch, and what its parts were structured to."""
        self.position: int = position
        self.record: StreamRecord = record
        self.items: Images = items
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


def prepare(task: Task, gate: Gate, results: Results) -> BaseEvent | None:
    """Find out what a task comes to before its handler is called: an event to call it with, or a Result, or none.

    There is none where it is settled already, or the handler does not want the event.
    """
    if gate.settled(task):
        return None
    stop = task.stop
    if (bar := gate.bars(task)) is not None:
        fail(task, bar, gate, results)
    elif isinstance(event := stop.event(task.record, task.subject.items), Unstructured):
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
    from streamfn._failures import place_of  # here, because a cold start would pay for it

    return place_of(function)


class Due:
    """A task whose event is made and wanted."""

    __slots__ = ("event", "task")

    def __init__(self, task: Task, event: BaseEvent) -> None:
        """Take both."""
        self.task: Task = task
        self.event: BaseEvent = event


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


# Chunks: the events of a batch that a batched handler sees at once.


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

    def add(self, task: Task, event: BaseEvent) -> None:
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


# Passages: the records of a batch, gathered for the strategies that run their handlers.


class Passages:
    """Gathers records, and settles at once those that reach no handler.

    `of_strategies` are the passages for each strategy, by its index, in the order of their first records.
    `results` has a place for each Result that there may be.
    """

    def __init__(self, gate: Gate, declared: tuple[str, ...]) -> None:
        """Begin with no record; `declared` names the tables that there are."""
        self._gate = gate
        self._declared = declared
        self.results: Results = []
        self.of_strategies: dict[int, list[Passage]] = {}

    def take(self, position: int, record: Record, way: Way | None) -> None:
        """Take a record, its index in the batch, and its way; that is None for a malformed one."""
        if way is None or way is UNROUTED or not isinstance(record, StreamRecord):
            stray = Stray(position, record)
            if not self._gate.settled(stray):
                failed = stray.failed(self._declared)
                self._gate.failed(stray, failed.reason)
                self.results.append(Failure(failed))
            return
        items = way.items.copy()
        for strategy, stops in way.turns:
            passage = (position, record, stops, items, len(self.results))
            self.of_strategies.setdefault(strategy, []).append(passage)
        self.results += way.places


class Stray:
    """The turn of a record that reaches no handler."""

    __slots__ = ("name", "pair", "position", "record")

    def __init__(self, position: int, record: Record) -> None:
        """Take a record and its index in the batch."""
        self.position: int = position
        self.record: Record = record
        self.name: str = ""
        self.pair: Pair | None = None

    @property
    def place(self) -> Place:
        """No handler, and the item."""
        return self.name, item_of(self.record)

    @property
    def function(self) -> None:
        """No handler."""
        return None

    def failed(self, declared: tuple[str, ...]) -> Failed[object]:
        """Say why it reaches none; `declared` names the tables that there are."""
        record = self.record
        if isinstance(record, MalformedRecord):
            return Failed(record, None, Malformed(record.problem))
        return Failed(record, None, Unrouted(record.event_source_arn, record.table_name, declared))


# The strategy `series`: record by record, and within a record handler by handler, in the order declared.


class Series:
    """One handler at a time; its one instance is `series`.

    Batched handlers follow chunk by chunk, each time after the single handlers of the records in the chunk. It
    is called when it is full, when its next event is of an item that it holds already, when time runs short, and
    at the end of the batch.
    """

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "Series()"

    def run(self, passages: Sequence[Passage], gate: Gate, results: Results) -> None:
        """Run tasks in their order, and settle each that is wanted."""
        chunks: dict[int, Chunk] = {}  # by handler, in the order of their first events
        for task in Tasks(passages):
            if chunks and gate.hurries(len(chunks)):
                _release_all(chunks, gate, results)
            if task.stop.batched:
                _gather(task, chunks, gate, results)
            else:
                _run(task, gate, results)
            if gate.is_due:
                _run_again(gate, results)
        _release_all(chunks, gate, results)
        _run_again(gate, results)
        while not gate.rests():
            _run_again(gate, results)


def _run_again(gate: Gate, results: Results) -> None:
    """Run what is to be tried again, and what that leads to."""
    while gate.is_due:
        chunks: dict[int, Chunk] = {}
        for task in due_again(gate, results):
            if task.stop.batched:
                _gather(task, chunks, gate, results)
            else:
                _run(task, gate, results)
        _release_all(chunks, gate, results)


def _run(task: Task, gate: Gate, results: Results) -> None:
    """Call a handler of single events, if it is due."""
    if (event := prepare(task, gate, results)) is None:
        return
    found = verdict(call(task.stop.function, event))
    gate.returned()  # not before: what is meant for the process leaves the handler running
    settle(task, found, gate, results)


def _gather(task: Task, chunks: dict[int, Chunk], gate: Gate, results: Results) -> None:
    """Put a task into its handler's chunk, which is called before if it has no room, and after if it is full then."""
    order = task.stop.order
    if order in chunks and not chunks[order].takes(task):
        _release(chunks.pop(order), gate, results)
    if (event := prepare(task, gate, results)) is not None:
        chunk = chunks.setdefault(order, Chunk(task.stop, gate))
        chunk.add(task, event)
        if chunk.full:
            _release(chunks.pop(order), gate, results)


def _release_all(chunks: dict[int, Chunk], gate: Gate, results: Results) -> None:
    while chunks:
        _release(chunks.pop(next(iter(chunks))), gate, results)


def _release(chunk: Chunk, gate: Gate, results: Results) -> None:
    if (due := chunk.release(results)) is not None:
        _call(due, gate, results)


def _call(due: Call, gate: Gate, results: Results) -> None:
    """Call a handler with a chunk, and with the halves of it where they are asked for."""
    due.begin(gate)
    for half in due.settle(due.run(), gate, results):
        if (again := half.release(gate, results)) is not None:
            _call(again, gate, results)


series: Final = Series()
"""Record by record, and within a record handler by handler, in the order declared. The default."""


# The shortest way from records to Results: handlers of single events, in series, and no gate that has to be
# asked.
#
# It comes to what `streamfn._execution.tasks` comes to step by step, and is there for its speed alone.


class Singles:
    """Has the handlers of each record answer as soon as it is taken; `results` are what they came to, in order.

    Only where what `streamfn._execution.successes` knows of a Success holds.
    """

    __slots__ = ("_declared", "results")

    def __init__(self, declared: tuple[str, ...]) -> None:
        """Begin with no record; `declared` names the tables that there are."""
        self._declared = declared
        self.results: list[HandlerResult] = []

    def take(self, position: int, record: Record, way: Way | None) -> None:
        """Take a record, its index in the batch, and its way; that is None for a malformed one."""
        results = self.results
        if way is None or way is UNROUTED or not isinstance(record, StreamRecord):
            results.append(Failure(Stray(position, record).failed(self._declared)))
            return
        items = way.items.copy()
        for event_of, where, function, name in way.steps:
            event = event_of(record, items)
            if type(event) is Unstructured:
                results.append(failure(record, name, event.reason, function))
                continue
            if where is not None and (wanted := wants(where, event)) is not True:
                if wanted is not False:
                    results.append(_result(record, name, wanted, function))
                continue
            try:
                answer = function(event)
            except BaseException as exception:  # noqa: BLE001 (as in `call`)
                answer = Raised(exception)
            kind = type(answer)  # a checker would narrow the answer to a Success of nothing known
            given: Any = answer
            if kind is not Success or type(given._inner_value) not in FINISHED:  # noqa: SLF001 (as in `filled`)
                results.append(_result(record, name, answer, function))
                continue
            # What `success` does, without the call of it.
            handled = handled_twin()
            handled.record = record
            handled.handler = name
            handled.value = given._inner_value  # noqa: SLF001 (as in `filled`)
            handled.__class__ = Handled
            made = success_twin()
            made._inner_value = handled  # noqa: SLF001 (as in `filled`)
            made.__class__ = Success
            results.append(made)


def _result(
    record: StreamRecord, handler: str, answer: object, function: Callable[[object], object]
) -> HandlerResult:
    """Read an answer that is no plain Success."""
    found = verdict(waited(answer))
    if isinstance(found, Success):
        return success(record, handler, found)
    return failure(record, handler, found.failure(), function)
