"""The hook factories, and which of them a type gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import RLock
from types import NoneType
from typing import Final, Literal, Never, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import (
    KEY_TAGS,
    SCALARS,
    Scalar,
    is_named_scalar,
    read_plain,
    scalar_of,
    write_plain,
)
from streamfn._conversion.composites import (
    EPOCHS,
    ReadByCattrs,
    ReadChoice,
    ReadField,
    ReadList,
    ReadMap,
    ReadModel,
    ReadSet,
    ReadTuple,
    WriteModel,
    epoch_of,
    read_by_cattrs,
    write_by_cattrs,
    write_choice,
    write_list,
    write_map,
    write_set_of,
    write_tuple,
)
from streamfn._conversion.hints import (
    LISTS,
    MAPS,
    SETS,
    UNTYPED,
    Hint,
    bare,
    is_alias,
    is_enum,
    is_model,
    members,
    name_of_type,
    origin,
    peeled,
    tags_of,
)
from streamfn._conversion.hooks import Composite, Hooks, Part, Place, StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField, fields_of
from streamfn._conversion.unions import Member, ReadUnion, write_union
from streamfn._errors import Misuse

# Type aliases that lead back to themselves, as that of JSON does: their hooks are given once they are built.


class ReadAlias(Composite):
    """Structures what a type alias stands for. `is_used`: it has been found while that was being built."""

    __slots__ = ("hint", "hook", "is_used")

    hint: Hint
    hook: StructureHook

    def __init__(self) -> None:
        self.is_used = False

    def resolve(self, hook: StructureHook, hint: Hint) -> None:
        """Take the hook of what the alias stands for."""
        self.hook, self.hint = hook, hint

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.hook(value, self.hint)

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        yield Part(self.hook, self.hint, value, place)


class WriteAlias:
    """Unstructures what a type alias stands for."""

    __slots__ = ("_hook",)

    def resolve(self, hook: UnstructureHook) -> None:
        """Take the hook of what the alias stands for."""
        self._hook = hook

    def __call__(self, value: object) -> object:
        """Give the attribute value."""
        return self._hook(value)


# Finding the hooks of a type: those of a converter, those that cattrs' own functions make, and those being
# built.
#
# A model that refers to itself finds its own hook while that is still being built.

_lock: Final = RLock()
_building: Final[dict[tuple[int, Hint], ReadModel | ReadAlias]] = {}
_building_writers: Final[dict[tuple[int, Hint], WriteModel | WriteAlias]] = {}
"""What is being built, by where hooks are found: models and aliases that refer to themselves are found here."""

_DEEPEST: Final = 16
"""How deep a generic model or alias may stand within itself, each time with other arguments."""

_OURS: Final = (
    read_plain,
    *(scalar.read for _, scalar in EPOCHS),
    *(scalar.read for scalar in SCALARS),
)
"""The hooks that are plain functions."""


def reader(hint: Hint, hooks: Hooks) -> StructureHook:
    """Find the hook that structures a type. Fails with `Misuse` if there is none."""
    if (building := _building.get((id(hooks), hint))) is not None:
        if isinstance(building, ReadAlias):
            building.is_used = True
        return building
    hook = hooks.get_structure_hook(hint)
    is_a_scalars = any(hook is scalar.read for scalar in SCALARS)
    if is_a_scalars and isinstance(hint, type) and scalar_of(hint) is None:
        return _reader_of_subclass(hint)
    return read_by_cattrs(hint, hook)


def writer(hint: Hint, hooks: Hooks) -> UnstructureHook:
    """Find the hook that unstructures a type. Fails with `Misuse` if there is none."""
    if (building := _building_writers.get((id(hooks), hint))) is not None:
        return building
    return write_by_cattrs(hint, hooks.get_unstructure_hook(hint))


def model_fields(model: Hint, hooks: Hooks) -> tuple[ModelField, ...]:
    """List the fields of a model, renamed as the hook for it says."""
    # What cattrs' own functions make is never built here, so that a model being built has no overrides.
    building = _building.get((id(hooks), model))
    hook: object = building or hooks.get_structure_hook(model)
    overrides: dict[str, object] = getattr(hook, "overrides", {})
    renamed = {name: getattr(override, "rename", None) for name, override in overrides.items()}
    left_out = {name for name, override in overrides.items() if getattr(override, "omit", None)}
    return tuple(
        field._replace(attribute=renamed.get(field.name) or field.attribute)
        for field in fields_of(model)
        if field.name not in left_out
    )


def is_ours(hook: StructureHook) -> bool:
    """Whether a hook reads what the type's tags say; one of the user's own may read anything."""
    return isinstance(hook, Composite | ReadChoice | ReadByCattrs) or any(hook is each for each in _OURS)


def read_model(model: Hint, hooks: Hooks) -> StructureHook:
    """Make the hook that structures a model. Fails with `Misuse` for an abstract one."""
    key = (id(hooks), model)
    cls = cast("type", origin(model))  # a model's origin is a class
    if abstract := sorted(cast("Iterable[str]", getattr(cls, "__abstractmethods__", ()))):
        raise Misuse(
            f"{cls.__name__} is abstract, nothing can be made of it without {', '.join(abstract)}: name the classes "
            "that have that, or a union of them"
        )
    with _lock:
        _check_depth(model, _building)
        hook = _building[key] = ReadModel(cls, forbids=hooks.forbid_extra_keys)
        try:
            hook.resolve([_read_field(model, field, hooks) for field in fields_of(model)])
        finally:
            del _building[key]
    return hook


def write_model(model: Hint, hooks: Hooks) -> UnstructureHook:
    """Make the hook that unstructures a model."""
    key = (id(hooks), model)
    with _lock:
        hook = _building_writers[key] = WriteModel(name_of_type(model))
        try:
            hook.resolve([(field, field.write or writer(field.hint, hooks)) for field in fields_of(model)])
        finally:
            del _building_writers[key]
    return hook


def read_alias(alias: Hint, hooks: Hooks) -> StructureHook:
    """Find the hook that structures what a type alias stands for; one that leads back to itself has its own."""
    key = (id(hooks), alias)
    with _lock:
        _check_depth(alias, _building)
        found = _building[key] = ReadAlias()
        try:
            hook = reader(peeled(alias), hooks)
        finally:
            del _building[key]
        found.resolve(hook, peeled(alias))
    return found if found.is_used else hook


def write_alias(alias: Hint, hooks: Hooks) -> UnstructureHook:
    """Find the hook that unstructures what a type alias stands for."""
    key = (id(hooks), alias)
    with _lock:
        found = _building_writers[key] = WriteAlias()
        try:
            found.resolve(writer(peeled(alias), hooks))
        finally:
            del _building_writers[key]
    return found


def _check_depth(hint: Hint, building: Mapping[tuple[int, Hint], object]) -> None:
    """Refuse a generic type that holds itself with ever more arguments, whose hooks would have no end."""
    if sum(origin(each) == origin(hint) for _, each in building) >= _DEEPEST:
        raise Misuse(f"{getattr(origin(hint), '__name__', hint)} holds itself with ever longer arguments")


def unsupported(hint: Hint) -> Misuse:
    """Make the error for a type that there is no hook for."""
    return Misuse(
        f"{name_of_type(hint)} is not supported: use a supported type, or register hooks for it on a converter"
    )


def unwritable(hint: Hint) -> Misuse:
    """Make the error for a type that a user's hook reads, where it is to be written and nothing says how."""
    return Misuse(
        f"nothing says how {name_of_type(hint)} is written: register an unstructure hook for it on the converter"
    )


