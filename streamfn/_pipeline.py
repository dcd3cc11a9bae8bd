"""Pipelines: handlers of one table, routers of several, and the routing table that both compile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from typing import (
    TYPE_CHECKING,
    Final,
    Generic,
    NamedTuple,
    Never,
    TypeAlias,
    cast,
)

from returns.result import Result
from typing_extensions import TypeVar, override

from streamfn._dataclasses import Value, Wrappable
from streamfn._errors import ConfigurationError, kind_of, not_for_lambda
from streamfn._events import EVENTS, ImageDecoder, event_factory
from streamfn._execution.calls import check_finished
from streamfn._execution.policy import UNROUTED, CompiledRoute, Policy, Select, Step
from streamfn._execution.run import Run, Strategy, series
from streamfn._failures import Failed, Handled
from streamfn._handlers import AnyHandler, Handler
from streamfn._payloads import IncomingPayload, feed_records, open_payload
from streamfn._records import EVENT_NAMES, EventName, ImageName, RawRecord, Record
from streamfn._tables import Table, compiled_table

if TYPE_CHECKING:
    from streamfn._patterns.matching import Matcher


# Dispatch by pattern: the route of a record where patterns decide which handlers of its table and kind it passes.
#
# That is decided on the raw record, before anything is made of it. Where all patterns are about the text of one
# attribute, as those of the entities of one table are, a route is one look-up however many there are.


class Binding(NamedTuple):
    """A handler for records of a table, if they match its pattern; `strategy` is the index of what runs it."""

    strategy: int
    table: Table[object]
    handler: AnyHandler


MATCH_ERRORS: Final = (RecursionError, ValueError, OverflowError)
"""What a matcher raises of a record that no stream has, nested thousands deep, say. Nobody's handlers lose it then."""

Compile: TypeAlias = Callable[[Sequence[Binding]], CompiledRoute | None]
"""Makes the route of handlers, or None of no handlers."""


def compile_route(bindings: Sequence[Binding], compile_steps: Compile) -> CompiledRoute | None:
    """Make the route of the records of one table's name and kind, which may lead to a choice by pattern."""
    matchers = list(
        {id(each): each for binding in bindings if (each := compiled_table(binding.table).matcher)}.values()
    )
    if not matchers:
        return compile_steps(bindings)
    if len(matchers) == 1:
        return CompiledRoute((), 0, _by_one(bindings, matchers[0], compile_steps))
    by_each = _by_each(bindings, matchers, compile_steps)
    paths = {matcher.path for matcher in matchers}
    if len(paths) == 1 and (path := paths.pop()) is not None:
        return CompiledRoute((), 0, _by_text(bindings, path, compile_steps, by_each))
    return CompiledRoute((), 0, by_each)


def _by_one(bindings: Sequence[Binding], matcher: Matcher, compile_steps: Compile) -> Select:
    """Ask the only pattern."""
    all_of_them = compile_steps(bindings)
    others = compile_steps([binding for binding in bindings if compiled_table(binding.table).matcher is None])
    matches = matcher.matches

    def select(record: RawRecord) -> CompiledRoute | None:
        try:
            return all_of_them if matches(record) else others
        except MATCH_ERRORS:
            return all_of_them

    return select


def _by_each(bindings: Sequence[Binding], matchers: Sequence[Matcher], compile_steps: Compile) -> Select:
    """Ask each pattern. A route is made when the first record takes it."""
    routes: dict[tuple[bool, ...], CompiledRoute | None] = {}

    def select(record: RawRecord) -> CompiledRoute | None:
        answers = tuple([may_match(matcher, record) for matcher in matchers])
        if answers not in routes:
            matching = [matcher for matcher, answer in zip(matchers, answers, strict=True) if answer]
            routes[answers] = compile_steps(
                [
                    binding
                    for binding in bindings
                    if compiled_table(binding.table).matcher in {None, *matching}
                ]
            )
        return routes[answers]

    return select


def may_match(matcher: Matcher, record: RawRecord) -> bool:
    """Whether a record matches a pattern, or is too odd to tell."""
    try:
        return matcher.matches(record)
    except MATCH_ERRORS:
        return True


