"""Type tags: how DynamoDB writes down of which type a value is."""

from __future__ import annotations

from typing import Final, cast

from streamfn._conversion.problems import Unfit

TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""All type tags of an attribute value (DynamoDB API Reference, `AttributeValue`)."""

SCALAR_TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""The tags of attribute values that hold one thing."""

KEY_TAGS: Final = frozenset({"S", "N", "B"})
"""The types that a key may be of (DynamoDB API Reference, `AttributeDefinition`)."""

SET_TAGS: Final = {"SS": "S", "NS": "N", "BS": "B"}
"""The tags of sets, and of their elements."""


def content(value: object, tag: str) -> object:
    """Take what an attribute value of this tag holds. Fails with `Unfit` if it has another tag.

    >>> content({"N": "3"}, "N")
    '3'
    """
    if type(value) is dict and len(value) == 1 and tag in value:
        return cast("dict[str, object]", value)[tag]
    raise Unfit(f"expected {tag}, got {found_in(value)}")


def tagged(value: object) -> tuple[str, object]:
    """Take an attribute value of any tag apart. Fails with `Unfit` if it is no attribute value.

    >>> tagged({"N": "3"})
    ('N', '3')
    """
    if type(value) is dict and len(value) == 1:
        ((tag, held),) = cast("dict[str, object]", value).items()
        if tag in TAGS:
            return tag, held
    raise Unfit(f"expected an attribute value, got {found_in(value)}")


def found_in(value: object) -> str:
    """Say what was found instead of an attribute value of the wanted tag."""
    if not isinstance(value, dict):
        return f"no attribute value but {type(value).__name__}"
    tags = list(cast("dict[object, object]", value))
    if not tags:
        return "an attribute value without a type"
    if len(tags) > 1:
        return f"an attribute value of {len(tags)} types"
    return str(tags[0]) if tags[0] in TAGS else "an attribute value of an unknown type"
