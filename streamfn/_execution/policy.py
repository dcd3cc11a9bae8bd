"""The terms of a run: ordering keys, routes and their steps, tasks, and the policy of a delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from inspect import iscoroutinefunction
from sys import maxsize
from typing import TYPE_CHECKING, Final, Literal, Never, TypeAlias, cast

from typing_extensions import override

from streamfn._events import BaseEvent, EventFactory, Images
from streamfn._failures import OutOfTime, Reason, Stopped
from streamfn._handlers import AnyHandler, Batched, BatchedEach, Handler
from streamfn._records import RawRecord, Record, StreamRecord, is_map
from streamfn._time import Deadline

if TYPE_CHECKING:
    from streamfn.ledgers._protocol import Key


# Keys: tasks with equal ordering keys keep the order of the stream.

ItemKey: TypeAlias = frozenset[tuple[str, tuple[str, object]]]
"""The keys of an item, in a form that can be compared and hashed: they tell the items of one table apart."""

_UNKNOWN: Final[ItemKey] = frozenset()


OrderingKey: TypeAlias = tuple[str, ItemKey]
"""A handler's name and an item: no task overtakes an earlier one with the same ordering key."""


def item_key(record: Record) -> ItemKey:
    """Return the key of the item that a record is about.

    Records with keys that are no attribute values pass for records of one and the same item, so that they keep their
    order. A malformed record is about no item, and has nothing to wait for.
    """
    if not isinstance(record, StreamRecord):
        return _UNKNOWN
    keys: Mapping[str, object] = record.raw_image("Keys") or {}
    try:
        return frozenset(
            [(name, tagged) for name, value in keys.items() if is_map(value) for tagged in value.items()]
        )
    except TypeError:  # a list or a map cannot be hashed
        return _UNKNOWN


# Routes and their steps: the handlers that records of one table and kind pass, with all that is known before any
# record comes.


class Step:
    """A handler on the route of records of one table and kind.

    `order` is its place among all handlers of the pipeline, `place` its place among those of the route. `function`
    takes an event, or a tuple of up to `size` events where the step is `batched`.
    """

    __slots__ = (
        "answers_for_each",
        "batched",
        "event",
        "function",
        "is_async",
        "name",
        "order",
        "place",
        "size",
        "where",
    )

    def __init__(self, order: int, handler: AnyHandler, event: EventFactory) -> None:
        """Store a handler, its order, and the function that makes its event of a record."""
        self.order: int = order
        self.place: int = 0
        self.name: str = handler.name
        self.event: EventFactory = event
        inner: object = handler.function
        self.batched: bool = isinstance(inner, Batched | BatchedEach)
        self.answers_for_each: bool = isinstance(inner, BatchedEach)
        self.size: int | None = 1
        if isinstance(inner, Batched | BatchedEach):
            # isinstance drops the types; a BatchedEach has both too.
            chunks = cast("Batched[object, object, object]", inner)
            inner, self.size = chunks.function, chunks.size
        # pipeline() has matched the handler and the events.
        self.function: Callable[[object], object] = cast("Callable[[object], object]", inner)
        self.where: Callable[[object], object] | None = cast(
            "Callable[[object], object] | None", handler.where
        )
        self.is_async: bool = iscoroutinefunction(inner)


class CompiledRoute:
    """The steps of the records of one table and kind.

    `turns` has the steps of each strategy, by its index, in the order in which they are taken: the steps of single
    events first. `singles` has the parts of the steps in the order declared, or is None where a step is batched.
    `places` has room for the Results of one record, and `images` for the structured images of one record. A route that
    leads to a choice has no steps, and `select` returns the route from there.
    """

    __slots__ = ("images", "places", "select", "singles", "turns")

    def __init__(self, found: Sequence[tuple[int, Step]], images: int, select: Select | None = None) -> None:
        """Sort steps, each with the index of the strategy that runs it; the steps read so many images."""
        self.select: Select | None = select
        steps = sorted((step for _, step in found), key=_order)
        for place, step in enumerate(steps):
            step.place = place
        self.singles: tuple[SingleStep, ...] | None = None
        if not any(step.batched for step in steps):
            self.singles = tuple((step.event, step.where, step.function, step.name) for step in steps)
        turns: dict[int, list[Step]] = {}
        for strategy, step in sorted(found, key=_turn):
            turns.setdefault(strategy, []).append(step)
        self.turns: tuple[tuple[int, Sequence[Step]], ...] = tuple(turns.items())
        self.places: tuple[None, ...] = (None,) * len(found)
        self.images: list[object] = [None] * images


