"""Pipelines: handlers joined to a table, and pipelines joined to one another.

A pipeline is a function from a payload to a list of Results. It is built once, when the module is imported,
and checks then all that can be checked; a call of it raises for nothing that a record or a handler does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Final, Generic, Never, cast

from returns.result import Result
from typing_extensions import TypeVar, override

from streamfn._execution.gate import Gate
from streamfn._execution.passages import Passages
from streamfn._execution.series import series
from streamfn._execution.singles import Singles
from streamfn._execution.tasks import Tasks
from streamfn._execution.unfinished import check_finished
from streamfn._failures import Failed, Handled
from streamfn._handlers.registration import AnyHandler, Handler
from streamfn._misuse import Misuse, kind_of, not_for_lambda
from streamfn._payloads import read_for, take_for
from streamfn._records import Record
from streamfn._routes import Route, Strategy, Ways
from streamfn._tables import Table
from streamfn._values import Value, Wrappable

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
            raise Misuse(
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
    _ways: Ways = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the handlers' names, and sort the handlers by what they are for."""
        object.__setattr__(self, "_ways", Ways(self.routes))

    @override
    def _called(self) -> str:
        return "pipeline"

    @_not_for_lambda
    def __call__(self, payload: object) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all handlers on the records of a payload, and gather a Result for each wanted pair of the two.

        `payload` is the event that Lambda hands to a function. The Results are in the order of the records,
        and for one record in the order of the handlers. Everything runs, whatever fails.

        Fails with `NotAStreamEvent` if the payload is no event of a DynamoDB stream, with `Misuse` if Lambda calls it,
        with a context beside the payload, and with nothing else.
        """
        if self._ways.are_for_singles:
            singles = Singles(self._ways.declared)
            read_for(self._ways, payload, singles.take)
            return cast("list[Result[Handled[A_co], Failed[E_co]]]", singles.results)
        gate = Gate()
        passages = Passages(gate, self._ways.declared)
        read_for(self._ways, payload, passages.take)
        return self._run(passages, gate)

    def run(self, records: Sequence[Record], gate: Gate) -> list[Result[Handled[A_co], Failed[E_co]]]:
        """Run all handlers that the gate lets through; what it bars has a Result that says so.

        What the gate knows as settled has none.
        """
        passages = Passages(gate, self._ways.declared)
        take_for(self._ways, records, passages.take)
        return self._run(passages, gate)

    def _run(self, passages: Passages, gate: Gate) -> list[Result[Handled[A_co], Failed[E_co]]]:
        of_strategies = passages.of_strategies
        for due in of_strategies.values():
            gate.expects(Tasks(due))
        for number, (strategy, due) in enumerate(of_strategies.items()):
            gate.deadline.share(len(of_strategies) - number)
            self._ways.strategies[strategy].run(due, gate, passages.results)
        results = [result for result in passages.results if result is not None]
        # Each is of the types of its handler, whose union pipeline() has made A_co and E_co.
        return cast("list[Result[Handled[A_co], Failed[E_co]]]", results)


def _check_types(table: object, handlers: Sequence[object], strategy: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if not isinstance(table, Table):
        raise Misuse(
            f"pipeline() takes a Table first, got {kind_of(table)}: declare it, as in Table(name, model)"
        )
    for handler in handlers:
        if not isinstance(handler, Handler):
            raise Misuse(
                f"pipeline() takes handlers, got {kind_of(handler)}: wrap the function, as in on_insert(announce)"
            )
    if not isinstance(strategy, Strategy):
        raise Misuse(f"a strategy is series or concurrent(workers=…), got {kind_of(strategy)}")


def _routes_of(joined: object) -> tuple[Route, ...]:
    if not isinstance(joined, Pipeline):
        raise Misuse(
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

    Fails with `Misuse` if two functions go by one name, if one is registered twice for one kind of record, if the
    model that an `on_keys` handler asks for cannot be made of the table's keys, or if a handler's Success would hold
    work that has not run, a coroutine say.
    """
    handlers: tuple[AnyHandler, ...] = (h1, h2, h3, h4, h5, h6, h7, h8, h9, h10)
    _check_types(table, handlers, strategy)
    given = tuple(handler for handler in handlers if handler is not _NONE)
    for handler in given:
        check_finished(handler.name, handler.function)
        if handler.keys is not None:
            table.check_keys(handler.keys)
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

    Fails with `Misuse` if two handlers, of whatever tables, go by one name.
    """
    pipelines = (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10)
    return Pipeline(tuple(route for each in pipelines for route in _routes_of(each)))
