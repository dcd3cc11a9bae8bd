"""Hypothesis strategies: items of your own models, and their images, within DynamoDB's rules.

This module needs `hypothesis`, which `streamfn.testing` itself does not. For a type with hooks of your own, tell
hypothesis how to make its values, with ``hypothesis.strategies.register_type_strategy``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Final, Literal, TypeAlias, cast, get_args
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from typing_extensions import TypeForm, TypeVar

from streamfn._conversion.attribute_values import scalar_of
from streamfn._conversion.hints import (
    LISTS,
    MAPS,
    SETS,
    UNTYPED,
    Hint,
    PartitionKey,
    SortKey,
    TimeToLive,
    annotations_in,
    bare,
    is_alias,
    is_enum,
    is_model,
    members,
    origin,
    peeled,
    says,
)
from streamfn._conversion.models import fields_of
from streamfn._records import AttributeValue
from streamfn._tables import Table
from streamfn.testing._events import as_json

T = TypeVar("T")

Made: TypeAlias = dict[Hint, SearchStrategy[object]]
"""The strategies of models and aliases that have been met, where one that refers to itself finds its own."""

_DIGITS: Final = 10**38 - 1
"""DynamoDB's numbers have 38 significant digits, and magnitudes from 1E-130 to 9.9E+125."""

_SIZE: Final = 5
"""The greatest number of parts in a container; nested containers multiply it."""


def items(model: TypeForm[T]) -> SearchStrategy[T]:
    """Make up items of a model: all that its types and DynamoDB allow.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> from hypothesis import find
    >>> find(items(Card), lambda card: card.id > 41)
    Card(id=42)
    """
    return cast("SearchStrategy[T]", _of(model, {}))  # the strategy of T makes items of T


def images(table: Table[T]) -> SearchStrategy[dict[str, AttributeValue]]:
    """Make up images of a table's items, as a Lambda event carries them."""
    return items(table.model).map(lambda item: as_json(table.unstructure(item)))


def _of(hint: Hint, made: Made) -> SearchStrategy[object]:
    if not is_alias(hint):
        return _of_type(hint, made)
    if hint not in made:
        made[hint] = st.deferred(lambda: _of(peeled(hint), made))
    return made[hint]


def _of_type(hint: Hint, made: Made) -> SearchStrategy[object]:
    inner = bare(hint)
    cls = origin(inner)
    if len(members(inner)) > 1:
        return st.one_of([_of(member, made) for member in members(inner)])
    if cls is Literal:
        return st.sampled_from(get_args(inner))
    if is_enum(inner):
        return st.sampled_from(cast("type[Enum]", inner))  # is_enum has said so; of a Flag, combined ones too
    if inner in UNTYPED:
        return _plain()
    if is_model(inner):
        return _model(inner, made)
    if cls is tuple or cls in LISTS or cls in SETS or cls in MAPS:
        return _container(inner, made)
    if inner in _SCALARS:
        return _scalar(hint, inner)
    if isinstance(inner, type) and scalar_of(inner) is not None:
        return st.binary().map(inner)  # boto3's Binary
    return st.from_type(cast("type[object]", inner))  # a class with hooks of the user's own


def _model(model: Hint, made: Made) -> SearchStrategy[object]:
    if model not in made:
        made[model] = st.deferred(lambda: _built(model, made))
    return made[model]


def _built(model: Hint, made: Made) -> SearchStrategy[object]:
    fields = fields_of(model)
    build = cast("Callable[..., object]", origin(model))  # a model's origin is a class
    values = st.fixed_dictionaries(
        {field.parameter: _of(field.hint, made) for field in fields if field.required},
        optional={field.parameter: _of(field.hint, made) for field in fields if not field.required},
    )
    return values.map(lambda given: build(**given))


def _container(hint: Hint, made: Made) -> SearchStrategy[object]:
    cls, arguments = origin(hint), get_args(hint)
    if cls in MAPS:
        key, entry = arguments or (str, object)
        return st.dictionaries(_of(key, made), _of(entry, made), max_size=_SIZE)
    if cls is tuple and arguments and arguments[-1] is not Ellipsis:
        return st.tuples(*(_of(argument, made) for argument in arguments))
    element: Hint = arguments[0] if arguments else object
    if cls in SETS:
        # All elements of one of DynamoDB's sets are of one type.
        kinds = (str, bytes, Decimal) if element in UNTYPED else members(element)
        return st.one_of([st.lists(_of(kind, made), max_size=_SIZE).map(SETS[cls]) for kind in kinds])
    return st.lists(_of(element, made), max_size=_SIZE).map(LISTS.get(cls, tuple))


def _plain() -> SearchStrategy[object]:
    """Return a strategy for the values of an untyped field, in the form in which such a field is read."""
    scalars = st.none() | st.booleans() | st.text() | st.binary() | _decimals()
    sets = [st.frozensets(each, min_size=1) for each in (st.text(), st.binary(), _decimals())]
    return st.recursive(
        st.one_of(scalars, *sets),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=_SIZE,
    )


def _scalar(hint: Hint, cls: Hint) -> SearchStrategy[object]:
    said = annotations_in(hint)
    if says(said, PartitionKey) or says(said, SortKey):
        return _SCALARS[cls].filter(lambda value: value not in {"", b""})  # a key is not empty
    if cls is datetime and says(said, TimeToLive):
        return _datetimes().map(lambda moment: moment.replace(microsecond=0))
    return _SCALARS[cls]


def _decimals() -> SearchStrategy[Decimal]:
    parts = st.tuples(st.integers(-_DIGITS, _DIGITS), st.integers(-130, 88))
    return parts.map(lambda part: Decimal(f"{part[0]}E{part[1]}"))


def _datetimes() -> SearchStrategy[datetime]:
    """Make up datetimes with a fixed offset: those in zones whose clocks change equal none in another zone."""
    moments = st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 30))  # noqa: DTZ001 (it gets its offset below)
    offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.tuples(moments, offsets).map(lambda drawn: drawn[0].replace(tzinfo=drawn[1]))


_SCALARS: Final[Mapping[Hint, SearchStrategy[object]]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    str: st.text(),
    int: st.integers(-_DIGITS, _DIGITS),
    float: st.floats(-1e125, 1e125, allow_subnormal=False).filter(
        lambda number: not 0 < abs(number) < 1e-130
    ),
    Decimal: _decimals(),
    bytes: st.binary(),
    datetime: _datetimes(),
    date: st.dates(),
    UUID: st.uuids(),
}
