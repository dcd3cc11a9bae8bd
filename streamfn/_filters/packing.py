"""Packing: patterns joined until they fit into the filters that a mapping takes, matching more only if they must."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import combinations
from typing import Final, cast

from streamfn._filters.wanted import EVENT_NAME, OR, TABLE_NAME, Pattern, choices_of
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
    filters = _simplified(patterns)
    while wide := [each for each in filters if not _can_be_taken(each, in_data=in_data)]:
        filters = _simplified([_kinds_alone(each) if each in wide else each for each in filters])
    while len(filters) > most:
        one, other, both = _choice(filters, in_data=in_data)
        filters = _simplified([both, *(each for each in filters if each is not one and each is not other)])
    if any(_asks_for_nothing(each) for each in filters):
        return []
    return [_text(each, in_data=in_data) for each in filters]


def _simplified(patterns: Iterable[Pattern]) -> list[Pattern]:
    """Join what one pattern can say without any other syntax, as far as that goes."""
    simple: list[Pattern] = []
    for pattern in patterns:
        joined = pattern
        rest = simple
        while found := _first_joined(rest, joined):
            rest, joined = found
        simple = [*rest, joined]
    return simple


def _first_joined(patterns: list[Pattern], other: Pattern) -> tuple[list[Pattern], Pattern] | None:
    """Join a pattern with the first that it can be joined with; give the others and what has come of the two."""
    for index, each in enumerate(patterns):
        if (both := _joined(each, other)) is not None:
            return patterns[:index] + patterns[index + 1 :], both
    return None


def _joined(one: Pattern, other: Pattern) -> Pattern | None:
    """Make the pattern that matches what either does: the wider one, or one in which a single array is longer."""
    if _covers(one, other):
        return one
    if _covers(other, one):
        return other
    differing = [field for field in {**one, **other} if one.get(field) != other.get(field)]
    if len(differing) > 1 or differing[0] not in one or differing[0] not in other:
        return None
    here, there = one[differing[0]], other[differing[0]]
    both: object = None
    if is_array(here) and is_array(there):
        both = here + [each for each in there if each not in here]
    elif is_map(here) and is_map(there):
        both = _joined(here, there)
    return None if both is None else {**one, differing[0]: both}


def _covers(wide: Pattern, narrow: Pattern) -> bool:
    """Whether a pattern asks for nothing that another one does not ask for."""
    for field, content in wide.items():
        other = narrow.get(field)
        if is_array(content) and is_array(other):
            if any(each not in content for each in other):
                return False
        elif not (is_map(content) and is_map(other) and _covers(content, other)):
            return False
    return True


def _choice(filters: list[Pattern], *, in_data: bool) -> tuple[Pattern, Pattern, Pattern]:
    """Choose two filters to join, and how: the shortest two that an `$or` can hold, or else two that say less then."""
    by_length = sorted(filters, key=lambda each: len(_text(each, in_data=in_data)))
    for one, other in combinations(by_length, 2):
        both = _either(one, other)
        if _can_be_taken(both, in_data=in_data):
            return one, other, both
    *_, one, other = by_length
    return one, other, _kinds_alone({OR: [one, other]})


def _either(one: Pattern, other: Pattern) -> Pattern:
    """Say with an `$or` that either will do, and before it what both ask for."""
    common = {field: content for field, content in one.items() if field != OR and other.get(field) == content}
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


def _kinds_alone(pattern: Pattern) -> Pattern:
    """Widen a pattern to the kinds of change that it is for, of the tables that it names."""
    kept: dict[str, object] = {}
    for field in (TABLE_NAME, EVENT_NAME):
        if names := _names(pattern, field):
            kept[field] = list(dict.fromkeys(names))
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
