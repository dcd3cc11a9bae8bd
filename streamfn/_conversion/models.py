"""Models: the classes that stand for items, and for maps within them, as a list of their fields.

A model is a dataclass, an attrs class or a TypedDict. Its annotations are resolved here, with ``Annotated``
kept and the type variables of a generic model replaced, since cattrs loses both where annotations are text
(PEP 563).
"""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import re
import sys
from collections import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import (
    Final,
    Generic,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import Format, get_annotations, get_original_bases

from streamfn._conversion.generics import (
    arguments_of,
    completed,
    given_for,
    substituted,
    variables_in,
    with_defaults,
    with_self,
)
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.overrides import Override, is_override_within, without_overrides
from streamfn._conversion.scalars import scalar_of
from streamfn._conversion.types import (
    Hint,
    annotations_in,
    bare,
    is_attrs,
    is_dataclass,
    is_enum,
    is_model,
    is_typed_dict,
    members,
    origin,
    peeled,
    says,
)
from streamfn._markers import Attribute, PartitionKey, SortKey
from streamfn._misuse import Misuse

_NOTHING: Final = object()
_EMPTY: Final = frozenset[object]()
_IMMUTABLE: Final = frozenset[Hint]({tuple, frozenset, abc.Sequence, abc.Set})
"""The types of containers that cannot be changed, or are made so that they cannot."""


class ModelField(NamedTuple):
    """A field of a model, its type, and the name of its attribute.

    `parameter`: the name by which the class takes it. `required`: the class has no default for it. `omitted`:
    a default that is left out when it is written: None or an empty set, which DynamoDB does not store, or one that
    cattrs' ``override`` names. `read` and `write`: the hooks that such an override has for this field alone.
    """

    name: str
    parameter: str
    hint: Hint
    attribute: str
    required: bool
    omitted: tuple[object, ...] = ()
    read: StructureHook | None = None
    write: UnstructureHook | None = None


class _Default(NamedTuple):
    """What a class has for a field that is not given: a value, what makes one, or `missing`, which is nothing."""

    value: object
    missing: object
    is_factory: bool = False
    takes_self: bool = False


def fields_of(model: Hint) -> tuple[ModelField, ...]:
    """List the fields of a model, in the order in which it declares them.

    A field that is marked ``override(omit=True)`` is none of them. Fails with `Misuse`, naming the field, where
    a type cannot be resolved or two fields have one attribute.
    """
    cls = cast("type", origin(model))  # a model's origin is a class
    found = tuple(_declared(cls, _Hints(cls, model)))
    taken: dict[str, str] = {}
    for field in found:
        if (other := taken.setdefault(field.attribute, field.name)) != field.name:
            raise Misuse(f"{cls.__name__}.{field.name} and .{other} are both stored as {field.attribute!r}")
    return found


class _Hints:
    """The types of a model's fields, as they are once its type variables are replaced and it is named for ``Self``."""

    def __init__(self, cls: type, model: Hint) -> None:
        self._cls, self._model = cls, model
        self._found = _hints(cls, get_args(model))

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __getitem__(self, name: str) -> Hint:
        return self.get(name, self._found[name])

    def get(self, name: str, otherwise: Hint) -> Hint:
        """Give the type of a field, or of one that has no annotation."""
        hint = self._found.get(name, otherwise)
        try:
            is_free, advice = self._advice(hint)
            found = with_self(completed(hint, advice, is_free=is_free), self._model)
            annotations_in(found)  # which looks into its aliases
        except Misuse as misuse:
            raise Misuse(f"{self._cls.__name__}.{name}: {misuse}") from None
        return found

    def _advice(self, hint: Hint) -> tuple[bool, str]:
        """Say whether the type variables of a type are free to be anything, and what to write if nothing is given.

        They are not where nobody can tell: before Python 3.12, a TypedDict forgets its bases.
        """
        own: tuple[object, ...] = getattr(self._cls, "__parameters__", ())
        name = self._cls.__name__
        if self._cls.__bases__ == (object,):
            return False, f"write class {name}(Generic[…])"
        if {*variables_in(hint)} <= {*own}:
            return True, f"write {name}[…]"
        knows = not is_typed_dict(self._cls) or not {*get_original_bases(self._cls)} <= {dict, Generic}
        where = f"say what it is where {name} names its base"
        return knows, where if knows else f"{where}, and take TypedDict from typing_extensions"

    def as_declared(self, name: str) -> Hint:
        """Give the type of a field with the type variables that nothing was given for."""
        return self._found.get(name)


def _declared(cls: type, hints: _Hints) -> Iterator[ModelField]:
    if is_dataclass(cls):
        for name in hints:
            if isinstance(hints.as_declared(name), dataclasses.InitVar):
                raise Misuse(
                    f"{cls.__name__}.{name} is an InitVar, which no attribute can give back: make it a field"
                )
        for each in dataclasses.fields(cls):
            if not each.init:
                _check_left_out(cls, each.name, hints.as_declared(each.name))
                continue
            is_factory = each.default_factory is not dataclasses.MISSING
            given: object = each.default_factory if is_factory else each.default
            default = _Default(given, dataclasses.MISSING, is_factory)
            yield from _field(cls, each.name, each.name, hints[each.name], default)
    elif is_attrs(cls):
        import attrs  # loaded by the model's module, and by no other

        for field in attrs.fields(cls):
            hint = hints.get(field.name, field.type or object)
            if not field.init:
                _check_left_out(cls, field.name, hint)
                continue
            default = _Default(
                getattr(field.default, "factory", field.default),
                attrs.NOTHING,
                is_factory=hasattr(field.default, "factory"),
                takes_self=getattr(field.default, "takes_self", False),
            )
            yield from _field(cls, field.name, field.alias or field.name, hint, default)
    else:
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        for name in hints:
            hint = hints[name]
            default = _Default(_NOTHING if _is_required(hint, otherwise=name in required) else None, _NOTHING)
            yield from _field(cls, name, name, hint, default)


def _field(cls: type, name: str, parameter: str, hint: Hint, default: _Default) -> Iterator[ModelField]:
    """Describe a field; nothing is told of one that is to be left out."""
    place = f"{cls.__name__}.{name}"
    if hint is Final:
        if default.value is default.missing or default.is_factory:
            raise Misuse(f"{place} is Final of no type: write Final[…]")
        hint = type(default.value)
    hint, override = without_overrides(place, hint)
    if is_override_within(hint):
        raise Misuse(
            f"{place}: override(…) is for a field as a whole: write Annotated[…, override(…)] around its type"
        )
    is_required = default.value is default.missing
    if (override.omit or override.omit_if_default) and (key := _key_mark(hint)):
        raise Misuse(f"{place} is marked {key}, and no item is without its keys: take its override(…) off")
    if override.omit:
        if is_required:
            raise Misuse(f"{place} is left out by override(omit=True), and has no default")
        return
    yield ModelField(
        name=name,
        parameter=parameter,
        hint=hint,
        attribute=_attribute(place, name, hint, override),
        required=is_required,
        omitted=_omitted(place, default, override),
        read=override.struct_hook,
        write=override.unstruct_hook,
    )


def _key_mark(hint: Hint) -> str | None:
    """Say by which mark a field is a key; None if it is none."""
    said = annotations_in(hint)
    return next((mark.__name__ for mark in (PartitionKey, SortKey) if says(said, mark)), None)


def _attribute(place: str, name: str, hint: Hint, override: Override) -> str:
    """Find the name of a field's attribute."""
    names = [each.name for each in annotations_in(hint) if isinstance(each, Attribute)]
    if override.rename is not None:
        names.append(override.rename)
    if "" in names:
        raise Misuse(f"{place} has an empty name for its attribute: DynamoDB has none without a character")
    if len({*names}) > 1:
        raise Misuse(f"{place} has two names for its attribute, {names[0]!r} and {names[1]!r}: write one")
    return names[0] if names else name


def _omitted(place: str, default: _Default, override: Override) -> tuple[object, ...]:
    """Find the default that a field is not written with."""
    value = default.value
    if value is default.missing or override.omit_if_default is False:
        return ()
    if override.omit_if_default:
        if default.takes_self:
            raise Misuse(
                f"{place}: override(omit_if_default=True) is for a default that is the same for all items"
            )
        return (cast("Callable[[], object]", value)() if default.is_factory else value,)
    is_empty_set = value is set or value is frozenset or (isinstance(value, AbstractSet) and not value)
    return (None,) if value is None else (_EMPTY,) if is_empty_set else ()


def _check_left_out(cls: type, name: str, hint: Hint) -> None:
    """Check a field that the class takes no value for, which is neither read nor written."""
    _, override = without_overrides(f"{cls.__name__}.{name}", hint)
    if override.omit is False:
        raise Misuse(
            f"{cls.__name__}.{name} has init=False, so that it cannot be read: override(omit=False) is not supported"
        )


def _is_required(hint: Hint, *, otherwise: bool) -> bool:
    """Whether a TypedDict's key has to be there; the qualifier may stand within others."""
    while get_origin(hint) not in {Required, NotRequired}:
        if (inner := peeled(hint)) is hint:
            return otherwise
        hint = inner
    return get_origin(hint) is Required


def _hints(cls: type, arguments: Sequence[Hint]) -> dict[str, Hint]:
    """Resolve the annotations of a class and its bases, their type variables replaced by what is given for them."""
    given = given_for(getattr(cls, "__parameters__", ()), arguments)
    hints: dict[str, Hint] = {}
    inherited: dict[str, object] = {}
    for base in reversed(get_original_bases(cls)):
        if isinstance(origin(base), type) and origin(base) is not object:
            hints |= _hints(cast("type", origin(base)), arguments_of(base, given))
            inherited |= inspect.get_annotations(cast("type", origin(base)))
    resolved = _resolved(cls)
    own = inspect.get_annotations(cls)
    if is_typed_dict(cls):  # which has the annotations of its bases as well
        own = {name: each for name, each in own.items() if inherited.get(name, _NOTHING) is not each}
    return hints | {name: substituted(with_defaults(resolved[name]), given) for name in own}


def _resolved(cls: type) -> Mapping[str, Hint]:
    try:
        return get_type_hints(cls, None, _names_in(cls), include_extras=True)
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
        get_type_hints(alone, None, _names_in(cls))
    except Exception:  # noqa: BLE001 (as above)
        return False
    return True


def _names_in(cls: type) -> dict[str, object]:
    """The names that annotations of a class may use besides those of its module, which go first.

    Python finds those in the body of a class by itself, but then a function in an annotation does not find its module,
    and before Python 3.12.4 the parameters of a class statement are not found.
    """
    space = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    names: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        names |= {
            name: each
            for name, each in vars(base).items()
            if not (name.startswith("__") or name in space or hasattr(builtins, name))
        }
    for base in reversed(cls.__mro__):
        names |= {each.__name__: each for each in getattr(base, "__type_params__", ())}
    return names


def is_immutable(hint: Hint) -> bool:
    """Whether nothing that a handler does in good faith can change a value of this type.

    Types that are not known to be immutable, those with hooks of the user's own among them, count as mutable.
    """
    return _is_immutable(hint, frozenset())


def _is_immutable(hint: Hint, above: frozenset[Hint]) -> bool:
    inner = bare(hint)
    cls = origin(inner)
    if inner in above or scalar_of(cls) is not None or cls is Literal or is_enum(inner):
        return True
    above |= {inner}
    if len(members(inner)) > 1:
        return all(_is_immutable(member, above) for member in members(inner))
    if cls in _IMMUTABLE:
        return all(each is Ellipsis or _is_immutable(each, above) for each in get_args(inner) or (object,))
    if is_model(inner) and is_frozen(cast("type", cls)):  # a model's origin is a class
        return all(field.read is None and _is_immutable(field.hint, above) for field in fields_of(inner))
    return False


def is_frozen(cls: type) -> bool:
    """Whether a class was declared frozen, as dataclasses and attrs mark it."""
    if is_dataclass(cls):
        parameters: object = getattr(cls, "__dataclass_params__", None)
        return getattr(parameters, "frozen", False) is True
    # attrs has no other sign for it in its older versions.
    return getattr(cls.__setattr__, "__name__", None) == "_frozen_setattrs"
