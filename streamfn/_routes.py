"""Routes: which handlers are there for which table, and how a batch becomes tasks for them.

A record of a table that nobody declared is `Unrouted`. One of a kind that nobody handles costs two look-ups
in dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from streamfn._events import EVENTS
from streamfn._execution.gate import Gate
from streamfn._execution.tasks import Settled, Task
from streamfn._handlers.registration import AnyHandler
from streamfn._misuse import Misuse
from streamfn._records import StreamRecord
from streamfn._structuring import Images
from streamfn._tables import Table
from streamfn._wire import EVENT_NAMES, EventName


@runtime_checkable
class Strategy(Protocol):
    """In which order handlers run, and how many at a time: `series`, or what `concurrent` makes."""

    def run(self, tasks: Iterable[Task], gate: Gate, /) -> Iterable[Settled]:
        """Run tasks, which come by record and then by handler, and settle each that is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """A table, the handlers of its events in the order declared, and the strategy that runs them."""

    table: Table[object]
    handlers: tuple[AnyHandler, ...]
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Stop:
    """A handler that records of one table and kind have to pass, at its place in the whole pipeline."""

    order: int
    handler: AnyHandler
    table: Table[object]
    strategy: Strategy


Stops: TypeAlias = Mapping[str, Mapping[EventName, tuple[Stop, ...]]]
"""By table name and kind of record, the handlers for it: those of single events first, then the batched ones."""


def stops_of(routes: Sequence[Route]) -> Stops:
    """Sort the handlers of all routes by what they are for.

    Fails with `Misuse` if two functions go by one name, or one function is registered twice for one kind of
    record.
    """
    orders = _orders(routes)
    stops: dict[str, dict[EventName, tuple[Stop, ...]]] = {}
    for route in routes:
        kinds = stops.setdefault(route.table.name, dict.fromkeys(EVENT_NAMES, ()))
        for handler in route.handlers:
            stop = Stop(orders[handler.name], handler, route.table, route.strategy)
            for event_name in EVENTS[handler.kind]:
                kinds[event_name] = tuple(sorted((*kinds[event_name], stop), key=_by_turn))
    return stops


def tasks_for(record: StreamRecord, position: int, stops: Sequence[Stop]) -> Iterator[tuple[Strategy, Task]]:
    """Make the tasks of a record, each with the strategy that is to run it."""
    images: dict[int, Images] = {}
    for stop in stops:
        key = id(stop.table)  # two tables of one name may differ in their models
        if key not in images:
            images[key] = Images(record, stop.table)
        yield stop.strategy, Task(position, stop.order, stop.handler, images[key])


def _by_turn(stop: Stop) -> tuple[bool, int]:
    return (stop.handler.batched, stop.order)


def _orders(routes: Sequence[Route]) -> dict[str, int]:
    """Number the handlers by name, in the order declared."""
    first: dict[str, tuple[Route, AnyHandler]] = {}
    taken: set[tuple[str, EventName]] = set()
    for route in routes:
        for handler in route.handlers:
            name = handler.name
            known_route, known = first.setdefault(name, (route, handler))
            if known.function != handler.function or known_route is not route:
                raise Misuse(f"two handlers go by the name {name!r}: give one of them another with name=")
            for event_name in EVENTS[handler.kind]:
                if (name, event_name) in taken:
                    raise Misuse(
                        f"the handler {name!r} is registered twice for {event_name}: join the two into one"
                    )
                taken.add((name, event_name))
    return {name: order for order, name in enumerate(first)}
