"""Proposals: what the samples show and what the table says of its keys, put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from streamfn._conversion.numbers import read_int
from streamfn._misuse import Misuse
from streamfn._wire import Image
from streamfn.cli._modelling.names import class_name
from streamfn.cli._modelling.sampling import Keys
from streamfn.cli._modelling.shapes import (
    BINARY,
    DECIMAL,
    INT,
    MOMENT,
    TEXT,
    Attributes,
    Field,
    Scalar,
    Shape,
    attributes_of,
)
from streamfn.cli._modelling.source import Proposal

_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")
"""A table's name ("Naming rules" in the Amazon DynamoDB Developer Guide, which has it longer than two)."""

_KEYS: Final[Mapping[str, Scalar]] = {"S": TEXT, "N": DECIMAL, "B": BINARY}
"""The types of keys that no sample shows."""

_ENDS: Final = 253_402_300_800
"""The first second, counted from 1970, that no `datetime` reaches."""


def proposed(table: str, items: Sequence[Image], keys: Keys, model: str | None = None) -> Proposal:
    """Propose a model for a table of which these items were sampled; `model` is its name, if not made of the table's.

    Fails with `Misuse` where an item lacks a key, or for a name that no table or class has.
    """
    if _TABLE.fullmatch(table) is None:
        raise Misuse(
            "a table's name has letters, digits, hyphens, dots and underscores, and no other characters"
        )
    if model is not None and not (model.isidentifier() and class_name(model) == model):
        raise Misuse(f"expected the name of a class, as in Card, got {model!r}")
    found = dict(attributes_of(items).fields)
    markers: dict[str, str] = dict(zip(keys.names, ("PartitionKey", "SortKey"), strict=False))
    for name in keys.names:
        found[name] = _key(name, found.get(name), keys.tags.get(name), has_items=bool(items))
    expires = keys.time_to_live
    if expires is not None and expires in found and expires not in markers:
        field = found[expires]
        if field.shape.members in ((INT,), (DECIMAL,)):  # no set: a shape may hold what cannot be in one
            markers[expires] = "TimeToLive"
        if field.shape.members == (INT,) and all(map(_is_moment, _values(items, expires))):
            found[expires] = replace(field, shape=replace(field.shape, members=(MOMENT,)))
    return Proposal(table, model or _model(table), Attributes(found), markers, _count(len(items)))


def _key(name: str, field: Field | None, tag: str | None, *, has_items: bool) -> Field:
    """Say what a key is: text stays text, since a key is looked up as it is written."""
    if field is None and not has_items:
        return Field(Shape((_KEYS.get(tag or "S", TEXT),), nullable=False), always=True)
    if field is None or not field.always or field.shape.nullable:
        raise Misuse(f"{name} is no key of these items: one of them is without it")
    (member, *others) = field.shape.members
    if member == MOMENT and not others:
        return replace(field, shape=replace(field.shape, members=(TEXT,)))
    if others or member not in (TEXT, INT, DECIMAL, BINARY):
        raise Misuse(f"{name} is no key of these items: a key is text, a number or binary in all of them")
    return field


def _values(items: Sequence[Image], name: str) -> Iterator[object]:
    for item in items:
        if "N" in (value := item.get(name, {})):
            yield value["N"]


def _is_moment(number: object) -> bool:
    return isinstance(number, str) and 0 <= read_int({"N": number}) < _ENDS


def _model(table: str) -> str:
    """Name a model after the last word of its table's name, which often begins with that of the environment."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", table) if word]
    return class_name(words[-1] if words else "", of_many=True)


def _count(number: int) -> str:
    return "1 item" if number == 1 else f"{number:,} items"
