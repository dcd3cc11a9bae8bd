"""Models: the fields of a dataclass, attrs class or TypedDict, and which of them are keys."""

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

from streamfn._conversion.attribute_values import KEY_TAGS, KeyTag, scalar_of
from streamfn._conversion.hints import (
    Attribute,
    Hint,
    PartitionKey,
    SortKey,
    TimeToLive,
    annotations_in,
    arguments_of,
    bare,
    completed,
    given_for,
    is_attrs,
    is_dataclass,
    is_enum,
    is_model,
    is_typed_dict,
    members,
    origin,
    peeled,
    says,
    substituted,
    tags_of,
    variables_in,
    with_defaults,
    with_self,
)
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._errors import Misuse

# Overrides: what cattrs' ``override(…)`` says of a field, where it stands in the field's type.
#
# cattrs has known ``Annotated[int, override(rename="n")]`` since its version 26.1, for the functions that it
# makes.


class Override(NamedTuple):
    """What cattrs' own ``AttributeOverride`` has, of which no instance is made here, as that would load cattrs."""

    omit_if_default: bool | None = None
    rename: str | None = None
    omit: bool | None = None
    struct_hook: StructureHook | None = None
    unstruct_hook: UnstructureHook | None = None


def without_overrides(place: str, hint: Hint) -> tuple[Hint, Override]:
    """Take the override of a field off its type. Fails with `Misuse`, naming the place, if there are two."""
    rest, found = _split(hint)
    if len(found) > 1:
        raise Misuse(f"{place} has two overrides: write one")
    return rest, found[0] if found else Override()


def is_override_within(hint: Hint) -> bool:
    """Whether an override stands somewhere within a type: on an element of a list, or a member of a union."""
    if get_origin(hint) is Annotated and any(map(_is_override, get_args(hint)[1:])):
        return True
    return any(map(is_override_within, get_args(hint)))


def _split(hint: Hint) -> tuple[Hint, list[Override]]:
    """Part a type from the overrides in its outer layers."""
    if (inner := peeled(hint)) is hint:
        return hint, []
    rest, found = _split(inner)
    if get_origin(hint) is not Annotated:
        # What is left of an alias, or of Required, is what it stands for.
        return (rest, found) if found else (hint, found)
    said = get_args(hint)[1:]
    own = [cast("Override", each) for each in said if _is_override(each)]
    if not own and not found:
        return hint, found
    kept = [each for each in said if not _is_override(each)]
    return Annotated[(rest, *kept)] if kept else rest, [*own, *found]


def _is_override(said: object) -> bool:
    cls = type(said)
    return cls.__name__ == "AttributeOverride" and cls.__module__.partition(".")[0] == "cattrs"


# Models: the classes that stand for items, and for maps within them, as a list of their fields.
#
# A model is a dataclass, an attrs class or a TypedDict. Its annotations are resolved here, with ``Annotated``
# kept and the type variables of a generic model replaced, since cattrs loses both where annotations are text
# (PEP 563).

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


# The keys and the time to live of a table, as its model marks them.


class KeyAttribute(NamedTuple):
    """An attribute that is a key, by its name and its type tag: S, N or B."""

    name: str
    tag: KeyTag


class TableKeys(NamedTuple):
    """What a model marks: its partition key, its sort key and its time to live, each None if it marks none."""

    partition: KeyAttribute | None
    sort: KeyAttribute | None
    time_to_live: str | None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """The key attributes, the partition key first."""
        return tuple(key for key in (self.partition, self.sort) if key is not None)


def keys_of(model: str, fields: Iterable[ModelField]) -> TableKeys:
    """Find the marked fields of a model.

    Fails with `Misuse`, naming the field, if a mark stands twice, or on a type that DynamoDB does not allow
    there.
    """
    fields = tuple(fields)
    partition, sort = (_key(model, fields, marker) for marker in (PartitionKey, SortKey))
    if sort is not None and partition is None:
        raise Misuse(f"{model} marks a SortKey and no PartitionKey: a table has a partition key first")
    expiry = _marked(model, fields, TimeToLive)
    if expiry is not None and tags_of(expiry.hint) - {"NULL"} != frozenset({"N"}):
        raise Misuse(f"{model}.{expiry.name} is marked TimeToLive: make it a datetime or an int")
    return TableKeys(partition, sort, expiry.attribute if expiry else None)


def _key(model: str, fields: Iterable[ModelField], marker: type) -> KeyAttribute | None:
    field = _marked(model, fields, marker)
    if field is None:
        return None
    tags = tags_of(field.hint)
    if len(tags & KEY_TAGS) != 1 or tags - KEY_TAGS:
        raise Misuse(
            f"{model}.{field.name} is marked {marker.__name__}: a key is text, a number or binary, and no other"
        )
    (tag,) = tags
    return KeyAttribute(field.attribute, cast("KeyTag", tag))  # one of KEY_TAGS, as was checked


def _marked(model: str, fields: Iterable[ModelField], marker: type) -> ModelField | None:
    marked = [field for field in fields if says(annotations_in(field.hint), marker)]
    if len(marked) > 1:
        raise Misuse(
            f"{model}.{marked[0].name} and .{marked[1].name} are both marked {marker.__name__}: mark one"
        )
    return marked[0] if marked else None


# Filling: making an instance of a dataclass without calling it, which for a frozen one takes a third of all
# time.
#
# What is filled is a `twin` of the class, which becomes an instance of the class itself once that is done.


def is_fillable(cls: type) -> bool:
    """Whether calling a class does no more than to set the fields that it is given.

    That is so for a dataclass without a method of its own that takes part in it, a metaclass, or fields that it
    computes.
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


def fills_all(cls: type, names: Iterable[str]) -> bool:
    """Whether these are all fields of a dataclass; one that a model leaves out gets its default by a call."""
    return {*names} >= {field.name for field in dataclasses.fields(cls)}


def default_of(cls: type, name: str) -> tuple[object, bool]:
    """Find the default of a dataclass's field, and whether it is to be called to give one."""
    (field,) = (each for each in dataclasses.fields(cls) if each.name == name)
    if field.default_factory is dataclasses.MISSING:
        return field.default, False
    return field.default_factory, True


def _method(cls: type, name: str) -> object:
    """A method of a class, which the checkers take for one that differs from object's."""
    return getattr(cls, name)


def _is_generated(cls: type, name: str) -> bool:
    """Whether `dataclass` has made a method of a class: it is compiled within a function of that purpose."""
    method = _method(cls, name)
    return (
        isinstance(method, FunctionType) and method.__code__.co_qualname == f"__create_fn__.<locals>.{name}"
    )


def _computes(cls: type, field: str) -> bool:
    """Whether setting a field calls a descriptor of the class's own."""
    found: object = next((vars(each)[field] for each in cls.__mro__ if field in vars(each)), None)
    return hasattr(type(found), "__set__") and not isinstance(found, MemberDescriptorType)
