"""Filters of an event source mapping, computed from a pipeline.

In this order: the patterns that handlers want of one table, their packing into filters, and `filter_criteria`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, TypeAlias, TypedDict, cast

from typing_extensions import TypeVar

from streamfn._errors import ConfigurationError, kind_of
from streamfn._events import EVENTS
from streamfn._patterns.matching import compile_pattern
from streamfn._patterns.syntax import OR, is_array
from streamfn._pipeline import Pipeline, Route
from streamfn._records import EVENT_NAMES, EventName, is_map
from streamfn._tables import Table, compiled_table

# The records that handlers want of one table, as patterns: for each event name, the other conditions.

Pattern: TypeAlias = Mapping[str, object]
"""A pattern in EventBridge's syntax, as plain JSON; a pattern without fields matches every record."""

EVENT_NAME_FIELD: Final = "eventName"
TABLE_NAME_FIELD: Final = "tableName"

# The fields in the data of Kinesis's entries, and those in the part of the data about the change.
_IN_DATA: Final = frozenset({"dynamodb", "eventID", EVENT_NAME_FIELD, "userIdentity"})
_IN_CHANGE: Final = frozenset({"Keys", "NewImage", "OldImage"})


def patterns_for(wants: Iterable[tuple[EventName, Pattern]]) -> list[Pattern]:
    """Return patterns that together match the wanted records: for each event name, those of its pattern."""
    patterns: list[Pattern] = []
    for name, pattern in wants:
        rest = without_event_name(pattern, name)
        if rest is not None:
            patterns.append({EVENT_NAME_FIELD: [name], **rest})
    return patterns


def without_event_name(pattern: Pattern, name: EventName) -> Pattern | None:
    """Return the pattern without its `eventName`; None if it excludes this event name.

    >>> without_event_name({"eventName": ["INSERT", "REMOVE"], "dynamodb": {"Keys": {"pk": {"S": ["a"]}}}}, "REMOVE")
    {'dynamodb': {'Keys': {'pk': {'S': ['a']}}}}
    """
    rest: dict[str, object] = {}
    for field, content in pattern.items():
        if field == EVENT_NAME_FIELD:
            if not compile_pattern({EVENT_NAME_FIELD: content})({EVENT_NAME_FIELD: name}):
                return None
        elif field == OR:
            chosen = [without_event_name(choice, name) for choice in choices_of(pattern)]
            left = [choice for choice in chosen if choice is not None]
            if not left:
                return None
            if all(left):
                # An `$or` takes two choices at least, which may be the same.
                rest[OR] = left if len(left) > 1 else left * 2
            elif tests_absence(pattern):
                # A choice has no other condition, and whether a field is absent depends on the other conditions.
                return {}
        else:
            rest[field] = content
    return rest


def choices_of(pattern: Pattern) -> Sequence[Pattern]:
    """Return the choices of a pattern's `$or`, or none."""
    return cast("Sequence[Pattern]", pattern.get(OR, ()))  # `compile_pattern` has checked this


def kinesis_patterns_for(table_name: str, wants: Iterable[tuple[EventName, Pattern]]) -> list[Pattern]:
    """Return such patterns for a table's changes in Kinesis, among those of other tables.

    Conditions on fields that Kinesis entries lack, such as the sequence number in the table's stream, are left out.
    """
    return [{TABLE_NAME_FIELD: [table_name], **_in_data(pattern)} for pattern in patterns_for(wants)]


def widen_for_pipe(pattern: Pattern) -> Pattern:
    """Widen a pattern of one event name until an EventBridge pipe accepts it.

    "Comparison operators" in the Amazon EventBridge User Guide marks these as not supported by pipes: `anything-but`
    with `prefix`, with `suffix` and with `equals-ignore-case`.

    >>> keys = {"pk": {"S": [{"anything-but": {"prefix": "x"}}]}, "sk": {"S": ["a"]}}
    >>> widen_for_pipe({"eventName": ["INSERT"], "dynamodb": {"Keys": keys}})
    {'eventName': ['INSERT'], 'dynamodb': {'Keys': {'sk': {'S': ['a']}}}}
    """
    widened = _within_pipes(pattern)
    if widened != pattern and tests_absence(pattern):
        return {name: pattern[name] for name in (TABLE_NAME_FIELD, EVENT_NAME_FIELD) if name in pattern}
    return widened


