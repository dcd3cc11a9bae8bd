"""Filter criteria: what has Lambda leave out the records that no handler wants, before it calls a function at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypedDict

from typing_extensions import TypeVar

from streamfn._events import EVENTS
from streamfn._misuse import Misuse, kind_of
from streamfn._pipeline import Pipeline
from streamfn._routes import Route
from streamfn._tables import Table
from streamfn._wire import EVENT_NAMES, EventName

T = TypeVar("T")

_BY_DEFAULT: Final = 5
"""How many filters a mapping takes by default."""


class Filter(TypedDict):
    """A pattern, as JSON text; a record that matches it passes."""

    Pattern: str


class FilterCriteria(TypedDict):
    """What the event source mapping takes as its FilterCriteria: a record passes if one of the filters lets it."""

    Filters: list[Filter]


def filter_criteria(
    process: Pipeline[object, object],
    *,
    table: Table[T] | str | None = None,
    through_kinesis: bool = False,
    through_pipe: bool = False,
    most: int = _BY_DEFAULT,
) -> FilterCriteria:
    """Compute the narrowest filters that let through whatever a handler wants: its kinds of change and its patterns.

    Lambda is neither called nor billed for what they leave out. They are for the mapping of the stream of `table`,
    which has to be named if the pipeline is for several. `through_kinesis` makes those for the mapping of a Kinesis
    stream, which carries the changes of all of them. `through_pipe` makes those for a pipe of EventBridge, whose
    FilterCriteria have the same form: its filters lack operators that Lambda's have, and let more through where a
    pattern has one of these. What `where` says is a function's, and no filter's. No filters at
    all mean that every record is wanted.

    A mapping takes 5 filters by default and 10 at most, of up to 4,096 characters each (AWS Lambda Developer Guide,
    "Control which events Lambda sends to your function"). Where that does not hold all that there is to say, the
    filters let more through.

    Fails with `Misuse` if the table is not one of the pipeline's, or if nothing is wanted, because a pattern asks for
    a kind of change that no handler is for.

    >>> from dataclasses import dataclass
    >>> from returns.result import Result, Success
    >>> from streamfn import InsertEvent, Table, on_insert, pipeline
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> def announce(event: InsertEvent[Card]) -> Result[int, str]:
    ...     return Success(event.new_image.id)
    >>> filter_criteria(pipeline(Table("prod-Card", Card), on_insert(announce)))
    {'Filters': [{'Pattern': '{"eventName":["INSERT"]}'}]}
    """
    _check_type(process)
    # Few functions compute their own filters.
    from streamfn._filters.packing import packed
    from streamfn._filters.wanted import for_a_pipe, of_table, of_table_in_kinesis

    if most < 1:
        raise Misuse(f"most={most} should be 1 or more")
    tables: dict[str, list[Route]] = {}
    for route in process.routes:
        tables.setdefault(route.table.name, []).append(route)
    if through_kinesis:
        chosen = tables if table is None else [_only(table, tables)]
        patterns = [each for name in chosen for each in of_table_in_kinesis(name, _wants(tables[name]))]
    else:
        patterns = of_table(_wants(tables[_only(table, tables)]))
    if not patterns:
        raise Misuse(
            "no handler wants any record: look at the tables' patterns, and at what handlers are for"
        )
    if through_pipe:
        patterns = [for_a_pipe(pattern) for pattern in patterns]
    return {"Filters": [{"Pattern": text} for text in packed(patterns, most, in_data=through_kinesis)]}


def patterns_for(routes: Sequence[Route], table_name: str, *, through_kinesis: bool) -> list[str]:
    """Write the patterns of one table's filters, as few as `filter_criteria` makes; none at all let all through."""
    from streamfn._filters.packing import packed  # as above
    from streamfn._filters.wanted import of_table, of_table_in_kinesis

    wants = _wants(routes)
    patterns = of_table_in_kinesis(table_name, wants) if through_kinesis else of_table(wants)
    return packed(patterns, _BY_DEFAULT, in_data=through_kinesis)


def _only(table: Table[T] | str | None, tables: Mapping[str, object]) -> str:
    """Choose the table that is meant."""
    if table is None and len(tables) != 1:
        raise Misuse(f"the pipeline is for {', '.join(map(repr, tables))}: say which one with table=")
    name = next(iter(tables)) if table is None else _name(table)
    if name not in tables:
        raise Misuse(f"the pipeline is for {', '.join(map(repr, tables))}, and not for {name!r}")
    return name


def _name(table: Table[T] | str) -> str:
    return table if isinstance(table, str) else table.name


def _wants(routes: Sequence[Route]) -> Iterator[tuple[EventName, Mapping[str, object]]]:
    """Tell for which kinds of change there are handlers, each with the pattern that its table has."""
    for route in routes:
        kinds = {name for handler in route.handlers for name in EVENTS[handler.kind]}
        matcher = route.table.matcher
        pattern: Mapping[str, object] = {} if matcher is None else matcher.pattern
        for name in EVENT_NAMES:
            if name in kinds:
                yield name, pattern


def _check_type(process: object) -> None:
    if not isinstance(process, Pipeline):
        raise Misuse(
            f"filter_criteria() takes a pipeline, got {kind_of(process)}: pass what pipeline() or router() made"
        )
