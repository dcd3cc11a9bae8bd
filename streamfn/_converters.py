"""The converter: which hook stands for which type.

It is a cattrs converter like any other, whose hooks read attribute values, ``{"N": "3"}``, and write them. A
hook of the user's own for a type is found wherever that type stands. What cattrs' ``make_dict_structure_fn``
and ``make_dict_unstructure_fn`` make, with their ``override(rename=…)``, gets and gives the attributes of its
model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from types import NoneType
from typing import Final, Literal, Never, cast, get_args

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from streamfn._conversion.choices import ReadChoice, write_choice
from streamfn._conversion.classes import ReadField, ReadModel, WriteModel
from streamfn._conversion.containers import (
    ReadList,
    ReadMap,
    ReadSet,
    ReadTuple,
    entries,
    write_list,
    write_map,
    write_set_of,
    write_tuple,
)
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField, fields_of
from streamfn._conversion.plain import read_plain, write_plain
from streamfn._conversion.scalars import SCALARS, Scalar, epoch
from streamfn._conversion.tags import KEY_TAGS
from streamfn._conversion.types import (
    LISTS,
    MAPS,
    SETS,
    UNTYPED,
    Hint,
    annotations_in,
    bare,
    is_enum,
    is_model,
    members,
    origin,
    peeled,
    says,
    tags_of,
)
from streamfn._conversion.unions import Member, ReadUnion, write_union
from streamfn._markers import EpochMilliseconds, EpochSeconds, TimeToLive
from streamfn._misuse import Misuse

_SECOND: Final = timedelta(seconds=1)
_EPOCHS: Final = (
    (EpochMilliseconds, epoch(timedelta(milliseconds=1))),
    (TimeToLive, epoch(_SECOND, whole=True)),
    (EpochSeconds, epoch(_SECOND)),
)

_lock: Final = RLock()
_building: Final[dict[tuple[int, Hint], ReadModel]] = {}
_building_writers: Final[dict[tuple[int, Hint], WriteModel]] = {}
"""The models that are being built, by converter: where they refer to themselves, they are found here."""


class _Configured:
    """A type that only a configured converter has a hook for."""


def make_converter(*, forbid_extra_keys: bool = False) -> Converter:
    """Make a converter between attribute values and Python values.

    With `forbid_extra_keys`, an image with attributes that the model does not have does not fit.

    >>> make_converter().structure({"L": [{"N": "1"}, {"N": "2"}]}, list[int])
    [1, 2]
    """
    converter = Converter(forbid_extra_keys=forbid_extra_keys)
    configure_converter(converter)
    return converter


def configure_converter(converter: Converter) -> None:
    """Teach a cattrs converter to read and write attribute values; register hooks of your own after that.

    It has hooks then for all types that a model may have, and for no other: those are refused with `Misuse`.
    """
    for cls, scalar in SCALARS.items():
        converter.register_structure_hook(cls, scalar.read)
        converter.register_unstructure_hook(cls, scalar.write)
    for is_of_kind, reader_for, writer_for in _KINDS:  # cattrs asks those that come last first
        converter.register_structure_hook_factory(is_of_kind, reader_for)
        converter.register_unstructure_hook_factory(is_of_kind, writer_for)
    converter.register_structure_hook(_Configured, read_plain)


def is_configured(converter: Converter) -> bool:
    """Whether `configure_converter` has seen a converter."""
    try:
        return converter.get_structure_hook(_Configured) is read_plain
    except StructureHandlerNotFoundError:
        return False


def reader(hint: Hint, converter: Converter) -> StructureHook:
    """Find the hook that structures a type. Fails with `Misuse` if there is none."""
    if (building := _building.get((id(converter), hint))) is not None:
        return building
    # cattrs' own type for a hook takes and gives Any.
    hook = cast("StructureHook", converter.get_structure_hook(hint))
    is_a_scalars = any(hook is scalar.read for scalar in SCALARS.values())
    if is_a_scalars and isinstance(hint, type) and hint not in SCALARS:
        return _reader_of_subclass(hint)
    if is_model(hint) and hasattr(hook, "overrides"):
        return lambda value, hint: hook(entries(value), hint)
    return hook


def writer(hint: Hint, converter: Converter) -> UnstructureHook:
    """Find the hook that unstructures a type. Fails with `Misuse` if there is none."""
    if (building := _building_writers.get((id(converter), hint))) is not None:
        return building
    # cattrs' own type for a hook takes and gives Any.
    hook = cast("UnstructureHook", converter.get_unstructure_hook(hint))
    if is_model(hint) and hasattr(hook, "overrides"):
        return lambda value: {"M": hook(value)}
    return hook


def model_fields(model: Hint, converter: Converter) -> tuple[ModelField, ...]:
    """List the fields of a model, renamed as the converter's hook for it says."""
    # What cattrs' own functions make is never built here, so that a model being built has no overrides.
    building = _building.get((id(converter), model))
    hook: object = building or converter.get_structure_hook(model)
    overrides: dict[str, object] = getattr(hook, "overrides", {})
    renamed = {name: getattr(override, "rename", None) for name, override in overrides.items()}
    return tuple(
        replace(field, attribute=renamed.get(field.name) or field.attribute) for field in fields_of(model)
    )