def _by_text(
    bindings: Sequence[Binding], path: tuple[str, ...], compile_steps: Compile, by_each: Select
) -> Select:
    """Look the text up at the end of the path that all patterns are about."""
    from streamfn._patterns.matching import text_at  # loaded by the table that has a pattern

    matchers = [compiled_table(binding.table).matcher for binding in bindings]
    texts = {text for matcher in matchers if matcher for text in matcher.values}
    routes = {
        text: compile_steps(
            [binding for binding in bindings if _is_for(compiled_table(binding.table).matcher, text)]
        )
        for text in texts
    }
    others = compile_steps([binding for binding in bindings if compiled_table(binding.table).matcher is None])
    text_of = text_at(path)

    def select(record: RawRecord) -> CompiledRoute | None:
        text = text_of(record)
        return by_each(record) if text is None else routes.get(text, others)

    return select


def _is_for(matcher: Matcher | None, text: str) -> bool:
    return matcher is None or text in matcher.values


# Routes: which handlers are there for which table, and how records find their way to them.
#
# A record of a table that nobody declared is `Unrouted`. One of a kind that nobody handles costs one look-up in
# a dictionary.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Route(Value):
    """A table, the handlers of its events in the order declared, and the strategy that runs them."""

    table: Table[object]
    handlers: tuple[AnyHandler, ...]
    strategy: Strategy


def handler_names(routes: Sequence[Route]) -> list[str]:
    """Name the handlers of routes, in the order declared, each once."""
    return list(dict.fromkeys(handler.name for route in routes for handler in route.handlers))


_ALL_UNROUTED: Final[Mapping[EventName, CompiledRoute | None]] = dict.fromkeys(EVENT_NAMES, UNROUTED)


class RoutingTable:
    """The routes of records, by the name of their table and by what happened to the item."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Sort the handlers of all routes by what they are for.

        Fails with `ConfigurationError` if two functions go by one name, or one function is registered twice for one
        kind of record.
        """
        orders = _orders(routes)
        self.strategies: tuple[Strategy, ...] = tuple(dict.fromkeys(route.strategy for route in routes))
        found: dict[str, dict[EventName, list[Binding]]] = {}
        for route in routes:
            index = self.strategies.index(route.strategy)
            kinds = found.setdefault(route.table.name, {event_name: [] for event_name in EVENT_NAMES})
            for handler in route.handlers:
                for event_name in EVENTS[handler.kind]:
                    kinds[event_name].append(Binding(index, route.table, handler))
        self._routes: dict[str, Mapping[EventName, CompiledRoute | None]] = {
            name: {
                event_name: compile_route(bindings, partial(_compile_steps, event_name, orders))
                for event_name, bindings in kinds.items()
            }
            for name, kinds in found.items()
        }
        self.declared: tuple[str, ...] = tuple(found)

    def lookup(self, table_name: str | None) -> Mapping[EventName, CompiledRoute | None]:
        """Look up the routes of the records of a table, which are None for those that nobody handles."""
        return self._routes.get(table_name or "", _ALL_UNROUTED)


def _compile_steps(
    event_name: EventName, orders: Mapping[str, int], bindings: Sequence[Binding]
) -> CompiledRoute | None:
    """Make the route of records of a kind past handlers."""
    parts: Parts = {}
    steps: list[tuple[int, Step]] = []
    for strategy, table, handler in bindings:
        part = _finder(parts, table, handler.keys)
        event = event_factory(handler.kind, event_name, handler.name, part)
        steps.append((strategy, Step(orders[handler.name], handler, event)))
    return CompiledRoute(steps, len(parts)) if steps else None


Parts: TypeAlias = dict[tuple[int, ImageName, type[object] | None], ImageDecoder]
"""The parts of records that handlers read: by table (two may have one name), by name, and by model of keys."""


