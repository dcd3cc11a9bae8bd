"""Pipelines: dispatch by pattern, the routing table, and `pipeline` and `router`, which compile it."""

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


# Dispatch by pattern: patterns choose among the handlers of one table and event name.
#
# The choice is made on the raw record, before any image is structured. If all patterns compare the text of one
# attribute, as for the entities of a single-table design, the choice is one look-up for any number of patterns.


class Binding(NamedTuple):
    """A handler, and the table whose pattern its records match; `strategy` is the index of its strategy."""

    strategy: int
    table: Table[object]
    handler: AnyHandler


MATCH_ERRORS: Final = (RecursionError, ValueError, OverflowError)
"""The exceptions of a matcher for a record that no stream has, such as one nested thousands deep.

The record counts as a match, so that no handler loses it.
"""

Compile: TypeAlias = Callable[[Sequence[Binding]], CompiledRoute | None]
"""Returns the compiled route of handlers; None if there are no handlers."""


def compile_route(bindings: Sequence[Binding], compile_steps: Compile) -> CompiledRoute | None:
    """Compile the route of one table name and event name, with a choice by pattern if tables have patterns."""
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
    """Choose by the only pattern."""
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
    """Choose by every pattern. A route is compiled for the first record that takes it."""
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
    """Return whether a record matches a pattern; True if the matcher raises one of `MATCH_ERRORS`."""
    try:
        return matcher.matches(record)
    except MATCH_ERRORS:
        return True


def _by_text(
    bindings: Sequence[Binding], path: tuple[str, ...], compile_steps: Compile, by_each: Select
) -> Select:
    """Choose by the text at the path that all patterns compare."""
    from streamfn._patterns.matching import text_at  # loaded already by the table with a pattern

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


# The routing table: compiled routes by table name and event name.
#
# A record of an undeclared table fails as `Unrouted`. A record without a handler for its event name costs one look-up
# in a dictionary.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Route(Value):
    """A table, its handlers in the declared order, and their strategy."""

    table: Table[object]
    handlers: tuple[AnyHandler, ...]
    strategy: Strategy


def handler_names(routes: Sequence[Route]) -> list[str]:
    """Return the names of the handlers of routes, each once, in the declared order."""
    return list(dict.fromkeys(handler.name for route in routes for handler in route.handlers))


_ALL_UNROUTED: Final[Mapping[EventName, CompiledRoute | None]] = dict.fromkeys(EVENT_NAMES, UNROUTED)


class RoutingTable:
    """The compiled routes, by table name and event name.

    `declared` has the names of the tables.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        """Compile the handlers of all routes.

        Raises `ConfigurationError` if two functions have one name, or one function is registered twice for one event
        name.
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
        """Return the routes of a table by event name; a route is None if no handler wants the event name."""
        return self._routes.get(table_name or "", _ALL_UNROUTED)


def _compile_steps(
    event_name: EventName, orders: Mapping[str, int], bindings: Sequence[Binding]
) -> CompiledRoute | None:
    """Compile the route of records of one event name; None if there are no handlers."""
    parts: Parts = {}
    steps: list[tuple[int, Step]] = []
    for strategy, table, handler in bindings:
        part = _finder(parts, table, handler.keys)
        event = event_factory(handler.kind, event_name, handler.name, part)
        steps.append((strategy, Step(orders[handler.name], handler, event)))
    return CompiledRoute(steps, len(parts)) if steps else None


Parts: TypeAlias = dict[tuple[int, ImageName, type[object] | None], ImageDecoder]
"""The decoders of images, by the id of the table (two may have one name), the image's name, and the model of keys."""


def _finder(
    parts: Parts, table: Table[object], keys: type[object] | None
) -> Callable[[ImageName], ImageDecoder]:
    """Return a function that finds a handler's decoders; handlers of one image share its decoder."""

    def find(name: ImageName) -> ImageDecoder:
        key = (id(table), name, keys)
        if key not in parts:
            parts[key] = ImageDecoder(table, name, len(parts), keys)
        return parts[key]

    return find


