"""The plan of a run: items, the gate that a delivery keeps, and the stops of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Final, Never, Protocol, TypeAlias, cast

from typing_extensions import override

from streamfn._events import EventFactory
from streamfn._failures import OutOfTime, Reason, Stopped
from streamfn._handlers import AnyHandler, Batched, BatchedEach
from streamfn._records import RawRecord, Record, StreamRecord, is_map
from streamfn._time import Deadline

if TYPE_CHECKING:
    from streamfn.ledgers._protocol import Pair


# Items: what keeps records together whose order counts, for each handler by itself.

Item: TypeAlias = frozenset[tuple[str, tuple[str, object]]]
"""What tells items of one table apart: their keys, in a form that can be compared and hashed."""

_UNKNOWN: Final[Item] = frozenset()


Place: TypeAlias = tuple[str, Item]
"""A handler's name and an item: of one place, nothing overtakes what came before."""


def item_of(record: Record) -> Item:
    """Find which item of its table a record is about.

    Those with keys that are no attribute values pass for one and the same item, so that they keep their order.
    What is no record is about none, and has nothing to wait for.
    """
    if not isinstance(record, StreamRecord):
        return _UNKNOWN
    keys: Mapping[str, object] = record.peek("Keys") or {}
    try:
        return frozenset(
            [(name, tagged) for name, value in keys.items() if is_map(value) for tagged in value.items()]
        )
    except TypeError:  # a list or a map cannot be hashed
        return _UNKNOWN


# What may still start, and who is told how it went: a delivery's part in a run.
#
# A gate is made for one run and asked in one thread. This one, of a pipeline that is called without a delivery
# or with one that drops failures, bars nothing but for lack of time.


class Turn(Protocol):
    """A handler's turn on a record of the batch.

    `pair` is what ledgers call it, from when on a gate that has a ledger has found out.
    """

    pair: Pair | None

    @property
    def position(self) -> int:
        """The record's index in the batch."""
        ...

    @property
    def name(self) -> str:
        """The handler's name; empty for a record that reaches none."""
        ...

    @property
    def record(self) -> Record:
        """The record."""
        ...

    @property
    def place(self) -> Place:
        """The handler and the item: of one place, nothing overtakes what came before."""
        ...

    @property
    def function(self) -> object:
        """The handler's function; None for a record that reaches none."""
        ...


class Turns(Protocol):
    """Turns that are going to come, which can be gone through again and again."""

    def __iter__(self) -> Iterator[Turn]:
        """Give each turn."""
        ...

    def by_record(self) -> Iterator[tuple[Record, tuple[str, ...]]]:
        """Give each record with the names of the handlers that have a turn on it, which costs less than the turns."""
        ...