def _finder(
    parts: Parts, table: Table[object], keys: type[object] | None
) -> Callable[[ImageName], ImageDecoder]:
    """Make what finds the parts for a handler, so that handlers of the same images find them in the same."""

    def find(name: ImageName) -> ImageDecoder:
        key = (id(table), name, keys)
        if key not in parts:
            parts[key] = ImageDecoder(table, name, len(parts), keys)
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
                raise ConfigurationError(
                    f"two handlers go by the name {name!r}: give one of them another with name="
                )
            for event_name in EVENTS[handler.kind]:
                if (name, event_name) in taken:
                    raise ConfigurationError(
                        f"the handler {name!r} is registered twice for {event_name}: join the two into one"
                    )
                taken.add((name, event_name))
    return {name: order for order, name in enumerate(first)}


# Pipelines: handlers joined to a table, and pipelines joined to one another.
#
# A pipeline is a function from a payload to a list of Results. It is built once, when the module is imported,
# and checks then all that can be checked; a call of it raises for nothing that a record or a handler does.

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
A1 = TypeVar("A1")
A2 = TypeVar("A2", default=Never)
A3 = TypeVar("A3", default=Never)
A4 = TypeVar("A4", default=Never)
A5 = TypeVar("A5", default=Never)
A6 = TypeVar("A6", default=Never)
A7 = TypeVar("A7", default=Never)
A8 = TypeVar("A8", default=Never)
A9 = TypeVar("A9", default=Never)
A10 = TypeVar("A10", default=Never)
E1 = TypeVar("E1")
E2 = TypeVar("E2", default=Never)
E3 = TypeVar("E3", default=Never)
E4 = TypeVar("E4", default=Never)
E5 = TypeVar("E5", default=Never)
E6 = TypeVar("E6", default=Never)
E7 = TypeVar("E7", default=Never)
E8 = TypeVar("E8", default=Never)
E9 = TypeVar("E9", default=Never)
E10 = TypeVar("E10", default=Never)


def _not_for_lambda(call: F) -> F:
    """Have a pipeline say what to write where Lambda calls it, because a setting names the pipeline."""

    def checked(process: object, payload: object, *context: object) -> object:
        if context:
            raise ConfigurationError(
                "Lambda has called a pipeline itself, whose failures nobody would hear of: write "
                "handler = lambda_handler(process) in a module app, and set the function's handler to app.handler"
            )
        return call(process, payload)

    return cast("F", update_wrapper(checked, call))  # it takes what the method takes


@dataclass(frozen=True, eq=False, repr=False)
class Pipeline(Value, Wrappable, Generic[A_co, E_co]):
    """A function from a payload to a list of Results; `pipeline` and `router` make it.

    `A_co` is the union of what its handlers succeed with, `E_co` of what they fail with. `routes` tells what
    it is made of: tables, handlers and strategies.
    """

    routes: tuple[Route, ...]
    _routing: RoutingTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the handlers' names, and sort the handlers by what they are for."""
        object.__setattr__(self, "_routing", RoutingTable(self.routes))

    @override
    def _called(self) -> str:
        return "pipeline"

    @_not_for_lambda
    def __call__(self, payload: object) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all handlers on the records of a payload, and gather a Result for each wanted pair of the two.

        `payload` is the event that Lambda hands to a function. The Results are in the order of the records,
        and for one record in the order of the handlers. Everything runs, whatever fails.

        Fails with `NotAStreamEvent` if the payload is no event of a DynamoDB stream, with `ConfigurationError` if
        Lambda calls it, with a context beside the payload, and with nothing else.
        """
        return self.run(open_payload(payload), Policy())

    def run(self, records: Sequence[Record], policy: Policy) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all handlers whose tasks the policy admits; a task that it refuses has a Result that says so.

        A task that the policy knows as settled has none. A payload that nobody has read yet is read on the way, and
        what nobody handles is not even checked.
        """
        run = Run(policy, self._routing.strategies, self._routing.declared)
        if isinstance(records, IncomingPayload):
            records.feed(self._routing.lookup, run.feed)
        else:
            feed_records(self._routing.lookup, records, run.feed)
        # Each is of the types of its handler, whose union pipeline() has made A_co and E_co.
        return cast("list[Result[Handled[A_co], Failed[E_co]]]", run.finish())


