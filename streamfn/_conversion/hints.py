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
from streamfn._errors import ConfigurationError

# Markers of a field, inside ``Annotated[…]``.
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
    """A `datetime` is stored as the number of seconds since 1970, and not as text."""


class EpochMilliseconds:
    """A `datetime` is stored as the number of milliseconds since 1970, and not as text."""


class TimeToLive(EpochSeconds):
    """The attribute is the table's time to live: the second since 1970 after which DynamoDB may remove the item."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attribute(Value):
    """The field is stored under another name than its own."""

    name: str


# Type variables, type aliases and ``Self``, and the types that replace them.

_ALIASES: Final[tuple[type, ...]] = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))
"""The classes of type aliases: of the statement ``type X = …``, and of typing_extensions before Python 3.14."""

_LAYERS: Final = 100
"""The most layers of aliases around a type."""


class _Generic(Protocol):
    """A type that takes arguments."""

    def __getitem__(self, arguments: object, /) -> object: ...


class _Alias(Protocol):
    """A type alias. Its value is evaluated at access, so that an alias may name a type that is defined later."""

    __name__: str
    __module__: str
    __value__: object
    __type_params__: tuple[object, ...]


def is_alias(hint: object) -> bool:
    """Whether a type is an alias with a name of its own, generic or not."""
    return isinstance(get_origin(hint) or hint, _ALIASES)


def alias_value(hint: object) -> object:
    """Return the type of an alias, with the arguments of the alias.

    Raises `ConfigurationError`, naming the alias, for an alias of itself, and for a type that cannot be found.
    """
    value, layers = _value_of(hint), 0
    within = [value]
    while within:  # unions, and aliases of unions
        each, layers = within.pop(), layers + 1
        if each == hint or layers > _LAYERS:
            raise ConfigurationError(f"the type alias {_alias(hint).__name__} stands for itself")
        if is_alias(each):
            within.append(_value_of(each))
        elif get_origin(each) in {UnionType, typing.Union, Annotated}:  # pyright: ignore[reportDeprecated] (users write it)
            within.extend(get_args(each))
    return value


def _alias(hint: object) -> _Alias:
    return cast("_Alias", get_origin(hint) or hint)  # is_alias holds


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
        raise ConfigurationError(
            f"the type alias {alias.__name__} names the type {error.name!r}, which cannot be found"
        ) from None
    except Exception as error:  # noqa: BLE001 (the value is code of the user, and may raise anything)
        raise ConfigurationError(
            f"the type alias {alias.__name__} stands for no type: evaluating it raises {type(error).__name__}"
        ) from None
    replacements = bind_variables(parameters, get_args(hint))
    return fill_variables(substitute(value, replacements), f"write {alias.__name__}[…]")


def arguments_of(hint: object, replacements: Mapping[object, object]) -> list[object]:
    """Return the arguments of a generic type with their type variables replaced; ``*Ts`` becomes several."""
    arguments: list[object] = []
    for each in _own_arguments(hint):
        replacement = substitute(each, replacements)
        arguments.extend(
            cast("tuple[object, ...]", replacement) if isinstance(replacement, tuple) else (replacement,)
        )
    return arguments


def _own_arguments(hint: object) -> tuple[object, ...]:
    """Return the arguments of a generic type; a default depends on the arguments before it, see `with_defaults`."""
    arguments = get_args(hint)
    parameters: Sequence[object] = getattr(get_origin(hint), "__parameters__", ())
    if len(arguments) != len(parameters):  # it has a ``*Ts``, or is no generic class
        return arguments
    replacements: dict[object, object] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        is_default = argument is _default_of(parameter)
        replacements[parameter] = substitute(argument, replacements) if is_default else argument
    return tuple(replacements.values())


def bind_variables(parameters: Sequence[object], arguments: Sequence[object]) -> dict[object, object]:
    """Return the type for each type variable: its argument, or else its default (PEP 696)."""
    replacements: dict[object, object] = {}
    rest = list(arguments)
    for index, parameter in enumerate(parameters):
        if arguments and isinstance(parameter, TypeVarTuple):
            count = len(rest) - (len(parameters) - index - 1)
            replacements[parameter], rest = tuple(rest[:count]), rest[count:]
        else:
            default = _default_of(parameter)
            # typing may have filled in a default as it is, with the variables before it.
            replacement = rest.pop(0) if rest else default
            if replacement is not NoDefault:
                replacements[parameter] = (
                    substitute(replacement, replacements) if replacement is default else replacement
                )
    return replacements


def substitute(hint: object, replacements: Mapping[object, object]) -> object:
    """Replace type variables in a type; those without a replacement stay."""
    if isinstance(hint, TypeVar):
        return replacements.get(hint, hint)
    parameters = variables_in(hint)
    if not any(each in replacements for each in parameters):
        return hint
    arguments: list[object] = []
    for each in parameters:
        if isinstance(each, TypeVarTuple):
            # Its replacement is a tuple; see `bind_variables`.
            arguments.extend(cast("tuple[object, ...]", replacements.get(each, (Unpack[each],))))
        else:
            arguments.append(replacements.get(each, each))
    return cast("_Generic", hint)[tuple(arguments)]  # it has parameters


def fill_variables(hint: object, advice: str, *, is_free: bool = True) -> object:
    """Replace the remaining type variables of a type by their defaults or bounds.

    Raises `ConfigurationError`, which ends in the advice, for a variable without either, and for any variable unless
    `is_free`.
    """
    replacements: dict[object, object] = {}
    for each in variables_in(hint):
        replacement: object = _default_of(each) if is_free else None
        if replacement is NoDefault:
            replacement = getattr(each, "__bound__", None)
        if replacement is None:
            raise ConfigurationError(f"nothing is given for {getattr(each, '__name__', each)}; {advice}")
        replacements[each] = replacement
    return fill_variables(substitute(hint, replacements), advice) if replacements else hint


def variables_in(hint: object) -> tuple[object, ...]:
    """Return the type variables in a type. The parameters of a class or an alias are not those of an annotation."""
    if isinstance(hint, TypeVar):
        return (hint,)
    return () if isinstance(hint, (type, *_ALIASES)) else tuple(getattr(hint, "__parameters__", ()))


def with_self(hint: object, model: object) -> object:
    """Replace ``Self`` by a model, at each place in a type."""
    if hint is Self:
        return model
    arguments = get_args(hint)
    if not arguments or get_origin(hint) is Literal:
        return hint
    kept = arguments[:1] if get_origin(hint) is Annotated else arguments
    return _with_arguments(hint, tuple(with_self(each, model) for each in kept))


def with_defaults(hint: object) -> object:
    """Replace type variables in the defaults of generic classes, at each place in a type.

    typing inserts a default as it is. ``Page[str]`` with ``U = list[T]`` then still has the variable T, although T has
    its argument.
    """
    if isinstance(hint, TypeVar) or not variables_in(hint):
        return hint
    arguments = get_args(hint)[:1] if get_origin(hint) is Annotated else _own_arguments(hint)
    return _with_arguments(hint, tuple(map(with_defaults, arguments)))


def _with_arguments(hint: object, arguments: tuple[object, ...]) -> object:
    """Return a type with other arguments; for ``Annotated``, with another first argument."""
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


# Types in the annotations of a model's fields: their layers, their members, and their type tags.

Hint: TypeAlias = object
"""A type of an annotation: a class, a union, a Literal, a generic type with its arguments."""

LISTS: Final[Mapping[Hint, Callable[[Iterable[object]], object]]] = {
    list: list,
    abc.MutableSequence: list,
    abc.Sequence: tuple,
}
"""The types of homogeneous lists, and the functions that make them. (`tuple` may have a type for each element.)"""

SETS: Final[Mapping[Hint, Callable[[Iterable[object]], object]]] = {
    set: set,
    frozenset: frozenset,
    abc.MutableSet: set,
    abc.Set: frozenset,
}
"""The types of sets, and the functions that make them."""

MAPS: Final = frozenset[Hint]({dict, abc.Mapping, abc.MutableMapping})
"""The types of maps; each becomes a `dict`."""

_UNIONS: Final = frozenset[Hint]({UnionType, Union})  # pyright: ignore[reportDeprecated] (as above)
"""The origins of unions, in both notations."""

_QUALIFIERS: Final = frozenset[Hint](
    {Annotated, Final, Required, NotRequired, ReadOnly, getattr(typing, "ReadOnly", ReadOnly)}
)
"""The qualifiers around the type of a field, in any order."""

UNTYPED: Final = frozenset[Hint]({object, Any})
"""The types of untyped values, which become plain Python values."""


def origin(hint: Hint) -> Hint:
    """Return the class of a generic type; any other type as it is."""
    return get_origin(hint) or hint


def metadata_of(hint: Hint) -> tuple[object, ...]:
    """Return the metadata of ``Annotated`` in a type, in a union's members, and in the type of an alias.

    >>> metadata_of(Annotated[int, "seconds"] | None)
    ('seconds',)
    """
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return (*metadata, *metadata_of(inner))
    if get_origin(hint) in _UNIONS:
        return tuple(each for member in get_args(hint) for each in metadata_of(member))
    return () if (inner := unwrap_once(hint)) is hint else metadata_of(inner)


def has_marker(metadata: tuple[object, ...], marker: type) -> bool:
    """Whether a marker is in the metadata, as the class itself or as an instance of the class."""
    return any(
        isinstance(each, marker) or (isinstance(each, type) and issubclass(each, marker)) for each in metadata
    )


def unwrap_once(hint: Hint) -> Hint:
    """Remove one layer that is no type of its own: NewType, a type alias, ``Annotated``, ``Final``, ``Required``."""
    if get_origin(hint) in _QUALIFIERS:
        return cast("Hint", get_args(hint)[0])
    if isinstance(hint, NewType):
        return hint.__supertype__
    if is_alias(hint):
        return alias_value(hint)
    return NoneType if hint is None else hint


def unwrap(hint: Hint) -> Hint:
    """Remove all layers that `unwrap_once` removes.

    >>> unwrap(Annotated[NewType("Age", int), "years"])
    <class 'int'>
    """
    while (inner := unwrap_once(hint)) is not hint:
        hint = inner
    return hint


def union_members(hint: Hint) -> tuple[Hint, ...]:
    """Return the members of a union, those of nested unions included; of any other type, the type alone."""
    inner, metadata = hint, tuple[object, ...]()
    while (next_one := unwrap_once(inner)) is not inner:
        metadata = (*get_args(inner)[1:], *metadata) if get_origin(inner) is Annotated else metadata
        inner = next_one
    if get_origin(inner) not in _UNIONS:
        return (hint,)
    members = (each for member in get_args(inner) for each in union_members(member))
    return tuple(Annotated[(each, *metadata)] if metadata else each for each in members)


def type_name(hint: Hint) -> str:
    """Return the name of a type in messages."""
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)


def is_model(hint: Hint) -> bool:
    """Whether a type is a dataclass, an attrs class or a TypedDict, generic or not."""
    cls = origin(hint)
    return isinstance(cls, type) and (is_dataclass(cls) or is_attrs(cls) or is_typed_dict(cls))


def is_dataclass(cls: type) -> bool:
    """Whether a class is a dataclass; the standard library's function narrows the type too far."""
    return dataclasses.is_dataclass(cls)


