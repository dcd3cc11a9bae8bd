"""Alternatives: a pattern with its `$or` multiplied out, so that each alternative asks for all of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Final, TypeAlias

from streamfn._patterns.operands import ELSEWHERE
from streamfn._patterns.operators import OPERATORS, wanted_by
from streamfn._patterns.plain import is_array, refused
from streamfn._patterns.wanted import Wanted
from streamfn._wire import is_map

Alternative: TypeAlias = Mapping[str, Wanted]
"""What is wanted of each field, by its path: the names on the way, joined by dots."""

OR: Final = "$or"
MOST: Final = 1_000
"""A record that matches none is looked at once for each, so there has to be an end."""

_RESERVED: Final = {
    *OPERATORS, *ELSEWHERE, "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case",
    "date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
    "ip-address-in-range", "ip-address-not-in-range",
}  # fmt: skip
"""Names that event-ruler does not take for fields below `$or`."""


def alternatives_of(pattern: object) -> list[Alternative]:
    """Read a pattern that is plain JSON."""
    if not is_map(pattern):
        raise refused("$", f"{pattern!r} is no object; write an object of fields")
    return _within("$", pattern, "", [{}], below_or=False)


def _within(
    where: str, fields: Mapping[str, object], path: str, so_far: list[Alternative], *, below_or: bool
) -> list[Alternative]:
    """Have every alternative so far ask for the fields of an object as well."""
    if not fields:
        raise refused(where, "an empty object matches nothing; name a field, or leave the object out")
    for name, content in fields.items():
        at = f"{where}.{name}"
        if name == OR:
            so_far = _multiplied(at, content, path, so_far)
        elif below_or and name in _RESERVED:
            raise refused(at, f"no field within {OR} can have the name of an operator; write it in an array")
        elif is_map(content):
            so_far = _within(at, content, f"{path}{name}.", so_far, below_or=below_or)
        elif is_array(content):
            so_far = _with_field(at, f"{path}{name}", wanted_by(at, content), so_far)
        else:
            raise refused(at, _for_an_array(name, content))
    return so_far


def _multiplied(where: str, choices: object, path: str, so_far: list[Alternative]) -> list[Alternative]:
    if not is_array(choices) or len(choices) < 2:
        raise refused(where, "takes an array of at least two objects; write what else will do, or no $or")
    multiplied: list[Alternative] = []
    for index, choice in enumerate(choices):
        at = f"{where}[{index}]"
        if not is_map(choice):
            raise refused(at, f"{choice!r} is no object; write an object of fields")
        multiplied += _within(at, choice, path, so_far, below_or=True)
        if len(multiplied) > MOST:
            raise refused(where, f"makes more than {MOST} alternatives; write fewer, or several patterns")
    return multiplied


def _with_field(where: str, path: str, wanted: Wanted, so_far: list[Alternative]) -> list[Alternative]:
    if any(path in alternative for alternative in so_far):
        raise refused(
            where, "asks twice for one field, and only the last would count; write one array for it"
        )
    return [{**alternative, path: wanted} for alternative in so_far]


def _for_an_array(name: str, content: object) -> str:
    if name in OPERATORS:
        return (
            f"an operator stands in an object within an array; write {dumps([{name: content}])} for the field"
        )
    return f"a value stands in an array; write {dumps([content])}"