def _reader_of_subclass(hint: type) -> StructureHook:
    """Make the hook of an Enum that is a `str`, say; cattrs takes the hook of `str` for all its subclasses."""
    if is_enum(hint):
        return ReadChoice(hint)
    raise _unsupported(hint)


def _read_model(model: Hint, converter: Converter) -> StructureHook:
    key = (id(converter), model)
    with _lock:
        hook = _building[key] = ReadModel(
            cast("Callable[..., object]", origin(model)), forbids=converter.forbid_extra_keys
        )
        try:
            hook.resolve([_read_field(model, field, converter) for field in fields_of(model)])
        finally:
            del _building[key]
    return hook


def _read_field(model: Hint, field: ModelField, converter: Converter) -> ReadField:
    try:
        return ReadField(
            field, reader(field.hint, converter), optional=NoneType in map(bare, members(field.hint))
        )
    except Misuse as misuse:
        raise Misuse(f"{_name(origin(model))}.{field.name}: {misuse}") from None


def _write_model(model: Hint, converter: Converter) -> UnstructureHook:
    key = (id(converter), model)
    with _lock:
        hook = _building_writers[key] = WriteModel(_name(model))
        try:
            hook.resolve([(field, writer(field.hint, converter)) for field in fields_of(model)])
        finally:
            del _building_writers[key]
    return hook


def _members(hint: Hint, converter: Converter) -> list[Member]:
    return [
        Member(
            member,
            reader(member, converter),
            writer(member, converter),
            model_fields(bare(member), converter) if is_model(bare(member)) else (),
        )
        for member in members(hint)
    ]


def _arguments(hint: Hint) -> tuple[Hint, ...]:
    """The type arguments of a container; where none are given, its contents are untyped."""
    return get_args(hint) or (object,)


def _is_homogeneous_tuple(hint: Hint) -> bool:
    return origin(hint) is tuple and (not get_args(hint) or get_args(hint)[-1] is Ellipsis)


def _read_list(hint: Hint, converter: Converter) -> StructureHook:
    element = _arguments(hint)[0]
    return ReadList(element, reader(element, converter), LISTS.get(origin(hint), tuple))


def _write_list(hint: Hint, converter: Converter) -> UnstructureHook:
    return write_list(writer(_arguments(hint)[0], converter))


def _read_tuple(hint: Hint, converter: Converter) -> StructureHook:
    return ReadTuple([(element, reader(element, converter)) for element in get_args(hint)])


def _write_tuple(hint: Hint, converter: Converter) -> UnstructureHook:
    return write_tuple([writer(element, converter) for element in get_args(hint)])


