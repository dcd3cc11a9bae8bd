"""Type hints: markers in annotations, type variables, origins and unions."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Protocol,
    Required,
    Self,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Union,  # pyright: ignore[reportDeprecated] (models may be written with it)
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from typing_extensions import NoDefault, ReadOnly, TypeAliasType
from typing_extensions import is_typeddict as is_backported_typeddict

from streamfn._conversion.attribute_values import TAGS, scalar_of
from streamfn._dataclasses import Value
from streamfn._errors import Misuse

# What a model says of its fields beyond their types, inside ``Annotated[…]``.
#
# @dataclass(frozen=True, slots=True)
# class Card:
#     id: Annotated[int, PartitionKey]
#     title: Annotated[str, SortKey]
#     owner: Annotated[str, Attribute("ownerName")]
#     expires_at: Annotated[datetime, TimeToLive] | None = None


class PartitionKey:
    """The attribute is the table's partition key (its hash key): a string, number or binary."""


class SortKey:
    """The attribute is the table's sort key (its range key): a string, number or binary."""


class EpochSeconds:
    """A `datetime` is written as the number of seconds since 1970, and not as text."""


class EpochMilliseconds:
    """A `datetime` is written as the number of milliseconds since 1970, and not as text."""


class TimeToLive(EpochSeconds):
    """The attribute is the table's time to live: the second since 1970 after which DynamoDB may remove the item."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attribute(Value):
    """The field is stored under another name than its own."""

    name: str


# Type variables, type aliases and ``Self``: what stands in their places once a type is asked for.

_ALIASES: Final[tuple[type, ...]] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))
"""What the statement ``type X = …`` makes, and what stands in for it: before Python 3.14 they are two classes."""

_LAYERS: Final = 100
"""The most layers that an alias may have before it reaches a type."""


class _Generic(Protocol):
    """A type that takes arguments."""

    def __getitem__(self, arguments: object, /) -> object: ...


class _Alias(Protocol):
    """A type alias. Its value is found when it is asked for, so that it may name what is defined later."""

    __name__: str
    __module__: str
    __value__: object
    __type_params__: tuple[object, ...]


def is_alias(hint: object) -> bool:
    """Whether a type is an alias that has a name of its own, generic or not."""
    return isinstance(get_origin(hint) or hint, _ALIASES)


def aliased(hint: object) -> object:
    """Find the type that an alias stands for, with the arguments that it is given.

    Fails with `Misuse`, naming the alias, if it stands for itself, or for a type that cannot be found.
    """
    value, layers = _value_of(hint), 0
    within = [value]
    while within:  # what is no container of its own: unions, and aliases of them
        each, layers = within.pop(), layers + 1
        if each == hint or layers > _LAYERS:
            raise Misuse(f"the type alias {_alias(hint).__name__} stands for itself")
        if is_alias(each):
            within.append(_value_of(each))
        elif get_origin(each) in {UnionType, typing.Union, Annotated}:  # pyright: ignore[reportDeprecated] (users write it)
            within.extend(get_args(each))
    return value


def _alias(hint: object) -> _Alias:
    return cast("_Alias", get_origin(hint) or hint)  # is_alias has said so


def _value_of(hint: object) -> object:
    alias = _alias(hint)
    parameters = alias.__type_params__
    names = {alias.__name__: alias, **{str(each): each for each in parameters}}
    try:
        # A value may name types as text, as it does before Python 3.12 where it names itself.
        holder = SimpleNamespace(__annotations__={"value": alias.__value__})
        space = vars(sys.modules.get(alias.__module__, typing))
        value: object = get_type_hints(holder, {**space, **names}, include_extras=True)["value"]
    except (NameError, AttributeError) as error:
        raise Misuse(
            f"the type alias {alias.__name__} names the type {error.name!r}, which cannot be found"
        ) from None
    except Exception as error:  # noqa: BLE001 (the value is a program of the user's, and may raise anything)
        raise Misuse(
            f"the type alias {alias.__name__} stands for no type: evaluating it raises {type(error).__name__}"
        ) from None
    given = given_for(parameters, get_args(hint))
    return completed(substituted(value, given), f"write {alias.__name__}[…]")


def arguments_of(hint: object, given: Mapping[object, object]) -> list[object]:
    """The arguments of a generic type, with what is given for type variables; ``*Ts`` becomes several."""
    arguments: list[object] = []
    for each in _own_arguments(hint):
        found = substituted(each, given)
        arguments.extend(cast("tuple[object, ...]", found) if isinstance(found, tuple) else (found,))
    return arguments


def _own_arguments(hint: object) -> tuple[object, ...]:
    """The arguments of a generic type, with its defaults made of the arguments before them; see `with_defaults`."""
    arguments = get_args(hint)
    parameters: Sequence[object] = getattr(get_origin(hint), "__parameters__", ())
    if len(arguments) != len(parameters):  # it has a ``*Ts``, or is no generic class
        return arguments
    given: dict[object, object] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        is_default = argument is _default_of(parameter)
        given[parameter] = substituted(argument, given) if is_default else argument
    return tuple(given.values())


def given_for(parameters: Sequence[object], arguments: Sequence[object]) -> dict[object, object]:
    """Find what is given for type variables, by arguments or else by their defaults (PEP 696)."""
    given: dict[object, object] = {}
    rest = list(arguments)
    for index, parameter in enumerate(parameters):
        if arguments and isinstance(parameter, TypeVarTuple):
            count = len(rest) - (len(parameters) - index - 1)
            given[parameter], rest = tuple(rest[:count]), rest[count:]
        else:
            default = _default_of(parameter)
            # typing may have filled in a default as it is, with the variables before it.
            found = rest.pop(0) if rest else default
            if found is not NoDefault:
                given[parameter] = substituted(found, given) if found is default else found
    return given


def substituted(hint: object, given: Mapping[object, object]) -> object:
    """Put what is given for type variables into a type; those that nothing is given for stay."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    parameters = variables_in(hint)
    if not any(each in given for each in parameters):
        return hint
    arguments: list[object] = []
    for each in parameters:
        if isinstance(each, TypeVarTuple):
            # It is given a tuple; see `given_for`.
            arguments.extend(cast("tuple[object, ...]", given.get(each, (Unpack[each],))))
        else:
            arguments.append(given.get(each, each))
    return cast("_Generic", hint)[tuple(arguments)]  # it has parameters