SingleStep: TypeAlias = tuple[
    EventFactory, Callable[[object], object] | None, Callable[[object], object], str
]
"""The parts of a step of single events: found sooner in a tuple than as attributes."""

Select: TypeAlias = Callable[[RawRecord], CompiledRoute | None]
"""Finds the route of a record; None if no handler is there for it."""


def _order(step: Step) -> int:
    return step.order


def _turn(found: tuple[int, Step]) -> tuple[bool, int]:
    _, step = found
    return step.batched, step.order


UNROUTED: Final = CompiledRoute((), 0)
"""The route of records of a table that nobody declared."""


# Tasks: a handler and a record. A task is made where something has to be remembered of the two.


class Task:
    """A handler's work on a record of the batch.

    `position` is the record's index in the batch, and `name` the handler's, empty for a record that reaches no handler.
    `result` is the place of the Result, `event` the argument of the handler, once it is made, and `pair` the name of
    the task in a ledger, once a ledger has asked for it.
    """

    __slots__ = ("_item", "event", "images", "name", "pair", "position", "record", "result", "step")

    def __init__(self, position: int, record: Record, step: Step, images: Images, result: int) -> None:
        """Store a record and its index, a step, the record's structured images, and the place of the Result."""
        self.position: int = position
        self.record: Record = record
        self.step: Step = step
        self.name: str = step.name
        self.images: Images = images
        self.result: int = result
        self.event: BaseEvent | None = None
        self.pair: Key | None = None
        self._item: ItemKey | None = None

    @property
    def item(self) -> ItemKey:
        """The item of the table that the record is about."""
        if self._item is None:
            self._item = item_key(self.record)
        return self._item

    @property
    def ordering_key(self) -> OrderingKey:
        """The handler and the item."""
        return self.name, self.item


def unrouted_task(position: int, record: Record) -> Task:
    """Make the task of a record that reaches no handler."""
    return Task(position, record, _NO_STEP, [], 0)


# Nothing is called of it, and no event made.
_NO_STEP: Final = Step(-1, Handler("", "event", print, None), cast("EventFactory", print))


PlannedRecord: TypeAlias = tuple[int, StreamRecord, Sequence[Step], Images, int]
"""A record of a run: its index in the batch, itself, its steps, its images, and the first place of its Results."""


class PlannedTasks:
    """All tasks of some records, each time anew: by record, and then those of single events before the batched."""

    __slots__ = ("_records",)

    def __init__(self, records: Sequence[PlannedRecord]) -> None:
        """Store records in the order of the batch."""
        self._records = records

    def __iter__(self) -> Iterator[Task]:
        for position, record, steps, images, first in self._records:
            for step in steps:
                yield Task(position, record, step, images, first + step.place)

    def by_record(self) -> Iterator[tuple[StreamRecord, tuple[str, ...]]]:
        """Yield each record with the names of its handlers, without making tasks.

        The names of one route are the same object.
        """
        names: dict[int, tuple[str, ...]] = {}  # by the steps, which outlive this
        for _, record, steps, _, _ in self._records:
            if (known := names.get(id(steps))) is None:
                known = names[id(steps)] = tuple([step.name for step in steps])
            yield record, known


# Policies: the decisions of a delivery in a run.
#
# A policy is made for one run and asked in one thread. The one here is that of a pipeline which is called without a
# delivery, or with one that drops failures: everything runs, but for lack of time.