def _read_set(hint: Hint, converter: Converter) -> StructureHook:
    element = _arguments(hint)[0]
    if not tags_of(element) & KEY_TAGS:
        raise Misuse(
            f"{_name(hint)} is not supported: DynamoDB's sets hold text, numbers or binary; use a tuple or list"
        )
    return ReadSet(element, reader(element, converter), SETS[origin(hint)])


def _write_set(hint: Hint, converter: Converter) -> UnstructureHook:
    return write_set_of(writer(_arguments(hint)[0], converter))


def _read_map(hint: Hint, converter: Converter) -> StructureHook:
    key, entry = get_args(hint) or (str, object)
    if tags_of(key) != frozenset({"S"}):
        raise Misuse(f"{_name(hint)} is not supported: the keys of a map are text")
    return ReadMap(key, reader(key, converter), entry, reader(entry, converter))


def _write_map(hint: Hint, converter: Converter) -> UnstructureHook:
    key, entry = get_args(hint) or (str, object)
    return write_map(writer(key, converter), writer(entry, converter))


def _epoch(hint: Hint) -> Scalar | None:
    """How a datetime is written that is marked to be a number. Fails with `Misuse` for what cannot be one."""
    marked = next((each for each in _EPOCHS if says(annotations_in(hint), each[0])), None)
    if marked is None:
        return None
    marker, scalar = marked
    inner = bare(hint)
    if inner is datetime:
        return scalar
    if marker is TimeToLive or inner is NoneType:  # an int may be a time to live as it is
        return None
    raise Misuse(f"{marker.__name__} is for a datetime, not for {_name(inner)}")


def _read_layered(hint: Hint, converter: Converter) -> StructureHook:
    scalar = _epoch(hint)
    return reader(peeled(hint), converter) if scalar is None else scalar.read


def _write_layered(hint: Hint, converter: Converter) -> UnstructureHook:
    scalar = _epoch(hint)
    return writer(peeled(hint), converter) if scalar is None else scalar.write


def _read_choice(hint: Hint, _: Converter) -> StructureHook:
    return ReadChoice(hint)


def _write_choice(_hint: Hint, _: Converter) -> UnstructureHook:
    return write_choice


def _read_union(hint: Hint, converter: Converter) -> StructureHook:
    return ReadUnion(_members(hint, converter))


def _write_union(hint: Hint, converter: Converter) -> UnstructureHook:
    return write_union(_members(hint, converter))


def _read_untyped(_hint: Hint, _: Converter) -> StructureHook:
    return read_plain


def _write_untyped(_hint: Hint, _: Converter) -> UnstructureHook:
    return write_plain


def _refuse(hint: Hint, _: Converter) -> Never:
    raise _unsupported(hint)


def _unsupported(hint: Hint) -> Misuse:
    return Misuse(
        f"{_name(hint)} is not supported: use a supported type, or register hooks for it on a converter"
    )


def _name(hint: Hint) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)


_KINDS: Final[
    Sequence[
        tuple[
            Callable[[Hint], bool],
            Callable[[Hint, Converter], StructureHook],
            Callable[[Hint, Converter], UnstructureHook],
        ]
    ]
] = (
    (lambda _: True, _refuse, _refuse),
    (lambda hint: hint in UNTYPED, _read_untyped, _write_untyped),
    (is_model, _read_model, _write_model),
    (lambda hint: origin(hint) in MAPS, _read_map, _write_map),
    (lambda hint: origin(hint) in SETS, _read_set, _write_set),
    (lambda hint: origin(hint) is tuple, _read_tuple, _write_tuple),
    (lambda hint: origin(hint) in LISTS or _is_homogeneous_tuple(hint), _read_list, _write_list),
    (is_enum, _read_choice, _write_choice),
    (lambda hint: origin(hint) is Literal, _read_choice, _write_choice),
    (lambda hint: peeled(hint) is not hint, _read_layered, _write_layered),
    (lambda hint: len(members(hint)) > 1, _read_union, _write_union),
)
