"""Packing: patterns joined until they fit into the filters that a mapping takes, matching more only if they must."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import combinations
from typing import Final, cast

from streamfn._filters.wanted import EVENT_NAME, OR, TABLE_NAME, Pattern, asks_for_absence, choices_of
from streamfn._misuse import Misuse
from streamfn._patterns.matchers import compiled
from streamfn._patterns.plain import is_array
from streamfn._wire import EVENT_NAMES, is_map

LONGEST: Final = 4_096
"""The characters that a pattern has at most."""


def packed(patterns: Iterable[Pattern], most: int, *, in_data: bool) -> list[str]:
    """Write patterns, each of which asks for a kind of change, as the texts of up to so many filters.

    None at all mean that everything matches. `in_data` has them ask for what is within the data of an entry.
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
    """Add a pattern to others, joined with those of them with which one can say the same without any other syntax.

    No two of the others can be joined, and none of what this gives.
    """
    joined = pattern
    rest = simple
    while found := _first_joined(rest, joined, in_data=in_data):
        rest, joined = found
    return [*rest, joined]


def _first_joined(
    patterns: list[Pattern], other: Pattern, *, in_data: bool
) -> tuple[list[Pattern], Pattern] | None:
    """Join a pattern with the first that it can be joined with; give the others and what has come of the two."""
    for index, each in enumerate(patterns):
        both = _joined(each, other, same_fields=asks_for_absence(each) or asks_for_absence(other))
        if both is not None and _can_be_taken(both, in_data=in_data):
            return patterns[:index] + patterns[index + 1 :], both
    return None


def _joined(one: Pattern, other: Pattern, *, same_fields: bool) -> Pattern | None:
    """Make the pattern that matches what either does: the wider one, or one in which a single array is longer."""
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
    """Whether a pattern asks for nothing that another one does not ask for.

    A field that is to be absent may be so only among the elements of an array that another field leaves open: with
    `same_fields`, a pattern that asks for fewer fields is taken for none that is wider.
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
    """Whether two parts of patterns are the same JSON, in which 1 is not true."""
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
    """Say with an `$or` that either will do, and before it what both ask for."""
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
    if len(_text(pattern, in_data=in_data)) > LONGEST:
        return False
    try:
        compiled(pattern)
    except Misuse:
        return False
    return True


def _kinds_alone(pattern: Pattern, *, in_data: bool) -> Pattern:
    """Widen a pattern to the kinds of change that it is for, of the tables that it names, if there is room for them."""
    kept: dict[str, object] = {EVENT_NAME: list(dict.fromkeys(_names(pattern, EVENT_NAME)))}
    if in_data and (names := _names(pattern, TABLE_NAME)):
        of_tables: Pattern = {TABLE_NAME: list(dict.fromkeys(names)), **kept}
        return of_tables if _can_be_taken(of_tables, in_data=in_data) else kept
    return kept


def _names(pattern: Pattern, field: str) -> list[str]:
    """Find the tables or kinds of change that a pattern names, itself or in all its choices; none if it may be any."""
    if field in pattern:
        return cast("list[str]", pattern[field])  # made by this package, of names
    found = [_names(choice, field) for choice in choices_of(pattern)]
    return [name for names in found for name in names] if all(found) else []


def _asks_for_nothing(pattern: Pattern) -> bool:
    return list(pattern) == [EVENT_NAME] and len(cast("list[str]", pattern[EVENT_NAME])) == len(EVENT_NAMES)


def _text(pattern: Pattern, *, in_data: bool) -> str:
    """Write a pattern, without its kinds of change if it is for all."""
    told = _without_all_kinds(pattern)
    return json.dumps({"data": told} if in_data else told, separators=(",", ":"))


def _without_all_kinds(pattern: Pattern) -> Pattern:
    if len(pattern) > 1 and len(cast("list[str]", pattern.get(EVENT_NAME, []))) == len(EVENT_NAMES):
        return {field: content for field, content in pattern.items() if field != EVENT_NAME}
    return pattern
