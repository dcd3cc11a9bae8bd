"""Items: images that a model fits, of which to make records that a handler would want."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Final, Literal, cast, get_args
from uuid import UUID

from streamfn._conversion.lookup import model_fields
from streamfn._conversion.types import Hint, bare, is_enum, is_model, members, origin, tags_of
from streamfn._tables import Table
from streamfn._wire import AttributeValue

Item = dict[str, AttributeValue]
"""An image that may be changed."""

FRESH: Final[dict[str, tuple[object, ...]]] = {
    "S": ("~", ""),
    "N": ("0", "1", "-7", "987654321"),
    "B": (base64.b64encode(b"~").decode(),),
    "BOOL": (True, False),
    "NULL": (True,),
    "SS": (["~"],),
    "NS": (["987654321"],),
    "BS": ([base64.b64encode(b"~").decode()],),
    "L": ([],),
    "M": ({},),
}
"""Contents for each type tag, as plain as can be."""

_TEXTS: Final[dict[object, str]] = {
    datetime: "2024-01-01T00:00:00+00:00",
    date: "2024-01-01",
    UUID: "00000000-0000-4000-8000-000000000000",
}
"""What text of these types looks like."""


def samples_of(table: Table[object]) -> list[Item]:
    """Make images that the table's model fits: one with what it requires, and one with all that it knows, if it can."""
    found: list[Item] = []
    for model in members(table.model):
        for required in (True, False):
            item = _item(table, model, required=required)
            if table.structure(item).value_or(None) is not None and item not in found:
                found.append(item)
    return found


def values_of(table: Table[object], attribute: str) -> list[AttributeValue]:
    """Make values of an attribute that the model may know."""
    return [
        value
        for model in members(table.model)
        for field in model_fields(model, table.hooks)
        if field.attribute == attribute
        for value in _values(table, field.hint)
    ]


def _item(table: Table[object], model: Hint, *, required: bool) -> Item:
    return {
        field.attribute: value
        for field in model_fields(model, table.hooks)
        if field.required or not required
        for value in [next(_values(table, field.hint), None)]
        if value is not None
    }


def _values(table: Table[object], hint: Hint) -> Iterator[AttributeValue]:
    """Make values of a type, the simplest first."""
    inner = bare(hint)
    # A model last: one that may hold another of itself has an end then.
    for member in sorted(members(inner), key=lambda each: is_model(bare(each))):
        plain = bare(member)
        if is_model(plain):
            yield {"M": _item(table, plain, required=True)}
        elif origin(plain) is Literal:
            yield from map(_of_value, get_args(plain))
        elif is_enum(plain):
            yield from (_of_value(each.value) for each in cast("type[Enum]", plain))
        elif origin(plain) is tuple and Ellipsis not in get_args(plain):
            yield {"L": [next(_values(table, each), None) for each in get_args(plain)]}
        else:
            for tag in sorted(tags_of(hint if plain is inner else member)):
                contents = (_TEXTS[plain],) if tag == "S" and plain in _TEXTS else FRESH[tag]
                yield from ({tag: content} for content in contents)


def _of_value(value: object) -> AttributeValue:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}
