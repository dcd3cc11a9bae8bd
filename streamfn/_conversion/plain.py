"""Plain Python values: the escape hatch for the untyped parts of a model, its fields of type ``object``.

A number becomes a `Decimal`, a set a frozenset, a binary `bytes`, a list and a map become a list and a dict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import cast

from streamfn._conversion.numbers import read_decimal
from streamfn._conversion.problems import Unfit
from streamfn._conversion.scalars import (
    is_binary,
    read_bool,
    read_bytes,
    read_none,
    read_text,
    scalar_of_value,
    write_binary,
)
from streamfn._conversion.tags import SET_TAGS, tagged
from streamfn._wire import is_map, json_type

_READERS = {"S": read_text, "N": read_decimal, "B": read_bytes, "BOOL": read_bool, "NULL": read_none}


def read_plain(value: object, _: object = None) -> object:
    """Make of any attribute value what it means.

    >>> read_plain({"L": [{"N": "1"}, {"SS": ["a"]}, {"M": {"key": {"NULL": True}}}]})
    [Decimal('1'), frozenset({'a'}), {'key': None}]
    """
    tag, held = tagged(value)
    if tag in _READERS:
        return _READERS[tag](value)
    if tag == "M":
        if is_map(held):
            return {key: read_plain(each) for key, each in held.items()}
        raise Unfit(f"expected an object in M, got {json_type(held)}")
    if not isinstance(held, list):
        raise Unfit(f"expected a list in {tag}, got {json_type(held)}")
    elements = cast("list[object]", held)
    if tag == "L":
        return [read_plain(each) for each in elements]
    return frozenset(read_plain({SET_TAGS[tag]: each}) for each in elements)


def write_plain(value: object) -> dict[str, object]:
    """Make an attribute value of a plain one. Fails with `ValueError` for what DynamoDB has no type for.

    >>> write_plain([1, {"key": None}])
    {'L': [{'N': '1'}, {'M': {'key': {'NULL': True}}}]}
    """
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return {"M": {_map_key(key): write_plain(each) for key, each in entries}}
    if isinstance(value, AbstractSet):
        if not value:
            raise ValueError(
                "DynamoDB stores no empty set, and nothing says here that there is one: leave it out"
            )
        return write_set([write_plain(each) for each in cast("AbstractSet[object]", value)])
    if is_binary(value):
        return write_binary(value)
    if (scalar := scalar_of_value(value)) is not None:
        return cast("dict[str, object]", scalar.write(value))  # what all scalars write
    if isinstance(value, Sequence):
        return {"L": [write_plain(each) for each in cast("Sequence[object]", value)]}
    raise ValueError(f"DynamoDB has no type for a {type(value).__name__}")


def write_set(elements: Sequence[object]) -> dict[str, object]:
    """Make the attribute value of a set from those of its elements; an empty one is NULL, for want of a type.

    Fails with `ValueError` if they are not all text, all numbers or all binary.
    """
    if not elements:
        return {"NULL": True}
    tags = {tag for tag, _ in map(tagged, elements)}
    if len(tags) == 1 and (tag := tags.pop()) in SET_TAGS.values():
        return {f"{tag}S": [held for _, held in map(tagged, elements)]}
    raise ValueError("a set holds only text, only numbers or only binary")


def _map_key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise ValueError(f"a map's keys are text, got {type(key).__name__}")
