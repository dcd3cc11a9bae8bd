"""Ways and their stops: what records of one table and kind have to pass, with all that is known before any comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from typing import Final, TypeAlias, cast

from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._structuring import EventMaker
from streamfn._wire import RawRecord


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

    def __init__(self, order: int, handler: AnyHandler, event: EventMaker) -> None:
        """Take a handler, its order, and what makes its event of a record."""
        self.order: int = order
        self.place: int = 0
        self.name: str = handler.name
        self.event: EventMaker = event
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


Step: TypeAlias = tuple[EventMaker, Callable[[object], object] | None, Callable[[object], object], str]
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
