"""Models: fields of dataclasses, attrs classes and TypedDicts, overrides, keys, and instances without ``__init__``."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import re
import sys
from collections import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import FunctionType, MemberDescriptorType
from typing import (
    Annotated,
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

from streamfn._conversion.attribute_values import KEY_TAGS, scalar_of
from streamfn._conversion.hints import (
    Attribute,
    Hint,
    PartitionKey,
    SortKey,
    TimeToLive,
    arguments_of,
    bind_variables,
    fill_variables,
    has_marker,
    is_attrs,
    is_dataclass,
    is_enum,
    is_model,
    is_typed_dict,
    metadata_of,
    origin,
    substitute,
    tags_of,
    union_members,
    unwrap,
    unwrap_once,
    variables_in,
    with_defaults,
    with_self,
)
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._errors import ConfigurationError
from streamfn._records import KeyAttribute, KeyTag

# Overrides: cattrs' ``override(…)`` in the type of a field, ``Annotated[int, override(rename="n")]``. cattrs supports
# these since its version 26.1, for the functions that it generates.


class Override(NamedTuple):
    """The attributes of cattrs' ``AttributeOverride``, for fields without one; cattrs need not be loaded for it."""

    omit_if_default: bool | None = None
    rename: str | None = None
    omit: bool | None = None
    struct_hook: StructureHook | None = None
    unstruct_hook: UnstructureHook | None = None


def split_override(place: str, hint: Hint) -> tuple[Hint, Override]:
    """Return the type of a field without its override, and the override.

    Raises `ConfigurationError`, naming `place`, for two.
    """
    rest, overrides = _split_overrides(hint)
    if len(overrides) > 1:
        raise ConfigurationError(f"{place} has two overrides: write one")
    return rest, overrides[0] if overrides else Override()


def is_override_within(hint: Hint) -> bool:
    """Whether an override is on a part of a type: on an element of a list, or on a member of a union."""
    if get_origin(hint) is Annotated and any(map(_is_override, get_args(hint)[1:])):
        return True
    return any(map(is_override_within, get_args(hint)))


def _split_overrides(hint: Hint) -> tuple[Hint, list[Override]]:
    """Return a type without the overrides in its outer layers, and those overrides."""
    if (inner := unwrap_once(hint)) is hint:
        return hint, []
    rest, overrides = _split_overrides(inner)
    if get_origin(hint) is not Annotated:
        # An alias, or Required, leaves the type within it.
        return (rest, overrides) if overrides else (hint, overrides)
    metadata = get_args(hint)[1:]
    own = [cast("Override", each) for each in metadata if _is_override(each)]
    if not own and not overrides:
        return hint, overrides
    others = [each for each in metadata if not _is_override(each)]
    return Annotated[(rest, *others)] if others else rest, [*own, *overrides]


def _is_override(metadata: object) -> bool:
    """Whether ``override(…)`` returned an object; where cattrs is not loaded, no object is one."""
    cattrs = sys.modules.get("cattrs")
    return cattrs is not None and isinstance(metadata, type(cattrs.override()))


# Models: the classes of items, and of maps within items, as a list of fields.
#
# A model is a dataclass, an attrs class or a TypedDict. Its annotations are resolved here, with ``Annotated``
# and with the type variables of a generic model replaced, since cattrs loses both where annotations are text (PEP 563).

_NOTHING: Final = object()
_EMPTY: Final = frozenset[object]()
_IMMUTABLE: Final = frozenset[Hint]({tuple, frozenset, abc.Sequence, abc.Set})
"""The types of containers that are immutable, or of which immutable ones are made."""


class ModelField(NamedTuple):
    """A field of a model, its type, and the name of its attribute.

    `parameter` is the name of the class's parameter. A `required` field has no default. `omitted` holds a default that
    is not stored: None or an empty set, which DynamoDB does not store, or the default of a field with cattrs'
    ``override(omit_if_default=True)``. The hooks are those of such an override, for this field alone.
    """

    name: str
    parameter: str
    hint: Hint
    attribute: str
    required: bool
    omitted: tuple[object, ...] = ()
    structure_hook: StructureHook | None = None
    unstructure_hook: UnstructureHook | None = None


class _Default(NamedTuple):
    """The default of a field: a value, a factory of values, or the object `missing` for a field without a default."""

    value: object
    missing: object
    is_factory: bool = False
    takes_self: bool = False