def _check_types(table: object, handlers: Sequence[object], strategy: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if not isinstance(table, Table):
        raise ConfigurationError(
            f"pipeline() takes a Table first, got {kind_of(table)}: declare it, as in Table(name, model)"
        )
    for handler in handlers:
        if not isinstance(handler, Handler):
            raise ConfigurationError(
                f"pipeline() takes handlers, got {kind_of(handler)}: wrap the function, as in on_insert(announce)"
            )
    if not isinstance(strategy, Strategy):
        raise ConfigurationError(f"a strategy is series or concurrent(workers=…), got {kind_of(strategy)}")


def _routes_of(joined: object) -> tuple[Route, ...]:
    if not isinstance(joined, Pipeline):
        raise ConfigurationError(
            f"router() takes pipelines, got {kind_of(joined)}: make one, as in pipeline(table, handler)"
        )
    return joined.routes


_NONE: Final[Handler[object, Never, Never]] = Handler("", "event", print, None)
_EMPTY: Final[Pipeline[Never, Never]] = Pipeline(())


@not_for_lambda("handler = lambda_handler(pipeline(table, on_insert(announce)))")
def pipeline(
    table: Table[T],
    h1: Handler[T, A1, E1],
    h2: Handler[T, A2, E2] = _NONE,
    h3: Handler[T, A3, E3] = _NONE,
    h4: Handler[T, A4, E4] = _NONE,
    h5: Handler[T, A5, E5] = _NONE,
    h6: Handler[T, A6, E6] = _NONE,
    h7: Handler[T, A7, E7] = _NONE,
    h8: Handler[T, A8, E8] = _NONE,
    h9: Handler[T, A9, E9] = _NONE,
    h10: Handler[T, A10, E10] = _NONE,
    /,
    *,
    strategy: Strategy = series,
) -> Pipeline[
    A1 | A2 | A3 | A4 | A5 | A6 | A7 | A8 | A9 | A10,
    E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8 | E9 | E10,
]:
    """Join up to ten handlers of a table's events into one function; `router` joins more.

    `strategy` is `series` or `concurrent(workers=…)`. A handler that fails never keeps another from the same
    record.

    Fails with `ConfigurationError` if two functions go by one name, if one is registered twice for one kind of record,
    if the model that an `on_keys` handler asks for cannot be made of the table's keys, or if a handler's Success would
    hold work that has not run, a coroutine say.
    """
    handlers: tuple[AnyHandler, ...] = (h1, h2, h3, h4, h5, h6, h7, h8, h9, h10)
    _check_types(table, handlers, strategy)
    given = tuple(handler for handler in handlers if handler is not _NONE)
    for handler in given:
        check_finished(handler.name, handler.function)
        if handler.keys is not None:
            compiled_table(table).check_keys(handler.keys)
    # The route will only read, and hand what it reads to handlers of T.
    route = Route(cast("Table[object]", table), given, strategy)
    return Pipeline((route,))


@not_for_lambda("handler = lambda_handler(router(cards, decks))")
def router(
    p1: Pipeline[A1, E1],
    p2: Pipeline[A2, E2] = _EMPTY,
    p3: Pipeline[A3, E3] = _EMPTY,
    p4: Pipeline[A4, E4] = _EMPTY,
    p5: Pipeline[A5, E5] = _EMPTY,
    p6: Pipeline[A6, E6] = _EMPTY,
    p7: Pipeline[A7, E7] = _EMPTY,
    p8: Pipeline[A8, E8] = _EMPTY,
    p9: Pipeline[A9, E9] = _EMPTY,
    p10: Pipeline[A10, E10] = _EMPTY,
    /,
) -> Pipeline[
    A1 | A2 | A3 | A4 | A5 | A6 | A7 | A8 | A9 | A10,
    E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8 | E9 | E10,
]:
    """Join up to ten pipelines, each getting the records of its own table; routers can be joined again.

    Several pipelines of one table all get its records. Those with the same strategy run as one would with all
    their handlers; strategies that differ run one after the other, each with its share of the time.

    Fails with `ConfigurationError` if two handlers, of whatever tables, go by one name.
    """
    pipelines = (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10)
    return Pipeline(tuple(route for each in pipelines for route in _routes_of(each)))
