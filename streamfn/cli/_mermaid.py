"""Flowcharts in Mermaid's language, of what a pipeline is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from streamfn.cli._outline import Outline, OutlinedDelivery, OutlinedHandler, OutlinedRoute

_PLAIN: Final = frozenset(" _-.,/|()[]{}=*…")
"""What stands for itself in a quoted label, besides letters and digits."""


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
        yield from _delivery(delivery, list(strategies.values()))


def _box(handler: OutlinedHandler, nodes: dict[str, str]) -> str:
    batched = handler["batched"]
    label = _quoted(handler["name"], *([] if batched is None else [batched]))
    return f"{nodes[handler['name']]}[{label}]"


def _kinds(handler: OutlinedHandler) -> str:
    kinds = ", ".join(handler["kinds"])
    return kinds if handler["where"] is None else f"{kinds} where {handler['where']}"


def _pattern(route: OutlinedRoute) -> str:
    return "" if route["pattern"] is None else json.dumps(route["pattern"], separators=(",", ":"))


def _delivery(delivery: OutlinedDelivery, groups: list[str]) -> Iterator[str]:
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
    """Give each name a node of its own, by a number, since a name may be a word of Mermaid's."""
    return {name: f"{prefix}{number}" for number, name in enumerate(dict.fromkeys(names), start=1)}


def _quoted(*lines: str) -> str:
    """Write a label of lines, with entities for whatever could mean something to Mermaid or to HTML."""
    return '"' + "<br>".join("".join(map(_escaped, line)) or " " for line in lines) + '"'


def _escaped(character: str) -> str:
    if character.isalnum() or character in _PLAIN:
        return character
    return "#quot;" if character == '"' else f"#{ord(character)};"
