"""Finding the hooks of a type: those of a converter, those that cattrs' own functions make, and those being built.

A model that refers to itself finds its own hook while that is still being built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import RLock
from types import NoneType
from typing import Final, cast

from streamfn._conversion.aliases import ReadAlias, WriteAlias
from streamfn._conversion.choices import ReadChoice
from streamfn._conversion.classes import (
    ReadByCattrs,
    ReadField,
    ReadModel,
    WriteModel,
    read_by_cattrs,
    write_by_cattrs,
)
from streamfn._conversion.epochs import EPOCHS
from streamfn._conversion.hooks import Hooks, StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField, fields_of
from streamfn._conversion.plain import read_plain
from streamfn._conversion.problems import Composite
from streamfn._conversion.scalars import SCALARS, scalar_of
from streamfn._conversion.types import Hint, bare, is_enum, members, name_of_type, origin, peeled
from streamfn._misuse import Misuse

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