def _orders(routes: Sequence[Route]) -> dict[str, int]:
    """Return the number of each handler's name, in the declared order. Raises `ConfigurationError`."""
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


# Pipelines, and the functions `pipeline` and `router` that make them.
#
# A pipeline is a function from a payload to a list of Results. All checks of handlers are made at import. A later call
# raises no exception because of a record or a handler.

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
    """Raise `ConfigurationError` if Lambda itself calls a pipeline, because a setting names the pipeline."""

    def checked(process: object, payload: object, *context: object) -> object:
        if context:
            raise ConfigurationError(
                "Lambda has called a pipeline itself, whose failures nobody would hear of: write "
                "handler = lambda_handler(process) in a module app, and set the function's handler to app.handler"
            )
        return call(process, payload)

    return cast("F", update_wrapper(checked, call))  # the arguments are those of the method


@dataclass(frozen=True, eq=False, repr=False)
class Pipeline(Value, Wrappable, Generic[A_co, E_co]):
    """A function from a payload to a list of Results; `pipeline` and `router` make it.

    `A_co` is the union of the handlers' values of success, `E_co` the union of their values of failure. `routes` has
    the tables, handlers and strategies.
    """

    routes: tuple[Route, ...]
    _routing: RoutingTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the routing table. Raises `ConfigurationError`."""
        object.__setattr__(self, "_routing", RoutingTable(self.routes))

    @override
    def _called(self) -> str:
        return "pipeline"

    @_not_for_lambda
    def __call__(self, payload: object) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all handlers on the records of a payload, and return a Result for each task that `where` wants.

        `payload` is the event of a Lambda function; see `read`. The Results are in the order of the records, and for
        one record in the order of the handlers. A failure stops no other task.

        Raises `NotAStreamEvent` if the payload is not an event of a DynamoDB stream, `ConfigurationError` if Lambda
        itself calls the pipeline, with a context beside the payload, and no other exception.
        """
        return self.run(open_payload(payload), Policy())

    def run(self, records: Sequence[Record], policy: Policy) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all tasks that the policy admits. A refused task has a Failure with the policy's reason.

        A task that is settled already has no Result. A payload that has not been read yet is read in the same pass,
        and its records without a handler are not checked.
        """
        run = Run(policy, self._routing.strategies, self._routing.declared)
        if isinstance(records, IncomingPayload):
            records.feed(self._routing.lookup, run.feed)
        else:
            feed_records(self._routing.lookup, records, run.feed)
        # Each Result has the types of its handler. A_co and E_co are the unions of these, by pipeline().
        return cast("list[Result[Handled[A_co], Failed[E_co]]]", run.finish())


def _check_types(table: object, handlers: Sequence[object], strategy: object) -> None:
    """Raise `ConfigurationError` for arguments that a type checker would reject."""
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
    """Join a table and up to ten handlers into one function; `router` joins more.

    `strategy` is `series` or `concurrent(workers=…)`. A failed handler stops no other handler of the same record.

    Raises `ConfigurationError` if two functions have one name, if one function is registered twice for one event name,
    if the table's keys do not fit the model of an `on_keys` handler, or if a handler's Success would hold work that has
    not run, such as a coroutine.
    """
    handlers: tuple[AnyHandler, ...] = (h1, h2, h3, h4, h5, h6, h7, h8, h9, h10)
    _check_types(table, handlers, strategy)
    given = tuple(handler for handler in handlers if handler is not _NONE)
    for handler in given:
        check_finished(handler.name, handler.function)
        if handler.keys is not None:
            compiled_table(table).check_keys(handler.keys)
    # The route only reads, and passes events of T to handlers of T.
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
    """Join up to ten pipelines into one, each for the records of its table. A router can be joined again.

    Several pipelines of one table all get its records. Pipelines with the same strategy run like one pipeline with all
    their handlers. Different strategies run one after the other, each with its share of the time.

    Raises `ConfigurationError` if two handlers, also of different tables, have one name.
    """
    pipelines = (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10)
    return Pipeline(tuple(route for each in pipelines for route in _routes_of(each)))