def _within_pipes(pattern: Pattern) -> Pattern:
    """Leave out the fields that a pipe cannot judge, and alternatives of which one asks for nothing then."""
    kept: dict[str, object] = {}
    for field, content in pattern.items():
        if field == OR:
            choices = [_within_pipes(choice) for choice in choices_of(pattern)]
            if all(choices):
                kept[OR] = choices
        elif is_map(content):
            if within := _within_pipes(content):
                kept[field] = within
        elif not any(
            map(_is_beyond_pipes, cast("list[object]", content))
        ):  # an array, as the pattern was compiled
            kept[field] = content
    return kept


def _is_beyond_pipes(element: object) -> bool:
    return is_map(element) and is_map(element.get("anything-but"))


def tests_absence(part: object) -> bool:
    """Return whether a part of a pattern asks for a field not to be there.

    Within an array, that is judged among the elements that the other fields leave open. So a pattern of fewer fields
    need not match more.
    """
    if is_map(part):
        return part.get("exists") is False or any(map(tests_absence, part.values()))
    return is_array(part) and any(map(tests_absence, part))


def _in_data(pattern: Pattern) -> Pattern:
    known = _known(pattern, _IN_DATA)
    if known != pattern and tests_absence(pattern):
        return {EVENT_NAME_FIELD: pattern[EVENT_NAME_FIELD]}
    return known


def _known(pattern: Pattern, names: frozenset[str]) -> Pattern:
    known: dict[str, object] = {}
    for field, content in pattern.items():
        if field == OR:
            if all(_known(choice, names) == choice for choice in choices_of(pattern)):
                known[OR] = content
        elif field == "dynamodb" and is_map(content):
            if within := _known(content, _IN_CHANGE):
                known[field] = within
        elif field in names:
            known[field] = content
    return known


# Packing: patterns are joined until they fit into the filters of a mapping, and match more only if they must.

MAX_PATTERN_LENGTH: Final = 4_096
"""The greatest length of a pattern, in characters."""


def pack_filters(patterns: Iterable[Pattern], most: int, *, in_data: bool) -> list[str]:
    """Write patterns, each with one event name, as the texts of up to this many filters.

    An empty list means that everything matches. With `in_data`, the patterns apply to the data of an entry.
    """
    filters: list[Pattern] = []
    for each in patterns:
        fitting = each if _can_be_taken(each, in_data=in_data) else _kinds_alone(each, in_data=in_data)
        filters = _with(filters, fitting, in_data=in_data)
    while len(filters) > most:
        one, other, both = _choice(filters, in_data=in_data)
        rest = [each for each in filters if each is not one and each is not other]
        filters = _with(rest, both, in_data=in_data)
    if any(_asks_for_nothing(each) for each in filters):
        return []
    return [_text(each, in_data=in_data) for each in filters]


def _with(simple: list[Pattern], pattern: Pattern, *, in_data: bool) -> list[Pattern]:
    """Add a pattern to others, joined with those of them for which one pattern without further syntax is equivalent.

    No two of the others can be joined, and no two of the result.
    """
    joined = pattern
    rest = simple
    while found := _first_joined(rest, joined, in_data=in_data):
        rest, joined = found
    return [*rest, joined]


def _first_joined(
    patterns: list[Pattern], other: Pattern, *, in_data: bool
) -> tuple[list[Pattern], Pattern] | None:
    """Join a pattern with the first that fits; return the others and the joined pattern."""
    for index, each in enumerate(patterns):
        both = _joined(each, other, same_fields=tests_absence(each) or tests_absence(other))
        if both is not None and _can_be_taken(both, in_data=in_data):
            return patterns[:index] + patterns[index + 1 :], both
    return None


def _joined(one: Pattern, other: Pattern, *, same_fields: bool) -> Pattern | None:
    """Return a pattern that matches the union of both: the wider one, or one in which a single array is longer."""
    if _covers(one, other, same_fields=same_fields):
        return one
    if _covers(other, one, same_fields=same_fields):
        return other
    differing = [field for field in {**one, **other} if not _same(one.get(field), other.get(field))]
    if len(differing) > 1 or differing[0] not in one or differing[0] not in other:
        return None
    here, there = one[differing[0]], other[differing[0]]
    both: object = None
    if is_array(here) and is_array(there):
        both = here + [each for each in there if not _holds(here, each)]
    elif is_map(here) and is_map(there):
        both = _joined(here, there, same_fields=same_fields)
    return None if both is None else {**one, differing[0]: both}