def _reader_of_subclass(hint: type) -> StructureHook:
    """Make the hook of an Enum that is a `str`, say; cattrs takes the hook of `str` for all its subclasses."""
    if is_enum(hint):
        return ReadChoice(hint)
    raise unsupported(hint)


def _read_field(model: Hint, field: ModelField, hooks: Hooks) -> ReadField:
    try:
        optional = NoneType in map(bare, members(field.hint))
        return ReadField(field, field.read or reader(field.hint, hooks), optional=optional)
    except Misuse as misuse:
        raise Misuse(f"{name_of_type(origin(model))}.{field.name}: {misuse}") from None


# Which kind of type gets which hooks: a pair of factories for each kind.


def _members(hint: Hint, hooks: Hooks) -> list[Member]:
    return [_member(each, hooks) for each in members(hint)]


def _member(hint: Hint, hooks: Hooks) -> Member:
    read = reader(hint, hooks)
    return Member(
        hint,
        read,
        writer(hint, hooks),
        tags_of(hint) if is_ours(read) else frozenset(),
        model_fields(bare(hint), hooks) if is_model(bare(hint)) else (),
    )


def _arguments(hint: Hint) -> tuple[Hint, ...]:
    """The type arguments of a container; where none are given, its contents are untyped."""
    return get_args(hint) or (object,)