class _Skip(Enum):
    SKIP = "skip"


SKIP: Final = _Skip.SKIP
"""A policy says this of a task that is settled: the handler is not called, and there is no Result."""

Skip: TypeAlias = Literal[_Skip.SKIP]


class Policy:
    """Admits each task or says why it may not start, and learns the outcome.

    In `series`, a policy that does not `remember` is asked for no task of a single event: each one starts that has no
    position behind `stop_after`, for as long as there is time. `is_due` says that there are tasks to try again now.
    """

    remembers: bool = False
    is_due: bool = False

    def __init__(self, deadline: Deadline | None = None) -> None:
        """Store a deadline; without one, time has no end."""
        self.stop_after: int = maxsize
        self.deadline: Deadline = Deadline() if deadline is None else deadline

    def planned(self, tasks: PlannedTasks, /) -> None:
        """Learn of tasks that have yet to come."""

    def is_settled(self, task: Task, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Return whether a task is settled already: the only question about a record that reaches no handler."""
        return False

    def admit(self, task: Task, /) -> Reason[Never] | Skip | None:
        """Return the reason why a task may not start, or None if it may.

        A task of a chunk is asked for twice: before its event is made, and before the chunk is called.
        """
        if task.position > self.stop_after:
            return Stopped()
        return OutOfTime() if self.deadline.reached else None

    def started(self, tasks: Sequence[Task], /) -> None:
        """Learn that a call begins, which `ended` is told of with the same tasks."""
        self.deadline.began(id(tasks))

    def ended(self, tasks: Sequence[Task], /) -> None:
        """Learn that a call has ended."""
        self.deadline.ended(id(tasks))

    def finished(
        self,
        task: Task,
        reason: Reason[object] | None,
        /,
        *,
        alone: bool = True,  # noqa: ARG002
        isolated: bool = False,  # noqa: ARG002
    ) -> None:
        """Learn that a task has succeeded, or for which reason it failed.

        A task fails `alone` or together with others in a chunk; one that is `isolated` stays alone.
        """
        if reason is not None:
            self.failed_at(task.position)

    def failed_at(self, position: int, /) -> None:
        """Learn that something failed on the record at this position."""

    def unwanted(self, task: Task, /) -> Reason[Never] | None:  # noqa: ARG002 (for those that remember)
        """Learn that `where` does not want a task; return the reason if this is a failure."""
        return None

    # Chunks and calls side by side.

    def isolated(self, task: Task, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Return whether a task has a call of its own, and its chunk nothing else."""
        return False

    def exclusive(self, task: Task, /) -> bool:
        """Return whether no other call runs beside the call of a task."""
        return self.isolated(task)

    def should_flush(self, chunks: int, /) -> bool:
        """Return whether so many chunks should wait for no more events, because time runs short."""
        return self.deadline.hurries(chunks)

    def is_exhausted(self, task: Task, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Return whether a task of a batched handler has used up its attempts by failing alone."""
        return False

    def answered(self, handler: str, /, *, succeeded: bool, exhausted: bool) -> None:
        """Learn whether a batched handler has succeeded, on one event at least, and if the task `is_exhausted`."""

    def isolates(self, handler: str, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Return whether a batched handler is called again, within the run, to find the event that fails a chunk."""
        return False

    def tries(self, task: Task, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Return whether a chunk that begins with a task is tried now, or waits for the next run."""
        return True

    # Tasks that are tried again within the run.

    def due(self) -> Sequence[Task]:
        """Return the tasks to try again now, before any other task with the same ordering key."""
        return ()

    def rests(self) -> bool:
        """Learn that all tasks have been tried; return whether none is to be tried again."""
        return True


class StopAtFirstFailure(Policy):
    """Starts nothing on the records after one that failed, since Lambda sends them again anyway."""

    @override
    def failed_at(self, position: int, /) -> None:
        self.stop_after = min(self.stop_after, position)