def completed(hint: object, advice: str, *, is_free: bool = True) -> object:
    """Put defaults and bounds in the place of the type variables of a type that nothing was given for.

    Fails with `Misuse`, which ends in the advice, for a variable that has neither, or is not free to be anything.
    """
    given: dict[object, object] = {}
    for each in variables_in(hint):
        found: object = _default_of(each) if is_free else None
        if found is NoDefault:
            found = getattr(each, "__bound__", None)
        if found is None:
            raise Misuse(f"nothing is given for {getattr(each, '__name__', each)}; {advice}")
        given[each] = found
    return completed(substituted(hint, given), advice) if given else hint


def variables_in(hint: object) -> tuple[object, ...]:
    """The type variables in a type. A class, and an alias, has parameters, which are none of those of an annotation."""
    if isinstance(hint, TypeVar):
        return (hint,)
    return () if isinstance(hint, (type, *_ALIASES)) else tuple(getattr(hint, "__parameters__", ()))


def with_self(hint: object, model: object) -> object:
    """Put a model in the place of ``Self``, wherever that stands in a type."""
    if hint is Self:
        return model
    arguments = get_args(hint)
    if not arguments or get_origin(hint) is Literal:
        return hint
    kept = arguments[:1] if get_origin(hint) is Annotated else arguments
    return _with_arguments(hint, tuple(with_self(each, model) for each in kept))


def with_defaults(hint: object) -> object:
    """Make the defaults in a type of the arguments before them, wherever in it a generic class stands.

    typing fills in a default as it is. ``Page[str]`` with ``U = list[T]`` then holds a variable that has its argument
    already, and counts as generic in that.
    """
    if isinstance(hint, TypeVar) or not variables_in(hint):
        return hint
    arguments = get_args(hint)[:1] if get_origin(hint) is Annotated else _own_arguments(hint)
    return _with_arguments(hint, tuple(map(with_defaults, arguments)))


def _with_arguments(hint: object, arguments: tuple[object, ...]) -> object:
    """Give a type other arguments; those of ``Annotated`` are its first."""
    before = get_args(hint)
    if all(one is other for one, other in zip(before, arguments, strict=False)):
        return hint
    if get_origin(hint) is UnionType:
        return typing.Union[arguments]  # noqa: UP007 # pyright: ignore[reportDeprecated] (made at run time)
    (first, *more) = arguments
    if get_origin(hint) is Annotated:
        return Annotated[(first, *before[1:])]
    generic = cast("_Generic", get_origin(hint))  # it has arguments
    return generic[arguments if more else first]


def _default_of(parameter: object) -> object:
    default: object = getattr(parameter, "__default__", NoDefault)
    return NoneType if default is None else default


# Types, as a model's fields are annotated with them: what they are made of, and how they will stand on the
# wire.

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
