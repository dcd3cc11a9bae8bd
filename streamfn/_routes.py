"""Routes: which handlers are there for which table, and how records find their way to them.

A record of a table that nobody declared is `Unrouted`. One of a kind that nobody handles costs one look-up in a
dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeAlias, runtime_checkable

from streamfn._events import EVENTS
from streamfn._execution.gate import Gate
from streamfn._execution.series import series
from streamfn._execution.stops import UNROUTED, Stop, Way
from streamfn._execution.tasks import Passage, Results
from streamfn._forks import Branch, way_of
from streamfn._handlers.registration import AnyHandler
from streamfn._misuse import Misuse
from streamfn._structuring import Part, event_maker
from streamfn._successes import IS_AS_KNOWN
from streamfn._tables import Table
from streamfn._values import Value
from streamfn._wire import EVENT_NAMES, EventName, ImageName


@runtime_checkable
class Strategy(Protocol):
    """In which order handlers run, and how many at a time: `series`, or what `concurrent` makes."""

    def run(self, passages: Sequence[Passage], gate: Gate, results: Results, /) -> None:
        """Run the handlers of records, which come in the order of the batch, and settle each that is wanted."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Route(Value):
    """A table, the handlers of its events in the order declared, and the strategy that runs them."""

    table: Table[object]
    handlers: tuple[AnyHandler, ...]
    strategy: Strategy


def handler_names(routes: Sequence[Route]) -> list[str]:
    """Name the handlers of routes, in the order declared, each once."""
    return list(dict.fromkeys(handler.name for route in routes for handler in route.handlers))


_ASTRAY: Final[Mapping[EventName, Way | None]] = dict.fromkeys(EVENT_NAMES, UNROUTED)


class Ways:
    """Where records go, by the name of their table and by what happened to the item."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Sort the handlers of all routes by what they are for.

        Fails with `Misuse` if two functions go by one name, or one function is registered twice for one kind
        of record.
        """
        orders = _orders(routes)
        self.strategies: tuple[Strategy, ...] = tuple(dict.fromkeys(route.strategy for route in routes))
        found: dict[str, dict[EventName, list[Branch]]] = {}
        for route in routes:
            index = self.strategies.index(route.strategy)
            kinds = found.setdefault(route.table.name, {event_name: [] for event_name in EVENT_NAMES})
            for handler in route.handlers:
                for event_name in EVENTS[handler.kind]:
                    kinds[event_name].append(Branch(index, route.table, handler))
        self._ways: dict[str, Mapping[EventName, Way | None]] = {
            name: {
                event_name: way_of(branches, partial(_past, event_name, orders))
                for event_name, branches in kinds.items()
            }
            for name, kinds in found.items()
        }
        self.declared: tuple[str, ...] = tuple(found)
        batched = any(handler.batched for route in routes for handler in route.handlers)
        self.are_for_singles: bool = IS_AS_KNOWN and self.strategies == (series,) and not batched
        """Whether records can go the way of `Singles`."""

    def __call__(self, table_name: str | None) -> Mapping[EventName, Way | None]:
        """Look up where the records of a table go, which is None for those that nobody handles."""
        return self._ways.get(table_name or "", _ASTRAY)


def _past(event_name: EventName, orders: Mapping[str, int], branches: Sequence[Branch]) -> Way | None:
    """Make the way of records of a kind past handlers."""
    parts: Parts = {}
    stops: list[tuple[int, Stop]] = []
    for strategy, table, handler in branches:
        part = _finder(parts, table, handler.keys)
        event = event_maker(handler.kind, event_name, handler.name, part)
        stops.append((strategy, Stop(orders[handler.name], handler, event)))
    return Way(stops, len(parts)) if stops else None


Parts: TypeAlias = dict[tuple[int, ImageName, type[object] | None], Part]
"""The parts of records that handlers read: by table (two may have one name), by name, and by model of keys."""


def _finder(parts: Parts, table: Table[object], keys: type[object] | None) -> Callable[[ImageName], Part]:
    """Make what finds the parts for a handler, so that handlers of the same images find them in the same."""

    def find(name: ImageName) -> Part:
        key = (id(table), name, keys)
        if key not in parts:
            parts[key] = Part(table, name, len(parts), keys)
        return parts[key]

    return find


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
