"""Type tags: how DynamoDB writes down of which type a value is."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from streamfn._conversion.problems import Unfit
from streamfn._wire import is_map, json_type

TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""All type tags of an attribute value (DynamoDB API Reference, `AttributeValue`)."""

SCALAR_TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""The tags of attribute values that hold one thing."""

KeyTag: TypeAlias = Literal["B", "N", "S"]
"""The type of a key (DynamoDB API Reference, `AttributeDefinition`)."""

KEY_TAGS: Final = frozenset[str](get_args(KeyTag))
"""The types that a key may be of."""

SET_TAGS: Final = {"SS": "S", "NS": "N", "BS": "B"}
"""The tags of sets, and of their elements."""


def content(value: object, tag: str) -> object:
    """Take what an attribute value of this tag holds. Fails with `Unfit` if it has another tag.

    >>> content({"N": "3"}, "N")
    '3'
    """
    if is_map(value) and len(value) == 1 and tag in value:
        return value[tag]
    raise Unfit(f"expected {tag}, got {found_in(value)}")


def tagged(value: object) -> tuple[str, object]:
    """Take an attribute value of any tag apart. Fails with `Unfit` if it is no attribute value.

    >>> tagged({"N": "3"})
    ('N', '3')
    """
    if is_map(value) and len(value) == 1:
        ((tag, held),) = value.items()
        if tag in TAGS:
            return tag, held
    raise Unfit(f"expected an attribute value, got {found_in(value)}")


def found_in(value: object) -> str:
    """Say what was found instead of an attribute value of the wanted tag."""
    if not is_map(value):
        return f"no object but {json_type(value)}"
    if len(value) != 1:
        return f"an object of {len(value)} types" if value else "an empty object"
    (tag,) = value
    return tag if tag in TAGS else "an unknown type"
