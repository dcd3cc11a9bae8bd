"""Which kind of type gets which hooks: a pair of factories for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Never, get_args

from streamfn._conversion.choices import ReadChoice, write_choice
from streamfn._conversion.containers import (
    ReadList,
    ReadMap,
    ReadSet,
    ReadTuple,
    write_list,
    write_map,
    write_set_of,
    write_tuple,
)
from streamfn._conversion.epochs import epoch_of
from streamfn._conversion.generics import is_alias
from streamfn._conversion.hooks import Hooks, StructureHook, UnstructureHook
from streamfn._conversion.lookup import (
    is_ours,
    model_fields,
    read_alias,
    read_model,
    reader,
    unsupported,
    unwritable,
    write_alias,
    write_model,
    writer,
)
from streamfn._conversion.plain import read_plain, write_plain
from streamfn._conversion.scalars import Scalar, is_named_scalar, scalar_of
from streamfn._conversion.tags import KEY_TAGS
from streamfn._conversion.types import (
    LISTS,
    MAPS,
    SETS,
    UNTYPED,
    Hint,
    bare,
    is_enum,
    is_model,
    members,
    name_of_type,
    origin,
    peeled,
    tags_of,
)
from streamfn._conversion.unions import Member, ReadUnion, write_union
from streamfn._misuse import Misuse


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
