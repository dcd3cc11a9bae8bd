"""Types, as a model's fields are annotated with them: what they are made of, and how they will stand on the wire."""

from __future__ import annotations

import dataclasses
import typing
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeAlias,
    Union,  # pyright: ignore[reportDeprecated] (models may be written with it)
    cast,
    get_args,
    get_origin,
    is_typeddict,
)

from typing_extensions import ReadOnly
from typing_extensions import is_typeddict as is_backported_typeddict

from streamfn._conversion.generics import aliased, is_alias
from streamfn._conversion.scalars import scalar_of
from streamfn._conversion.tags import TAGS
from streamfn._markers import EpochMilliseconds, EpochSeconds

Hint: TypeAlias = object
"""A type as it stands in an annotation: a class, a union, a Literal, a generic one with its arguments."""

LISTS: Final[Mapping[Hint, Callable[[Iterable[object]], object]]] = {
    list: list,
    abc.MutableSequence: list,
    abc.Sequence: tuple,
}
"""The types of homogeneous lists, and what is made for them. (`tuple` may have a type for each element.)"""

SETS: Final[Mapping[Hint, Callable[[Iterable[object]], object]]] = {
    set: set,
    frozenset: frozenset,
    abc.MutableSet: set,
    abc.Set: frozenset,
}
"""The types of sets, and what is made for them."""

MAPS: Final = frozenset[Hint]({dict, abc.Mapping, abc.MutableMapping})
"""The types of maps; a `dict` is made for each."""

_UNIONS: Final = frozenset[Hint]({UnionType, Union})  # pyright: ignore[reportDeprecated] (as above)
"""What ``get_origin`` says of a union, by the form in which it was written."""

_QUALIFIERS: Final = frozenset[Hint](
    {Annotated, Final, Required, NotRequired, ReadOnly, getattr(typing, "ReadOnly", ReadOnly)}
)
"""What says more of a field than its type, and stands around it, in any order."""

UNTYPED: Final = frozenset[Hint]({object, Any})
"""What says nothing of a value's type: plain Python values are made."""


def origin(hint: Hint) -> Hint:
    """The class that a generic type was made from; other types are their own."""
    return get_origin(hint) or hint


def annotations_in(hint: Hint) -> tuple[object, ...]:
    """What ``Annotated`` says of a type, or of what is within it: a union's members, what an alias stands for.

    >>> annotations_in(Annotated[int, "seconds"] | None)
    ('seconds',)
    """
    if get_origin(hint) is Annotated:
        inner, *said = get_args(hint)
        return (*said, *annotations_in(inner))
    if get_origin(hint) in _UNIONS:
        return tuple(each for member in get_args(hint) for each in annotations_in(member))
    return () if (inner := peeled(hint)) is hint else annotations_in(inner)


def says(annotations: tuple[object, ...], marker: type) -> bool:
    """Whether a marker is among annotations, as the class itself or as an instance of it."""
    return any(
        isinstance(each, marker) or (isinstance(each, type) and issubclass(each, marker))
        for each in annotations
    )


def peeled(hint: Hint) -> Hint:
    """Take one layer off that is no type of its own: NewType, a type alias, ``Annotated``, ``Final``, ``Required``."""
    if get_origin(hint) in _QUALIFIERS:
        return cast("Hint", get_args(hint)[0])
    if isinstance(hint, NewType):
        return hint.__supertype__
    if is_alias(hint):
        return aliased(hint)
    return NoneType if hint is None else hint


def bare(hint: Hint) -> Hint:
    """Take all layers off that `peeled` takes off.

    >>> bare(Annotated[NewType("Age", int), "years"])
    <class 'int'>
    """
    while (inner := peeled(hint)) is not hint:
        hint = inner
    return hint


def members(hint: Hint) -> tuple[Hint, ...]:
    """The members of a union, those of unions within it included; any other type is its own only member."""
    inner, said = hint, tuple[object, ...]()
    while (next_one := peeled(inner)) is not inner:
        said = (*get_args(inner)[1:], *said) if get_origin(inner) is Annotated else said
        inner = next_one
    if get_origin(inner) not in _UNIONS:
        return (hint,)
    found = (each for member in get_args(inner) for each in members(member))
    return tuple(Annotated[(each, *said)] if said else each for each in found)


def name_of_type(hint: Hint) -> str:
    """How messages call a type."""
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)


def is_model(hint: Hint) -> bool:
    """Whether a type has named fields of its own: a dataclass, an attrs class or a TypedDict, generic or not."""
    cls = origin(hint)
    return isinstance(cls, type) and (is_dataclass(cls) or is_attrs(cls) or is_typed_dict(cls))


def is_dataclass(cls: type) -> bool:
    """Whether a class is a dataclass; the standard library's function would have the checkers forget the rest."""
    return dataclasses.is_dataclass(cls)


def is_attrs(cls: type) -> bool:
    """Whether a class is an attrs class. They bear a mark, so that attrs need not be loaded to tell them."""
    return hasattr(cls, "__attrs_attrs__")


def is_typed_dict(hint: Hint) -> bool:
    """Whether a type is a TypedDict, of typing or of typing_extensions."""
    return is_typeddict(hint) or is_backported_typeddict(hint)


def is_enum(hint: Hint) -> bool:
    """Whether a type is an Enum, one that is also an int or a str included."""
    return isinstance(hint, type) and issubclass(hint, Enum)


def enum_values(hint: Hint) -> list[object]:
    """The values of an Enum's members."""
    return [member.value for member in cast("type[Enum]", hint)]  # is_enum has said so


def tags_of(hint: Hint) -> frozenset[str]:
    """The tags of the attribute values that a type is written as; none for a type that is not known here."""
    inner = bare(hint)
    cls = origin(inner)
    said = annotations_in(hint)
    if inner is datetime and (says(said, EpochSeconds) or says(said, EpochMilliseconds)):
        return frozenset({"N"})
    if len(members(hint)) > 1:
        return _union(map(tags_of, members(hint)))
    if inner in UNTYPED:
        return TAGS
    if cls is Literal:
        return _tags_of_values(get_args(inner))
    if is_enum(inner):
        return _tags_of_values(enum_values(inner))
    if is_model(inner) or cls in MAPS:
        return frozenset({"M"})
    if cls in LISTS or cls is tuple:
        return frozenset({"L"})
    if cls in SETS:
        elements: Sequence[Hint] = get_args(inner) or (object,)
        return frozenset(f"{tag}S" for tag in _union(map(tags_of, elements))) & TAGS
    scalar = scalar_of(cls)
    return frozenset() if scalar is None else frozenset({scalar.tag})


def _tags_of_values(values: Iterable[object]) -> frozenset[str]:
    return _union(tags_of(type(value)) for value in values)


def _union(tags: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(tag for each in tags for tag in each)