def _covers(wide: Pattern, narrow: Pattern, *, same_fields: bool) -> bool:
    """Return whether each condition of the wide pattern is a condition of the narrow one.

    An absent field may be absent only among the elements of an array that another field leaves open: with
    `same_fields`, a pattern with fewer fields does not count as wider.
    """
    if same_fields and wide.keys() != narrow.keys():
        return False
    for field, content in wide.items():
        other = narrow.get(field)
        if is_array(content) and is_array(other):
            if any(not _holds(content, each) for each in other):
                return False
        elif not (is_map(content) and is_map(other) and _covers(content, other, same_fields=same_fields)):
            return False
    return True


def _same(one: object, other: object) -> bool:
    """Return whether two parts of patterns are the same JSON, in which 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _holds(array: list[object], element: object) -> bool:
    return any(_same(each, element) for each in array)


def _choice(filters: list[Pattern], *, in_data: bool) -> tuple[Pattern, Pattern, Pattern]:
    """Choose two filters to join, and how: the shortest two that an `$or` can hold, or else two that say less then."""
    by_length = sorted(filters, key=lambda each: len(_text(each, in_data=in_data)))
    for one, other in combinations(by_length, 2):
        both = _either(one, other)
        if _can_be_taken(both, in_data=in_data):
            return one, other, both
    *_, one, other = by_length
    return one, other, _kinds_alone({OR: [one, other]}, in_data=in_data)


def _either(one: Pattern, other: Pattern) -> Pattern:
    """Return an `$or` of both patterns, preceded by the conditions that they share."""
    common = {
        field: content
        for field, content in one.items()
        if field != OR and field in other and _same(other[field], content)
    }
    choices: list[Pattern] = []
    for pattern in (one, other):
        rest = {field: content for field, content in pattern.items() if field not in common}
        choices += choices_of(rest) if list(rest) == [OR] else [rest]
    return {**common, OR: choices}


def _can_be_taken(pattern: Pattern, *, in_data: bool) -> bool:
    """Whether a pattern makes a filter: an `$or` has no room for some names of fields, nor for too many choices."""
    if len(_text(pattern, in_data=in_data)) > MAX_PATTERN_LENGTH:
        return False
    try:
        compile_pattern(pattern)
    except ConfigurationError:
        return False
    return True


def _kinds_alone(pattern: Pattern, *, in_data: bool) -> Pattern:
    """Widen a pattern to its event names, and to the tables that it names, if there is room for them."""
    kept: dict[str, object] = {EVENT_NAME_FIELD: list(dict.fromkeys(_names(pattern, EVENT_NAME_FIELD)))}
    if in_data and (names := _names(pattern, TABLE_NAME_FIELD)):
        of_tables: Pattern = {TABLE_NAME_FIELD: list(dict.fromkeys(names)), **kept}
        return of_tables if _can_be_taken(of_tables, in_data=in_data) else kept
    return kept


def _names(pattern: Pattern, field: str) -> list[str]:
    """Return the tables or event names that a pattern names, itself or in all its choices; none if any is possible."""
    if field in pattern:
        return cast("list[str]", pattern[field])  # made by this package, of names
    found = [_names(choice, field) for choice in choices_of(pattern)]
    return [name for names in found for name in names] if all(found) else []


def _asks_for_nothing(pattern: Pattern) -> bool:
    return list(pattern) == [EVENT_NAME_FIELD] and len(cast("list[str]", pattern[EVENT_NAME_FIELD])) == len(
        EVENT_NAMES
    )


def _text(pattern: Pattern, *, in_data: bool) -> str:
    """Write a pattern, without its kinds of change if it is for all."""
    told = _without_all_kinds(pattern)
    return json.dumps({"data": told} if in_data else told, separators=(",", ":"))


def _without_all_kinds(pattern: Pattern) -> Pattern:
    if len(pattern) > 1 and len(cast("list[str]", pattern.get(EVENT_NAME_FIELD, []))) == len(EVENT_NAMES):
        return {field: content for field, content in pattern.items() if field != EVENT_NAME_FIELD}
    return pattern


# Filter criteria: Lambda drops the records that no handler wants, before it calls a function.

T = TypeVar("T")

_BY_DEFAULT: Final = 5
"""The default number of filters of a mapping."""


class Filter(TypedDict):
    """A pattern, as JSON text; a record that matches it passes."""

    Pattern: str


class FilterCriteria(TypedDict):
    """The FilterCriteria of an event source mapping: a record passes if one of the filters matches."""

    Filters: list[Filter]


def filter_criteria(
    process: Pipeline[object, object],
    *,
    table: Table[T] | str | None = None,
    through_kinesis: bool = False,
    through_pipe: bool = False,
    most: int = _BY_DEFAULT,
) -> FilterCriteria:
    """Compute the narrowest filters that pass all records that a handler wants: event names and patterns.

    Lambda neither calls nor bills for dropped records. The filters are for the mapping of the stream of `table`, which
    is required if the pipeline has several. `through_kinesis` computes the filters of a mapping of a Kinesis stream,
    which carries the changes of all tables. `through_pipe` computes the filters of an EventBridge pipe, whose
    FilterCriteria have the same form: pipes lack some operators of Lambda, so the filters pass more records if a
    pattern has one of these. Conditions of `where` are functions, and no filter contains them. An empty list of
    filters means that every record is wanted.

    A mapping has 5 filters by default and 10 at most, of up to 4,096 characters each (AWS Lambda Developer Guide,
    "Control which events Lambda sends to your function"). If the patterns do not fit into these, the filters pass more
    records.

    Raises `ConfigurationError` if the table is not one of the pipeline's, or if no record is wanted, because a pattern
    asks for an event name that no handler is for.

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

    if most < 1:
        raise ConfigurationError(f"most={most} should be 1 or more")
    tables: dict[str, list[Route]] = {}
    for route in process.routes:
        tables.setdefault(route.table.name, []).append(route)
    if through_kinesis:
        chosen = tables if table is None else [_only(table, tables)]
        patterns = [each for name in chosen for each in kinesis_patterns_for(name, _wants(tables[name]))]
    else:
        patterns = patterns_for(_wants(tables[_only(table, tables)]))
    if not patterns:
        raise ConfigurationError(
            "no handler wants any record: look at the tables' patterns, and at what handlers are for"
        )
    if through_pipe:
        patterns = [widen_for_pipe(pattern) for pattern in patterns]
    return {"Filters": [{"Pattern": text} for text in pack_filters(patterns, most, in_data=through_kinesis)]}