def fields_of(model: Hint) -> tuple[ModelField, ...]:
    """Return the fields of a model in the order of their declaration, without those of ``override(omit=True)``.

    Raises `ConfigurationError`, naming the field, if a type cannot be resolved or two fields have one attribute.
    """
    cls = cast("type", origin(model))  # a model's origin is a class
    fields = tuple(_declared_fields(cls, _Hints(cls, model)))
    taken: dict[str, str] = {}
    for field in fields:
        if (other := taken.setdefault(field.attribute, field.name)) != field.name:
            raise ConfigurationError(
                f"{cls.__name__}.{field.name} and .{other} are both stored as {field.attribute!r}"
            )
    return fields


class _Hints:
    """The types of a model's fields, with its type variables and ``Self`` replaced."""

    def __init__(self, cls: type, model: Hint) -> None:
        self._cls, self._model = cls, model
        self._hints = _hints(cls, get_args(model))

    def __iter__(self) -> Iterator[str]:
        return iter(self._hints)

    def __getitem__(self, name: str) -> Hint:
        return self.get(name, self._hints[name])

    def get(self, name: str, otherwise: Hint) -> Hint:
        """Return the type of a field; `otherwise` is the type of a field without an annotation."""
        hint = self._hints.get(name, otherwise)
        try:
            is_free, advice = self._advice(hint)
            resolved = with_self(fill_variables(hint, advice, is_free=is_free), self._model)
            metadata_of(resolved)  # which evaluates its aliases
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._cls.__name__}.{name}: {error}") from None
        return resolved

    def _advice(self, hint: Hint) -> tuple[bool, str]:
        """Return whether the type variables of a type may be any type, and the advice for one without an argument.

        They may not where the arguments are unknown: before Python 3.12, a TypedDict forgets its bases.
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
        """Return the type of a field with its remaining type variables."""
        return self._hints.get(name)


def _declared_fields(cls: type, hints: _Hints) -> Iterator[ModelField]:
    if is_dataclass(cls):
        for name in hints:
            if isinstance(hints.as_declared(name), dataclasses.InitVar):
                raise ConfigurationError(
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
    """Yield a field, unless its override omits it."""
    place = f"{cls.__name__}.{name}"
    if hint is Final:
        if default.value is default.missing or default.is_factory:
            raise ConfigurationError(f"{place} is Final of no type: write Final[…]")
        hint = type(default.value)
    hint, override = split_override(place, hint)
    if is_override_within(hint):
        raise ConfigurationError(
            f"{place}: override(…) is for a field as a whole: write Annotated[…, override(…)] around its type"
        )
    is_required = default.value is default.missing
    if (override.omit or override.omit_if_default) and (key := _key_mark(hint)):
        raise ConfigurationError(
            f"{place} is marked {key}, and no item is without its keys: take its override(…) off"
        )
    if override.omit:
        if is_required:
            raise ConfigurationError(f"{place} is left out by override(omit=True), and has no default")
        return
    yield ModelField(
        name=name,
        parameter=parameter,
        hint=hint,
        attribute=_attribute(place, name, hint, override),
        required=is_required,
        omitted=_omitted(place, default, override),
        structure_hook=override.struct_hook,
        unstructure_hook=override.unstruct_hook,
    )


def _key_mark(hint: Hint) -> str | None:
    """Return the marker by which a field is a key; None for any other field."""
    metadata = metadata_of(hint)
    return next((mark.__name__ for mark in (PartitionKey, SortKey) if has_marker(metadata, mark)), None)


def _attribute(place: str, name: str, hint: Hint, override: Override) -> str:
    """Return the name of a field's attribute."""
    names = [each.name for each in metadata_of(hint) if isinstance(each, Attribute)]
    if override.rename is not None:
        names.append(override.rename)
    if "" in names:
        raise ConfigurationError(
            f"{place} has an empty name for its attribute: DynamoDB has none without a character"
        )
    if len({*names}) > 1:
        raise ConfigurationError(
            f"{place} has two names for its attribute, {names[0]!r} and {names[1]!r}: write one"
        )
    return names[0] if names else name


def _omitted(place: str, default: _Default, override: Override) -> tuple[object, ...]:
    """Return the default that is not stored, if there is one."""
    value = default.value
    if value is default.missing or override.omit_if_default is False:
        return ()
    if override.omit_if_default:
        if default.takes_self:
            raise ConfigurationError(
                f"{place}: override(omit_if_default=True) is for a default that is the same for all items"
            )
        return (cast("Callable[[], object]", value)() if default.is_factory else value,)
    is_empty_set = value is set or value is frozenset or (isinstance(value, AbstractSet) and not value)
    return (None,) if value is None else (_EMPTY,) if is_empty_set else ()