def is_attrs(cls: type) -> bool:
    """Whether a class is an attrs class, by the attribute that attrs documents for it, without loading attrs."""
    return hasattr(cls, "__attrs_attrs__")


def is_typed_dict(hint: Hint) -> bool:
    """Whether a type is a TypedDict, of typing or of typing_extensions."""
    return is_typeddict(hint) or is_backported_typeddict(hint)


def is_union(hint: Hint) -> bool:
    """Whether a type is a union, in either notation."""
    return get_origin(hint) in _UNIONS


def is_enum(hint: Hint) -> bool:
    """Whether a type is an Enum, one that is an int or a str included."""
    return isinstance(hint, type) and issubclass(hint, Enum)


def enum_values(hint: Hint) -> list[object]:
    """Return the values of an Enum's members."""
    return [member.value for member in cast("type[Enum]", hint)]  # is_enum holds


def tags_of(hint: Hint) -> frozenset[str]:
    """Return the tags of a type's attribute values; none for a type that is not supported."""
    inner = unwrap(hint)
    cls = origin(inner)
    metadata = metadata_of(hint)
    if inner is datetime and (has_marker(metadata, EpochSeconds) or has_marker(metadata, EpochMilliseconds)):
        return frozenset({"N"})
    if len(union_members(hint)) > 1:
        return _union(map(tags_of, union_members(hint)))
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