class Gate:
    """Says of each turn whether it may start, and learns what came of it.

    `is_due` says that there are turns to try again in this run.
    """

    is_due: bool = False

    def __init__(self, deadline: Deadline | None = None) -> None:
        """Take a deadline, or let time have no end."""
        self.deadline: Deadline = Deadline() if deadline is None else deadline

    def expects(self, turns: Turns, /) -> None:
        """Learn of turns that are going to come."""

    def settled(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether the pair is settled already: then it does not run, and has no Result."""
        return False

    def bars(self, turn: Turn, /) -> Reason[Never] | None:  # noqa: ARG002 (for those that tell turns apart)
        """Say why nothing may start on a turn, or None if it may."""
        return OutOfTime() if self.deadline.reached else None

    def alone(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a turn is to have a call of its own, and that nothing beside it."""
        return False

    def exclusive(self, turn: Turn, /) -> bool:
        """Whether nothing is to run beside the call that a turn leads to."""
        return self.alone(turn)

    def hurries(self, chunks: int, /) -> bool:
        """Whether so many chunks should not wait for more events, because time runs short."""
        return self.deadline.hurries(chunks)

    def began(self, call: int, turns: Iterable[Turn], /) -> None:  # noqa: ARG002 (for those that tell turns apart)
        """Learn that a call begins, by a number that no other running one has."""
        self.deadline.began(call)

    def ended(self, call: int, /) -> None:
        """Learn that a call has ended."""
        self.deadline.ended(call)

    def returned(self) -> None:
        """Learn that the turn which may start since last has been called, by itself, and that this has ended."""
        self.deadline.returned()

    def succeeded(self, turn: Turn, /) -> None:
        """Learn that a handler has succeeded."""

    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        """Learn that a turn failed, `alone` or together with others in a chunk; one that is `isolated` stays alone."""

    def fails(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a turn of a batched handler has failed alone so often that its attempts are used up."""
        return False

    def answered(self, handler: str, /, *, succeeded: bool, fails: bool) -> None:
        """Learn whether a batched handler has succeeded, on one event at least, and if it is one that `fails`."""

    def isolates(self, handler: str, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a batched handler is called again, within the run, to find out which event of a chunk has failed."""
        return False

    def tries(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a batched handler is called with a turn and those in its chunk, or they wait for the next run."""
        return True

    def due(self) -> Sequence[Turn]:
        """Take the turns that are to be tried again now, before any other of their places."""
        return ()

    def rests(self) -> bool:
        """Learn that all turns have been tried; say whether none is to be tried again."""
        return True

    def unwanted(self, turn: Turn, /) -> Reason[Never] | None:  # noqa: ARG002 (for those that remember)
        """Learn that `where` does not want a turn; say why that is a failure, if it is one."""
        return None


class StoppingGate(Gate):
    """Starts nothing on the records after one that failed, since Lambda sends them again anyway."""

    first_failure: int | None = None

    @override
    def bars(self, turn: Turn, /) -> Reason[Never] | None:
        if self.first_failure is not None and turn.position > self.first_failure:
            return Stopped()
        return OutOfTime() if self.deadline.reached else None

    @override
    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        if self.first_failure is None or turn.position < self.first_failure:
            self.first_failure = turn.position


# Ways and their stops: what records of one table and kind have to pass, with all that is known before any
# comes.


class Stop:
    """A handler that records of one table and kind have to pass.

    `order` is its place among all handlers of the pipeline, `place` that among all that these records pass.
    `function` takes an event, or a tuple of up to `size` events where the stop is `batched`.
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
        """Take a handler, its order, and what makes its event of a record."""
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


class Way:
    """What the records of one table and kind have to pass.

    `turns` are the stops for each strategy, by its index, in the order in which it has to take them: those of
    single events first. `steps` are all stops in the order in which they are declared, as what is needed to pass
    them. `places` are for their Results, and `items` for what parts of a record are structured to, with none yet.
    Where the way leads to a fork, it has no stops, and `choose` gives the way from there.
    """

    __slots__ = ("choose", "items", "places", "steps", "turns")

    def __init__(self, found: Sequence[tuple[int, Stop]], parts: int, choose: Choose | None = None) -> None:
        """Take stops, each with the index of the strategy that is to run it, and how many parts they read."""
        self.choose: Choose | None = choose
        stops = sorted((stop for _, stop in found), key=_order)
        for place, stop in enumerate(stops):
            stop.place = place
        self.steps: tuple[Step, ...] = tuple(
            (stop.event, stop.where, stop.function, stop.name) for stop in stops
        )
        turns: dict[int, list[Stop]] = {}
        for strategy, stop in sorted(found, key=_turn):
            turns.setdefault(strategy, []).append(stop)
        self.turns: tuple[tuple[int, Sequence[Stop]], ...] = tuple(turns.items())
        self.places: tuple[None, ...] = (None,) * len(found)
        self.items: list[object] = [None] * parts


Step: TypeAlias = tuple[EventFactory, Callable[[object], object] | None, Callable[[object], object], str]
"""What makes a stop's event, its `where`, its function and its name: found sooner than the attributes of a stop."""

Choose: TypeAlias = Callable[[RawRecord], Way | None]
"""Finds the way that a record goes, which is None if nobody wants it."""


def _order(stop: Stop) -> int:
    return stop.order


def _turn(found: tuple[int, Stop]) -> tuple[bool, int]:
    _, stop = found
    return stop.batched, stop.order


UNROUTED: Final = Way((), 0)
"""The way of records of a table that nobody declared."""