def _check_left_out(cls: type, name: str, hint: Hint) -> None:
    """Check a field with ``init=False``, which is neither structured nor unstructured."""
    _, override = split_override(f"{cls.__name__}.{name}", hint)
    if override.omit is False:
        raise ConfigurationError(
            f"{cls.__name__}.{name} has init=False, so that it cannot be read: override(omit=False) is not supported"
        )


def _is_required(hint: Hint, *, otherwise: bool) -> bool:
    """Whether a TypedDict's key is required; the qualifier may be within others."""
    while get_origin(hint) not in {Required, NotRequired}:
        if (inner := unwrap_once(hint)) is hint:
            return otherwise
        hint = inner
    return get_origin(hint) is Required


def _hints(cls: type, arguments: Sequence[Hint]) -> dict[str, Hint]:
    """Return the resolved annotations of a class and its bases, with the arguments for their type variables."""
    given = bind_variables(getattr(cls, "__parameters__", ()), arguments)
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
    return hints | {name: substitute(with_defaults(resolved[name]), given) for name in own}


def _resolved(cls: type) -> Mapping[str, Hint]:
    try:
        return get_type_hints(cls, None, _names_in(cls), include_extras=True)
    except Exception as error:  # noqa: BLE001 (an annotation is code of the user, and may raise anything)
        raise _unresolved(cls, error) from None


def _unresolved(cls: type, error: Exception) -> ConfigurationError:
    """Return the error for annotations that cannot be evaluated, which names the field."""
    # Python 3.14 evaluates annotations at access. This format leaves names that cannot be found as they are.
    annotations: Mapping[str, object] = get_annotations(cls, format=Format.FORWARDREF)
    if isinstance(error, NameError | AttributeError) and error.name:
        word = re.compile(rf"\b{re.escape(error.name)}\b")
        names = [name for name, annotation in annotations.items() if word.search(str(annotation))]
        problem = (
            f"the type {error.name!r} cannot be found; define it, and the model, at the top of a module "
            "rather than in a function, and import it outside of `if TYPE_CHECKING`"
        )
    else:
        names = [name for name, annotation in annotations.items() if not _can_resolve(cls, annotation)]
        problem = f"its annotation is no type: evaluating it raises {type(error).__name__}"
    return ConfigurationError(f"{cls.__name__}.{names[0] if names else 'a field of a base'}: {problem}")


def _can_resolve(cls: type, annotation: object) -> bool:
    alone = type(cls.__name__, (), {"__module__": cls.__module__, "__annotations__": {"field": annotation}})
    try:
        get_type_hints(alone, None, _names_in(cls))
    except Exception:  # noqa: BLE001 (as above)
        return False
    return True


