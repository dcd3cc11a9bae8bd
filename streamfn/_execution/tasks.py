"""The third stage's smallest steps: a task, the call that it may lead to, and what comes of it.

A `Task` is a handler that may be due on a record. Preparing it settles it at once (it may not start, or its
image cannot be structured), finds that the handler does not want it, or gives the event to call the handler
with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import NamedTuple, TypeAlias, cast

from returns.result import Failure, Result, Success

from streamfn._events import Change
from streamfn._execution.gate import Gate
from streamfn._execution.verdicts import Verdict, call, call_async, verdict, verdicts
from streamfn._failures import Failed, Handled, Raised, Reason
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._records import StreamRecord
from streamfn._structuring import Images, event_of

HandlerResult: TypeAlias = Result[Handled[object], Failed[object]]
"""What a pipeline gathers, before it is given the types of its handlers again."""


@dataclass(frozen=True, slots=True)
class Task:
    """A handler that is for records of this kind, and a record.

    `position` is the record's index in the batch, `order` the handler's in the pipeline.
    """

    position: int
    order: int
    handler: AnyHandler
    images: Images

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.name

    @property
    def record(self) -> StreamRecord:
        """The record."""
        return self.images.record

    @property
    def place(self) -> tuple[int, int]:
        """Where in the list of Results the task's Result belongs."""
        return (self.position, self.order)


class Settled(NamedTuple):
    """The Result of a task, with the place that it has in the list of all."""

    position: int
    order: int
    result: HandlerResult


@dataclass(frozen=True, slots=True)
class Due:
    """A task whose event is made and wanted."""

    task: Task
    event: Change


def prepare(task: Task, gate: Gate) -> Due | Settled | None:
    """Find out what a task comes to before its handler is called.

    None where it is settled already, or the handler does not want the event.
    """
    if gate.settled(task):
        return None
    if (bar := gate.bars(task)) is not None:
        return failed(task, bar, gate)
    handler = task.handler
    made = event_of(handler.kind, handler.keys, task.images, handler.name)
    if not isinstance(made, Success):
        return failed(task, made.failure(), gate)
    event = made.unwrap()
    if handler.where is not None:
        # pipeline() has matched the handler and the event.
        answer = call(cast("Callable[[object], object]", handler.where), event)
        wanted = answer if isinstance(answer, Raised) else call(bool, answer)
        if isinstance(wanted, Raised):
            return _settled(task, verdict(wanted), gate)
        if not wanted:
            dropped = gate.unwanted(task)
            return None if dropped is None else failed(task, dropped, gate)
    return Due(task, event)


def failed(task: Task, reason: Reason[object], gate: Gate, *, alone: bool = True) -> Settled:
    """Settle a task as failed, `alone` or with others in a chunk, and let the gate know."""
    gate.failed(task, reason, alone=alone)
    return Settled(task.position, task.order, Failure(Failed(task.record, task.name, reason)))


@dataclass(frozen=True, slots=True)
class Call:
    """A handler about to be called: with one event, or with the chunk of events that are due."""

    handler: AnyHandler
    dues: Sequence[Due]

    def run(self) -> object:
        """Call the handler, and wait for it if it has to be awaited."""
        return call(self._function, self._argument)

    def run_async(self) -> Coroutine[object, object, object]:
        """Make the coroutine that calls the handler, for one that `is_async`."""
        return call_async(cast("Callable[[object], Awaitable[object]]", self._function), self._argument)

    @property
    def is_async(self) -> bool:
        """Whether the handler is a coroutine function, which can be called on the event loop itself."""
        return iscoroutinefunction(self._function)

    def begin(self, gate: Gate) -> None:
        """Let the gate know that the handler is about to be called."""
        gate.began(id(self), (due.task for due in self.dues))

    def settle(self, returned: object, gate: Gate) -> list[Settled]:
        """Give each task its Result, from what came of the call."""
        alone = len(self.dues) == 1
        if isinstance(self.handler.function, BatchedEach):
            found: Sequence[Verdict] = verdicts(returned, len(self.dues))
        else:
            found = [verdict(returned)] * len(self.dues)
        gate.ended(id(self))  # not before: what is meant for the process leaves the handler running
        return [
            _settled(due.task, each, gate, alone=alone) for due, each in zip(self.dues, found, strict=True)
        ]

    @property
    def _function(self) -> Callable[[object], object]:
        function: object = self.handler.function
        if self.handler.batched:
            # It may be a BatchedEach, which has a function too.
            function = cast("Batched[object, object, object]", function).function
        # pipeline() has matched the handler and the events.
        return cast("Callable[[object], object]", function)

    @property
    def _argument(self) -> object:
        if self.handler.batched:
            return tuple(due.event for due in self.dues)
        return self.dues[0].event


def _settled(task: Task, found: Verdict, gate: Gate, *, alone: bool = True) -> Settled:
    if not isinstance(found, Success):
        return failed(task, found.failure(), gate, alone=alone)
    gate.succeeded(task)
    handled = Handled(task.record, task.name, found.unwrap())
    return Settled(task.position, task.order, Success(handled))
