"""`streamfn graph`: the outline of a pipeline, its flowchart, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypedDict

from streamfn._conversion.hints import type_name
from streamfn._delivery.descriptions import description_of
from streamfn._events import EVENTS
from streamfn._execution.concurrent import Concurrent
from streamfn._execution.run import Series, Strategy
from streamfn._handlers import AnyHandler, Batched, BatchedEach
from streamfn._lambda import LambdaFunction
from streamfn._pipeline import Pipeline, Route
from streamfn._records import text_or_none
from streamfn._tables import compiled_table
from streamfn.cli._common import AsJson, ExitCode, Name, counted, load_named, print_json, write

# The outline of a pipeline as plain data: tables, handlers, strategies, and the delivery of failures.


class OutlinedHandler(TypedDict):
    """A registration of a function: for which kinds of change, and under which condition.

    `batched` is None for a handler of single events, and else says how many it sees at a time.
    """

    name: str
    kinds: list[str]
    where: str | None
    batched: str | None


class OutlinedRoute(TypedDict):
    """A table, the model of its items, the pattern of its records, and who handles them."""

    table: str
    model: str
    pattern: Mapping[str, object] | None
    strategy: str
    handlers: list[OutlinedHandler]


class OutlinedDelivery(TypedDict):
    """The delivery of failures, and the stores that it uses."""

    name: str
    ledger: str | None
    dead_letters: str | None


class Outline(TypedDict):
    """The parts of a pipeline; `delivery` is None for a pipeline that is no function of Lambda's."""

    routes: list[OutlinedRoute]
    delivery: OutlinedDelivery | None


def outline_of(
    process: Pipeline[object, object], function: LambdaFunction[object, object] | None = None
) -> Outline:
    """Outline a pipeline, and the delivery of the function made of it."""
    return Outline(
        routes=[_route(route) for route in process.routes],
        delivery=None if function is None else _outlined_delivery(function.delivery),
    )


def _route(route: Route) -> OutlinedRoute:
    matcher = compiled_table(route.table).matcher
    return OutlinedRoute(
        table=route.table.name,
        model=type_name(route.table.model),
        pattern=None if matcher is None else matcher.pattern,
        strategy=_strategy(route.strategy),
        handlers=[_handler(handler) for handler in route.handlers],
    )


def _handler(handler: AnyHandler) -> OutlinedHandler:
    return OutlinedHandler(
        name=handler.name,
        kinds=list(EVENTS[handler.kind]),
        where=None if handler.where is None else _condition(handler.where),
        batched=_batch(handler.function),
    )


def _condition(where: Callable[..., object]) -> str:
    """Name a condition by its function, or by the factory that made it; a lambda has no name."""
    name = str(getattr(where, "__qualname__", "")).split(".<locals>", maxsplit=1)[0]
    made = ".<locals>" in str(getattr(where, "__qualname__", ""))
    return "…" if not name.isidentifier() or name == "<lambda>" else f"{name}(…)" if made else name


def _batch(function: object) -> str | None:
    if not isinstance(function, Batched | BatchedEach):
        return None
    name = "batched" if isinstance(function, Batched) else "batched_each"
    return name if function.size is None else f"{name}, up to {function.size}"


def _strategy(strategy: Strategy) -> str:
    match strategy:
        case Series():
            return "series"
        case Concurrent(workers=workers):
            return f"concurrent, {workers} workers"
        case _:
            return type(strategy).__name__


def _outlined_delivery(delivery: object) -> OutlinedDelivery:
    described = description_of(delivery)
    attempts = "" if described.attempts is None else f", {counted(described.attempts, 'attempt')}"
    return OutlinedDelivery(
        name=f"{described.name}{attempts}",
        ledger=_location(described.ledger),
        dead_letters=_location(described.dead_letters),
    )


def _location(store: object) -> str | None:
    """Name where a store is kept; one that does not say so goes by its type."""
    return None if store is None else text_or_none(getattr(store, "location", None)) or type(store).__name__


# The flowchart in Mermaid's language.

_PLAIN: Final = frozenset(" _-.,/|()[]{}=*…")
"""The characters that need no escape in a quoted label, besides letters and digits."""