def filter_patterns(routes: Sequence[Route], table_name: str, *, through_kinesis: bool) -> list[str]:
    """Write the patterns of one table's filters, as few as `filter_criteria` makes; none at all let all through."""
    wants = _wants(routes)
    patterns = kinesis_patterns_for(table_name, wants) if through_kinesis else patterns_for(wants)
    return pack_filters(patterns, _BY_DEFAULT, in_data=through_kinesis)


def _only(table: Table[T] | str | None, tables: Mapping[str, object]) -> str:
    """Choose the table that is meant."""
    if table is None and len(tables) != 1:
        raise ConfigurationError(
            f"the pipeline is for {', '.join(map(repr, tables))}: say which one with table="
        )
    name = next(iter(tables)) if table is None else _name(table)
    if name not in tables:
        raise ConfigurationError(f"the pipeline is for {', '.join(map(repr, tables))}, and not for {name!r}")
    return name


def _name(table: Table[T] | str) -> str:
    return table if isinstance(table, str) else table.name


def _wants(routes: Sequence[Route]) -> Iterator[tuple[EventName, Mapping[str, object]]]:
    """Yield the event names that have handlers, each with the pattern of its table."""
    for route in routes:
        kinds = {name for handler in route.handlers for name in EVENTS[handler.kind]}
        matcher = compiled_table(route.table).matcher
        pattern: Mapping[str, object] = {} if matcher is None else matcher.pattern
        for name in EVENT_NAMES:
            if name in kinds:
                yield name, pattern


def _check_type(process: object) -> None:
    if not isinstance(process, Pipeline):
        raise ConfigurationError(
            f"filter_criteria() takes a pipeline, got {kind_of(process)}: pass what pipeline() or router() made"
        )