def _names_in(cls: type) -> dict[str, object]:
    """Return the names for annotations of a class, besides those of its module, which go first.

    Python finds the names in the body of a class by itself, but then a function in an annotation does not find its
    module, and before Python 3.12.4 the parameters of a class statement are not found.
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
    """Whether a handler cannot change a value of this type in good faith.

    Types that are not known to be immutable count as mutable, those with hooks of the user included.
    """
    return _is_immutable(hint, frozenset())


def _is_immutable(hint: Hint, above: frozenset[Hint]) -> bool:
    inner = unwrap(hint)
    cls = origin(inner)
    if inner in above or scalar_of(cls) is not None or cls is Literal or is_enum(inner):
        return True
    above |= {inner}
    if len(union_members(inner)) > 1:
        return all(_is_immutable(member, above) for member in union_members(inner))
    if cls in _IMMUTABLE:
        return all(each is Ellipsis or _is_immutable(each, above) for each in get_args(inner) or (object,))
    if is_model(inner) and is_frozen(cast("type", cls)):  # a model's origin is a class
        return all(
            field.structure_hook is None and _is_immutable(field.hint, above) for field in fields_of(inner)
        )
    return False


def is_frozen(cls: type) -> bool:
    """Whether a dataclass or attrs class was declared frozen."""
    if is_dataclass(cls):
        parameters: object = getattr(cls, "__dataclass_params__", None)
        return getattr(parameters, "frozen", False) is True
    # attrs has no other sign for it in its older versions.
    return getattr(cls.__setattr__, "__name__", None) == "_frozen_setattrs"


# The keys and the time to live of a table, by the markers of its model.


class TableKeys(NamedTuple):
    """The partition key, the sort key and the time to live of a model, each None without a marker."""

    partition: KeyAttribute | None
    sort: KeyAttribute | None
    time_to_live: str | None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """The key attributes, the partition key first."""
        return tuple(key for key in (self.partition, self.sort) if key is not None)


def keys_of(model: str, fields: Iterable[ModelField]) -> TableKeys:
    """Return the marked fields of a model.

    Raises `ConfigurationError`, naming the field, for a marker on two fields, or on a type that DynamoDB does not
    allow.
    """
    fields = tuple(fields)
    partition, sort = (_key(model, fields, marker) for marker in (PartitionKey, SortKey))
    if sort is not None and partition is None:
        raise ConfigurationError(
            f"{model} marks a SortKey and no PartitionKey: a table has a partition key first"
        )
    expiry = _marked(model, fields, TimeToLive)
    if expiry is not None and tags_of(expiry.hint) - {"NULL"} != frozenset({"N"}):
        raise ConfigurationError(f"{model}.{expiry.name} is marked TimeToLive: make it a datetime or an int")
    return TableKeys(partition, sort, expiry.attribute if expiry else None)


def _key(model: str, fields: Iterable[ModelField], marker: type) -> KeyAttribute | None:
    field = _marked(model, fields, marker)
    if field is None:
        return None
    tags = tags_of(field.hint)
    if len(tags & KEY_TAGS) != 1 or tags - KEY_TAGS:
        raise ConfigurationError(
            f"{model}.{field.name} is marked {marker.__name__}: a key is text, a number or binary, and no other"
        )
    (tag,) = tags
    return KeyAttribute(field.attribute, cast("KeyTag", tag))  # one of KEY_TAGS, as was checked


def _marked(model: str, fields: Iterable[ModelField], marker: type) -> ModelField | None:
    marked = [field for field in fields if has_marker(metadata_of(field.hint), marker)]
    if len(marked) > 1:
        raise ConfigurationError(
            f"{model}.{marked[0].name} and .{marked[1].name} are both marked {marker.__name__}: mark one"
        )
    return marked[0] if marked else None


# Instances of a dataclass without a call of its ``__init__``, which for a frozen one takes a third of all time.
#
# The fields of an instance of an `unguarded` are set, and the instance then becomes one of the class.


def can_skip_init(cls: type) -> bool:
    """Whether a call of a class does no more than set its fields.

    This holds for a dataclass without a metaclass, a method of its own that the call runs, or a field that it computes.
    """
    return (
        is_dataclass(cls)
        and {"__dataclass_params__", "__init__"} <= vars(cls).keys()
        and type(cls) is type
        and _method(cls, "__new__") is object.__new__
        and _is_generated(cls, "__init__")
        and (_method(cls, "__setattr__") is object.__setattr__ or _is_generated(cls, "__setattr__"))
        and not any(hasattr(cls, name) for name in ("__post_init__", "__del__"))
        and not any(
            "__init_subclass__" in vars(each) for each in cls.__mro__ if each not in {Generic, object}
        )
        and all(field.init and not _computes(cls, field.name) for field in dataclasses.fields(cls))
    )


def sets_all_fields(cls: type, names: Iterable[str]) -> bool:
    """Whether these are all fields of a dataclass; a field that a model omits gets its default by a call."""
    return {*names} >= {field.name for field in dataclasses.fields(cls)}


def default_of(cls: type, name: str) -> tuple[object, bool]:
    """Return the default of a dataclass's field, and whether that is a factory."""
    (field,) = (each for each in dataclasses.fields(cls) if each.name == name)
    if field.default_factory is dataclasses.MISSING:
        return field.default, False
    return field.default_factory, True


def _method(cls: type, name: str) -> object:
    """Return a method of a class; type checkers assume that the method differs from object's."""
    return getattr(cls, name)


def _is_generated(cls: type, name: str) -> bool:
    """Whether `dataclass` generated a method of a class: such a method is compiled within a function of dataclasses."""
    method = _method(cls, name)
    return (
        isinstance(method, FunctionType) and method.__code__.co_qualname == f"__create_fn__.<locals>.{name}"
    )


def _computes(cls: type, field: str) -> bool:
    """Whether setting a field calls a descriptor of the class."""
    attribute: object = next((vars(each)[field] for each in cls.__mro__ if field in vars(each)), None)
    return hasattr(type(attribute), "__set__") and not isinstance(attribute, MemberDescriptorType)