def _is_homogeneous_tuple(hint: Hint) -> bool:
    return origin(hint) is tuple and (not get_args(hint) or get_args(hint)[-1] is Ellipsis)


def _read_list(hint: Hint, hooks: Hooks) -> StructureHook:
    element = _arguments(hint)[0]
    return ReadList(element, reader(element, hooks), LISTS.get(origin(hint), tuple))


def _write_list(hint: Hint, hooks: Hooks) -> UnstructureHook:
    return write_list(writer(_arguments(hint)[0], hooks))


def _read_tuple(hint: Hint, hooks: Hooks) -> StructureHook:
    return ReadTuple([(element, reader(element, hooks)) for element in get_args(hint)])


def _write_tuple(hint: Hint, hooks: Hooks) -> UnstructureHook:
    return write_tuple([writer(element, hooks) for element in get_args(hint)])


def _read_set(hint: Hint, hooks: Hooks) -> StructureHook:
    element = _arguments(hint)[0]
    if not tags_of(element) & KEY_TAGS:
        raise Misuse(
            f"{name_of_type(hint)} is not supported: DynamoDB's sets hold text, numbers or binary; use a tuple or list"
        )
    return ReadSet(element, reader(element, hooks), SETS[origin(hint)])


def _write_set(hint: Hint, hooks: Hooks) -> UnstructureHook:
    return write_set_of(writer(_arguments(hint)[0], hooks))


def _read_map(hint: Hint, hooks: Hooks) -> StructureHook:
    key, entry = get_args(hint) or (str, object)
    if tags_of(key) != frozenset({"S"}):
        raise Misuse(f"{name_of_type(hint)} is not supported: the keys of a map are text")
    return ReadMap(key, reader(key, hooks), entry, reader(entry, hooks))


def _write_map(hint: Hint, hooks: Hooks) -> UnstructureHook:
    key, entry = get_args(hint) or (str, object)
    return write_map(writer(key, hooks), writer(entry, hooks))


def _read_layered(hint: Hint, hooks: Hooks) -> StructureHook:
    scalar = epoch_of(hint)
    return reader(peeled(hint), hooks) if scalar is None else scalar.read


def _write_layered(hint: Hint, hooks: Hooks) -> UnstructureHook:
    scalar = epoch_of(hint)
    return writer(peeled(hint), hooks) if scalar is None else scalar.write


def _read_choice(hint: Hint, _: Hooks) -> StructureHook:
    return ReadChoice(hint)


def _write_choice(_hint: Hint, _: Hooks) -> UnstructureHook:
    return write_choice


def _read_union(hint: Hint, hooks: Hooks) -> StructureHook:
    # cattrs keeps the hooks of unions apart, and asks for them after all others.
    given: Mapping[Hint, StructureHook] = getattr(hooks, "_union_struct_registry", {})
    if hint in given:
        return given[hint]
    return ReadUnion(_members(hint, hooks))


