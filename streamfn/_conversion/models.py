"""Models: the classes that stand for items, and for maps within them, as a list of their fields.

A model is a dataclass, an attrs class or a TypedDict. Its annotations are resolved here, with ``Annotated``
kept and the type variables of a generic model replaced, since cattrs loses both where annotations are text
(PEP 563).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections import abc
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import (
    Final,
    Literal,
    NamedTuple,
    NotRequired,
    Protocol,
    Required,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import Format, get_annotations, get_original_bases

from streamfn._conversion.scalars import scalars
from streamfn._conversion.types import (
    Hint,
    annotations_in,
    bare,
    is_attrs,
    is_dataclass,
    is_enum,
    is_model,
    members,
    origin,
)
from streamfn._markers import Attribute
from streamfn._misuse import Misuse

_NOTHING: Final = object()
_EMPTY: Final = frozenset[object]()
_IMMUTABLE: Final = frozenset[Hint]({tuple, frozenset, abc.Sequence, abc.Set})
"""The types of containers that cannot be changed, or are made so that they cannot."""


class ModelField(NamedTuple):
    """A field of a model, its type, and the name of its attribute.

    `parameter`: the name by which the class takes it. `required`: the class has no default for it. `omitted`:
    a default that is left out when it is written, None or an empty set, which DynamoDB does not store.
    """

    name: str
    parameter: str
    hint: Hint
    attribute: str
    required: bool
    omitted: tuple[object, ...] = ()


def fields_of(model: Hint) -> tuple[ModelField, ...]:
    """List the fields of a model, in the order in which it declares them.

    Fails with `Misuse`, naming the field, where a type cannot be resolved or two fields have one attribute.
    """
    cls = cast("type", origin(model))  # a model's origin is a class
    found = tuple(_declared(cls, _hints(cls, get_args(model))))
    taken: dict[str, str] = {}
    for field in found:
        if (other := taken.setdefault(field.attribute, field.name)) != field.name:
            raise Misuse(f"{cls.__name__}.{field.name} and .{other} are both stored as {field.attribute!r}")
    return found


def _declared(cls: type, hints: Mapping[str, Hint]) -> Iterator[ModelField]:
    if is_dataclass(cls):
        for name, hint in hints.items():
            if isinstance(hint, dataclasses.InitVar):
                raise Misuse(
                    f"{cls.__name__}.{name} is an InitVar, which no attribute can give back: make it a field"
                )
        for each in dataclasses.fields(cls):
            if each.init:
                given: object = each.default_factory if each.default is dataclasses.MISSING else each.default
                yield _field(each.name, each.name, hints[each.name], given, dataclasses.MISSING)
    elif is_attrs(cls):
        import attrs  # loaded by the model's module, and by no other

        for field in attrs.fields(cls):
            if field.init:
                default: object = getattr(field.default, "factory", field.default)
                hint = hints.get(field.name, field.type or object)
                yield _field(field.name, field.alias or field.name, hint, default, attrs.NOTHING)
    else:
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        for name, hint in hints.items():
            is_required = get_origin(hint) is Required or (
                get_origin(hint) is not NotRequired and name in required
            )
            yield _field(name, name, hint, default=_NOTHING if is_required else None, missing=_NOTHING)


def _field(name: str, parameter: str, hint: Hint, default: object, missing: object) -> ModelField:
    renames = [each.name for each in annotations_in(hint) if isinstance(each, Attribute)]
    is_empty_set = (
        default is set or default is frozenset or (isinstance(default, AbstractSet) and not default)
    )
    return ModelField(
        name=name,
        parameter=parameter,
        hint=hint,
        attribute=renames[0] if renames else name,
        required=default is missing,
        omitted=(None,) if default is None else (_EMPTY,) if is_empty_set else (),
    )


def _hints(cls: type, arguments: Sequence[Hint]) -> dict[str, Hint]:
    """Resolve the annotations of a class and its bases, their type variables replaced by what is given for them."""
    parameters: tuple[object, ...] = getattr(cls, "__parameters__", ())
    given = dict(zip(parameters, arguments, strict=False))
    hints: dict[str, Hint] = {}
    for base in reversed(get_original_bases(cls)):
        if isinstance(origin(base), type) and origin(base) is not object:
            replaced = [_replaced(cls, "its base", argument, given) for argument in get_args(base)]
            hints |= _hints(cast("type", origin(base)), replaced)
    resolved = _resolved(cls)
    own = inspect.get_annotations(cls)
    return hints | {name: _replaced(cls, name, resolved[name], given) for name in own}


def _resolved(cls: type) -> Mapping[str, Hint]:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception as error:  # noqa: BLE001 (an annotation is a program of the user's, and may raise anything)
        raise _unresolved(cls, error) from None


def _unresolved(cls: type, error: Exception) -> Misuse:
    """Make the error for annotations that cannot be evaluated; it names the field."""
    # Python 3.14 evaluates annotations when somebody asks for them. This form leaves out what is not there.
    annotations: Mapping[str, object] = get_annotations(cls, format=Format.FORWARDREF)
    if isinstance(error, NameError | AttributeError) and error.name:
        word = re.compile(rf"\b{re.escape(error.name)}\b")
        found = [name for name, annotation in annotations.items() if word.search(str(annotation))]
        problem = (
            f"the type {error.name!r} cannot be found; define it, and the model, at the top of a module "
            "rather than in a function, and import it outside of `if TYPE_CHECKING`"
        )
    else:
        found = [name for name, annotation in annotations.items() if not _can_resolve(cls, annotation)]
        problem = f"its annotation is no type: evaluating it raises {type(error).__name__}"
    return Misuse(f"{cls.__name__}.{found[0] if found else 'a field of a base'}: {problem}")


def _can_resolve(cls: type, annotation: object) -> bool:
    alone = type(cls.__name__, (), {"__module__": cls.__module__, "__annotations__": {"field": annotation}})
    try:
        get_type_hints(alone, localns=dict(vars(cls)))
    except Exception:  # noqa: BLE001 (as above)
        return False
    return True


def _replaced(cls: type, name: str, hint: Hint, given: Mapping[object, Hint]) -> Hint:
    """Put what is given for type variables into a type, or what bounds them."""
    if isinstance(hint, TypeVar):
        if (found := given.get(hint, hint.__bound__)) is None:
            raise Misuse(
                f"{cls.__name__}.{name}: nothing is given for {hint.__name__}; write {cls.__name__}[…]"
            )
        return found
    parameters: Sequence[object] = () if isinstance(hint, type) else getattr(hint, "__parameters__", ())
    if not parameters:
        return hint
    generic = cast("_Generic", hint)  # it has parameters
    return generic[tuple(_replaced(cls, name, parameter, given) for parameter in parameters)]


class _Generic(Protocol):
    """A type that takes arguments."""

    def __getitem__(self, arguments: tuple[Hint, ...], /) -> Hint: ...


def is_immutable(hint: Hint) -> bool:
    """Whether nothing that a handler does in good faith can change a value of this type.

    Types that are not known to be immutable, those with hooks of the user's own among them, count as mutable.
    """
    return _is_immutable(hint, frozenset())


def _is_immutable(hint: Hint, above: frozenset[Hint]) -> bool:
    inner = bare(hint)
    cls = origin(inner)
    if inner in above or cls in scalars() or cls is Literal or is_enum(inner):
        return True
    if len(members(inner)) > 1:
        return all(_is_immutable(member, above) for member in members(inner))
    if cls in _IMMUTABLE:
        return all(each is Ellipsis or _is_immutable(each, above) for each in get_args(inner) or (object,))
    if is_model(inner) and is_frozen(cast("type", cls)):  # a model's origin is a class
        return all(_is_immutable(field.hint, above | {inner}) for field in fields_of(inner))
    return False


def is_frozen(cls: type) -> bool:
    """Whether a class was declared frozen, as dataclasses and attrs mark it."""
    if is_dataclass(cls):
        parameters: object = getattr(cls, "__dataclass_params__", None)
        return getattr(parameters, "frozen", False) is True
    # attrs has no other sign for it in its older versions.
    return getattr(cls.__setattr__, "__name__", None) == "_frozen_setattrs"