def flowchart(outline: Outline) -> str:
    """Draw a pipeline: tables, the models of their records, the handlers of each strategy, and the delivery."""
    return "\n".join(["flowchart LR", *(f"    {line}" for line in _lines(outline))]) + "\n"


def _lines(outline: Outline) -> Iterator[str]:
    routes = outline["routes"]
    tables = _numbered("table", [route["table"] for route in routes])
    strategies = _numbered("strategy", [route["strategy"] for route in routes])
    handlers = _numbered("handler", [each["name"] for route in routes for each in route["handlers"]])
    for name, node in tables.items():
        yield f"{node}[({_quoted(name)})]"
    for number, route in enumerate(routes, start=1):
        yield f"model{number}({_quoted(route['model'])})"
        yield _edge(tables[route["table"]], f"model{number}", _pattern(route))
    for name, group in strategies.items():
        yield f"subgraph {group}[{_quoted(name)}]"
        drawn = dict.fromkeys(
            _box(each, handlers)
            for route in routes
            if route["strategy"] == name
            for each in route["handlers"]
        )
        yield from (f"    {line}" for line in drawn)
        yield "end"
    for number, route in enumerate(routes, start=1):
        for each in route["handlers"]:
            yield _edge(f"model{number}", handlers[each["name"]], _kinds(each))
    if (delivery := outline["delivery"]) is not None:
        yield from _delivery_node(delivery, list(strategies.values()))


def _box(handler: OutlinedHandler, nodes: dict[str, str]) -> str:
    batched = handler["batched"]
    label = _quoted(handler["name"], *([] if batched is None else [batched]))
    return f"{nodes[handler['name']]}[{label}]"


def _kinds(handler: OutlinedHandler) -> str:
    kinds = ", ".join(handler["kinds"])
    return kinds if handler["where"] is None else f"{kinds} where {handler['where']}"


def _pattern(route: OutlinedRoute) -> str:
    return "" if route["pattern"] is None else json.dumps(route["pattern"], separators=(",", ":"))


def _delivery_node(delivery: OutlinedDelivery, groups: list[str]) -> Iterator[str]:
    yield f"delivery{{{{{_quoted(delivery['name'])}}}}}"
    for group in groups:
        yield f"{group} --> delivery"
    if (ledger := delivery["ledger"]) is not None:
        yield f"ledger[({_quoted(ledger)})]"
        yield "delivery <-->|" + _quoted("what is settled") + "| ledger"
    if (letters := delivery["dead_letters"]) is not None:
        yield f"letters[({_quoted(letters)})]"
        yield "delivery -->|" + _quoted("what cannot succeed") + "| letters"


def _edge(start: str, end: str, label: str) -> str:
    return f"{start} -->|{_quoted(label)}| {end}" if label else f"{start} --> {end}"


def _numbered(prefix: str, names: list[str]) -> dict[str, str]:
    """Assign each name a node identifier with a number, because a name may be a word of Mermaid's."""
    return {name: f"{prefix}{number}" for number, name in enumerate(dict.fromkeys(names), start=1)}


def _quoted(*lines: str) -> str:
    """Write a label of several lines, with entities for characters that Mermaid or HTML could interpret."""
    return '"' + "<br>".join("".join(map(_escaped, line)) or " " for line in lines) + '"'


def _escaped(character: str) -> str:
    if character.isalnum() or character in _PLAIN:
        return character
    return "#quot;" if character == '"' else f"#{ord(character)};"


# The command ``streamfn graph``.


def graph_command(pipeline: Name, *, as_json: AsJson = False) -> int:
    """Draw a pipeline as a flowchart: tables, models, handlers and delivery.

    The output is text in Mermaid's language, which GitHub and many sites draw within a
    block ```mermaid. The delivery is drawn for a function, as in app:handler.

    Examples:
      streamfn graph app:handler > follow-cards.mmd
      streamfn graph app:process --json

    With --json, one document of the same:
      {"routes": [{"table", "model", "pattern", "strategy",
        "handlers": [{"name", "kinds": [...], "where", "batched"}]}],
       "delivery": {"name", "ledger", "dead_letters"} or null}

    Exit code:
      0  the flowchart is printed
      2  the call was wrong; standard error says why
    """
    outline = outline_of(*load_named(pipeline))
    if as_json:
        print_json(outline)
    else:
        write(flowchart(outline))
    return ExitCode.FINE
