"""Type variables, type aliases and ``Self``: what stands in their places once a type is asked for."""

from __future__ import annotations

import sys
import typing
from collections.abc import Mapping, Sequence
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Final,
    Literal,
    Protocol,
    Self,
    TypeVar,
    TypeVarTuple,
    Unpack,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import NoDefault, TypeAliasType

from streamfn._misuse import Misuse

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
