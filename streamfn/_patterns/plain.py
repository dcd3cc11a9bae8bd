"""Plain: a pattern as JSON, in objects and arrays of its own, and how a pattern is refused."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final, TypeGuard

from streamfn._misuse import Misuse

_DEEPEST: Final = 100
"""DynamoDB nests 32 levels, each of which takes a name and a type tag in a pattern."""


def refused(where: str, what: str) -> Misuse:
    """Say what is wrong in a pattern, and where."""
    return Misuse(f"pattern, at {where}: {what}")


def is_array(part: object) -> TypeGuard[list[object]]:
    """Tell whether a part of a pattern or a record is a JSON array."""
    return isinstance(part, list)


def plain(where: str, part: object) -> object:
    """Copy a part of a pattern as dictionaries and lists, or refuse what JSON cannot hold.

    >>> plain("$", {"eventName": ("INSERT", "MODIFY")})
    {'eventName': ['INSERT', 'MODIFY']}
    """
    return _plain(where, part, 0)


def _plain(where: str, part: object, depth: int) -> object:
    if depth > _DEEPEST:
        raise refused(where, f"nested more than {_DEEPEST} levels deep, and no item is; shorten the path")
    if _is_mapping(part):
        copy: dict[str, object] = {}
        for name, entry in part.items():
            if not isinstance(name, str):
                raise refused(where, f"{name!r} is no name of a field; write text")
            copy[str.__str__(name)] = _plain(f"{where}.{name}", entry, depth + 1)
        return copy
    if _is_sequence(part):
        return [_plain(f"{where}[{index}]", entry, depth + 1) for index, entry in enumerate(part)]
    if isinstance(part, str):
        return str.__str__(part)  # a member of an Enum of texts is its text
    if part is None or isinstance(part, int) or (isinstance(part, float) and isfinite(part)):
        return part
    raise refused(where, f"JSON has no {part!r}; write text, a number, true, false or null")


def _is_mapping(part: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(part, Mapping)


def _is_sequence(part: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(part, list | tuple)