def _write_union(hint: Hint, hooks: Hooks) -> UnstructureHook:
    return write_union(_members(hint, hooks))


def _read_untyped(_hint: Hint, _: Hooks) -> StructureHook:
    return read_plain


def _write_untyped(_hint: Hint, _: Hooks) -> UnstructureHook:
    return write_plain


def _read_scalar(hint: Hint, _: Hooks) -> StructureHook:
    return _scalar(hint).read


def _write_scalar(hint: Hint, _: Hooks) -> UnstructureHook:
    return _scalar(hint).write


def _scalar(hint: Hint) -> Scalar:
    scalar = scalar_of(hint)
    assert scalar is not None  # noqa: S101 (is_named_scalar has said so)
    return scalar


def _refuse(hint: Hint, _: Hooks) -> Never:
    raise unsupported(hint)


def _refuse_to_write(hint: Hint, _: Hooks) -> UnstructureHook:
    """Make the hook of a type that can only be read, for all that is known; nothing is refused before it is called."""

    def refuse(_value: object) -> Never:
        raise unwritable(hint)

    return refuse


KINDS: Final[
    Sequence[
        tuple[
            Callable[[Hint], bool],
            Callable[[Hint, Hooks], StructureHook],
            Callable[[Hint, Hooks], UnstructureHook],
        ]
    ]
] = (
    (lambda _: True, _refuse, _refuse_to_write),
    (is_named_scalar, _read_scalar, _write_scalar),
    (lambda hint: hint in UNTYPED, _read_untyped, _write_untyped),
    (is_model, read_model, write_model),
    (lambda hint: origin(hint) in MAPS, _read_map, _write_map),
    (lambda hint: origin(hint) in SETS, _read_set, _write_set),
    (lambda hint: origin(hint) is tuple, _read_tuple, _write_tuple),
    (lambda hint: origin(hint) in LISTS or _is_homogeneous_tuple(hint), _read_list, _write_list),
    (is_enum, _read_choice, _write_choice),
    (lambda hint: origin(hint) is Literal, _read_choice, _write_choice),
    (lambda hint: peeled(hint) is not hint, _read_layered, _write_layered),
    (lambda hint: len(members(hint)) > 1, _read_union, _write_union),
    (is_alias, read_alias, write_alias),
)
"""From the general to the particular: cattrs asks those that come last first."""


# The hooks of a table that has no converter of its own.
#
# They are the ones that `configure_converter` teaches a cattrs converter. Found here, they need no cattrs,
# whose import would cost a cold start more than all the rest does.


class StandardHooks:
    """Finds the hooks for all types that a model may have. Fails with `Misuse` for any other type."""

    __slots__ = ("_structure_hooks", "_unstructure_hooks", "forbid_extra_keys")

    def __init__(self, *, forbid_extra_keys: bool) -> None:
        self.forbid_extra_keys = forbid_extra_keys
        # A union asks for both hooks of each member: without these, unions in one another take twice as long a level.
        self._structure_hooks: dict[Hint, StructureHook] = {}
        self._unstructure_hooks: dict[Hint, UnstructureHook] = {}

    def get_structure_hook(self, hint: Hint, /) -> StructureHook:
        """Return the hook that structures a type; a type has one, wherever it stands."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.read
        hook = self._structure_hooks.get(hint)
        if hook is None:
            make = next(reader_for for is_of_kind, reader_for, _ in reversed(KINDS) if is_of_kind(hint))
            hook = self._structure_hooks[hint] = make(hint, self)
        return hook

    def get_unstructure_hook(self, hint: Hint, /) -> UnstructureHook:
        """Return the hook that unstructures a type."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.write
        hook = self._unstructure_hooks.get(hint)
        if hook is None:
            make = next(writer_for for is_of_kind, _, writer_for in reversed(KINDS) if is_of_kind(hint))
            hook = self._unstructure_hooks[hint] = make(hint, self)
        return hook
