"""`HOOK_FACTORIES`, from which cattrs and the `LightConverter` make the hooks of a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import RLock
from types import NoneType
from typing import Final, Literal, Never, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import (
    KEY_TAGS,
    Scalar,
    is_named_scalar,
    scalar_of,
    scalar_of_hook,
    structure_plain,
    unstructure_plain,
)
from streamfn._conversion.composites import (
    FieldHook,
    StructureByCattrs,
    StructureChoice,
    StructureList,
    StructureMap,
    StructureModel,
    StructureSet,
    StructureTuple,
    UnstructureModel,
    epoch_scalar,
    unstructure_choice,
    unstructure_list,
    unstructure_map,
    unstructure_set,
    unstructure_tuple,
)
from streamfn._conversion.hints import (
    LISTS,
    MAPS,
    SETS,
    UNTYPED,
    Hint,
    is_alias,
    is_enum,
    is_model,
    origin,
    tags_of,
    type_name,
    union_members,
    unwrap,
    unwrap_once,
)
from streamfn._conversion.hooks import (
    Child,
    Composite,
    ConverterProtocol,
    Path,
    StructureHook,
    UnstructureHook,
)
from streamfn._conversion.models import ModelField, Override, fields_of
from streamfn._conversion.unions import StructureUnion, UnionMember, unstructure_union
from streamfn._errors import ConfigurationError

# Recursive type aliases, such as that of JSON: their hooks are set once they are built.


class StructureAlias(Composite):
    """Structures the type of a type alias; `is_used` says whether its own hook refers to it."""

    __slots__ = ("hint", "hook", "is_used")

    hint: Hint
    hook: StructureHook

    def __init__(self) -> None:
        self.is_used = False

    def resolve(self, hook: StructureHook, hint: Hint) -> None:
        """Set the hook and the type of the alias."""
        self.hook, self.hint = hook, hint

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.hook(value, self.hint)

    @override
    def children(self, value: object, path: Path) -> Iterator[Child]:
        yield Child(self.hook, self.hint, value, path)


class UnstructureAlias:
    """Unstructures the type of a type alias."""

    __slots__ = ("_hook",)

    def resolve(self, hook: UnstructureHook) -> None:
        """Set the hook of the alias."""
        self._hook = hook

    def __call__(self, value: object) -> object:
        """Return the attribute value."""
        return self._hook(value)


# The hooks of a type: those of a converter, those that cattrs generates, and those that are being built.
#
# A model that refers to itself gets its own hook while that is being built.

_lock: Final = RLock()
_building_structure: Final[dict[tuple[int, Hint], StructureModel | StructureAlias]] = {}
_building_unstructure: Final[dict[tuple[int, Hint], UnstructureModel | UnstructureAlias]] = {}
"""The hooks of models and aliases that are being built, by converter and type."""

_MAX_DEPTH: Final = 16
"""The most generic models or aliases of one name within one another, each with other arguments."""


def structure_hook(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    """Return the hook that structures a type. Raises `ConfigurationError` for a type that is not supported."""
    if (building := _building_structure.get((id(converter), hint))) is not None:
        if isinstance(building, StructureAlias):
            building.is_used = True
        return building
    return converter.get_structure_hook(hint)


def unstructure_hook(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    """Return the hook that unstructures a type."""
    if (building := _building_unstructure.get((id(converter), hint))) is not None:
        return building
    return converter.get_unstructure_hook(hint)


def model_fields(model: Hint, converter: ConverterProtocol) -> tuple[ModelField, ...]:
    """Return the fields of a model, with the names of the overrides with which cattrs generated its hook."""
    # A function that cattrs generates is never built here, so that a model being built has no overrides.
    building = _building_structure.get((id(converter), model))
    hook = building or converter.get_structure_hook(model)
    overrides: Mapping[str, Override] = hook.overrides if isinstance(hook, StructureByCattrs) else {}
    renamed = {name: override.rename for name, override in overrides.items()}
    omitted = {name for name, override in overrides.items() if override.omit}
    return tuple(
        field._replace(attribute=renamed.get(field.name) or field.attribute)
        for field in fields_of(model)
        if field.name not in omitted
    )


def is_builtin_hook(hook: StructureHook) -> bool:
    """Whether a hook structures values of the type's own tags; a hook of the user may structure any value."""
    return (
        isinstance(hook, Composite | StructureChoice | StructureByCattrs)
        or hook is structure_plain
        or scalar_of_hook(hook) is not None
    )


def unsupported(hint: Hint) -> ConfigurationError:
    """Return the error for a type without a hook."""
    return ConfigurationError(
        f"{type_name(hint)} is not supported: use a supported type, or register hooks for it on a converter"
    )


def no_unstructure_hook(hint: Hint) -> ConfigurationError:
    """Return the error for a value of a type for which the user registered a structure hook alone."""
    return ConfigurationError(
        f"nothing says how {type_name(hint)} is written: register an unstructure hook for it on the converter"
    )


# Hook factories, as in cattrs: functions of a type and of a converter that return the hook of the type.


def model_structure_factory(model: Hint, converter: ConverterProtocol) -> StructureHook:
    """Return the hook that structures a model. Raises `ConfigurationError` for an abstract class."""
    key = (id(converter), model)
    cls = cast("type", origin(model))  # a model's origin is a class
    if abstract := sorted(cast("Iterable[str]", getattr(cls, "__abstractmethods__", ()))):
        raise ConfigurationError(
            f"{cls.__name__} is abstract, nothing can be made of it without {', '.join(abstract)}: name the classes "
            "that have that, or a union of them"
        )
    with _lock:
        _check_depth(model, _building_structure)
        hook = _building_structure[key] = StructureModel(cls, forbid_extra_keys=converter.forbid_extra_keys)
        try:
            hook.resolve([_field_hook(model, field, converter) for field in fields_of(model)])
        finally:
            del _building_structure[key]
    return hook


def model_unstructure_factory(model: Hint, converter: ConverterProtocol) -> UnstructureHook:
    """Return the hook that unstructures a model."""
    key = (id(converter), model)
    with _lock:
        hook = _building_unstructure[key] = UnstructureModel(type_name(model))
        try:
            hook.resolve(
                [
                    (field, field.unstructure_hook or unstructure_hook(field.hint, converter))
                    for field in fields_of(model)
                ]
            )
        finally:
            del _building_unstructure[key]
    return hook


def alias_structure_factory(alias: Hint, converter: ConverterProtocol) -> StructureHook:
    """Return the hook that structures the type of a type alias; a recursive alias has a hook of its own."""
    key = (id(converter), alias)
    with _lock:
        _check_depth(alias, _building_structure)
        recursive = _building_structure[key] = StructureAlias()
        try:
            hook = structure_hook(unwrap_once(alias), converter)
        finally:
            del _building_structure[key]
        recursive.resolve(hook, unwrap_once(alias))
    return recursive if recursive.is_used else hook


def alias_unstructure_factory(alias: Hint, converter: ConverterProtocol) -> UnstructureHook:
    """Return the hook that unstructures the type of a type alias."""
    key = (id(converter), alias)
    with _lock:
        hook = _building_unstructure[key] = UnstructureAlias()
        try:
            hook.resolve(unstructure_hook(unwrap_once(alias), converter))
        finally:
            del _building_unstructure[key]
    return hook


def _check_depth(hint: Hint, building: Mapping[tuple[int, Hint], object]) -> None:
    """Raise `ConfigurationError` for a generic type that holds itself with ever more arguments.

    Its hooks would have no end.
    """
    if sum(origin(each) == origin(hint) for _, each in building) >= _MAX_DEPTH:
        raise ConfigurationError(
            f"{getattr(origin(hint), '__name__', hint)} holds itself with ever longer arguments"
        )


def _field_hook(model: Hint, field: ModelField, converter: ConverterProtocol) -> FieldHook:
    try:
        optional = NoneType in map(unwrap, union_members(field.hint))
        hook = field.structure_hook or structure_hook(field.hint, converter)
        return FieldHook(field, hook, optional=optional)
    except ConfigurationError as error:
        raise ConfigurationError(f"{type_name(origin(model))}.{field.name}: {error}") from None


def _union_members(hint: Hint, converter: ConverterProtocol) -> list[UnionMember]:
    return [_union_member(each, converter) for each in union_members(hint)]


def _union_member(hint: Hint, converter: ConverterProtocol) -> UnionMember:
    hook = structure_hook(hint, converter)
    return UnionMember(
        hint,
        hook,
        unstructure_hook(hint, converter),
        tags_of(hint) if is_builtin_hook(hook) else frozenset(),
        model_fields(unwrap(hint), converter) if is_model(unwrap(hint)) else (),
    )


def _arguments(hint: Hint) -> tuple[Hint, ...]:
    """Return the type arguments of a container; a container without arguments holds untyped values."""
    return get_args(hint) or (object,)


def _is_homogeneous_tuple(hint: Hint) -> bool:
    return origin(hint) is tuple and (not get_args(hint) or get_args(hint)[-1] is Ellipsis)


def _list_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    element = _arguments(hint)[0]
    return StructureList(element, structure_hook(element, converter), LISTS.get(origin(hint), tuple))


def _list_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    return unstructure_list(unstructure_hook(_arguments(hint)[0], converter))


def _tuple_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    return StructureTuple([(element, structure_hook(element, converter)) for element in get_args(hint)])


def _tuple_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    return unstructure_tuple([unstructure_hook(element, converter) for element in get_args(hint)])


def _set_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    element = _arguments(hint)[0]
    if not tags_of(element) & KEY_TAGS:
        raise ConfigurationError(
            f"{type_name(hint)} is not supported: DynamoDB's sets hold text, numbers or binary; use a tuple or list"
        )
    return StructureSet(element, structure_hook(element, converter), SETS[origin(hint)])


def _set_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    return unstructure_set(unstructure_hook(_arguments(hint)[0], converter))


def _map_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    key, entry = get_args(hint) or (str, object)
    if tags_of(key) != frozenset({"S"}):
        raise ConfigurationError(f"{type_name(hint)} is not supported: the keys of a map are text")
    return StructureMap(key, structure_hook(key, converter), entry, structure_hook(entry, converter))


def _map_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    key, entry = get_args(hint) or (str, object)
    return unstructure_map(unstructure_hook(key, converter), unstructure_hook(entry, converter))


def _layered_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    scalar = epoch_scalar(hint)
    return structure_hook(unwrap_once(hint), converter) if scalar is None else scalar.structure_hook


def _layered_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    scalar = epoch_scalar(hint)
    return unstructure_hook(unwrap_once(hint), converter) if scalar is None else scalar.unstructure_hook


def _choice_structure_factory(hint: Hint, _: ConverterProtocol) -> StructureHook:
    return StructureChoice(hint)


def _choice_unstructure_factory(_hint: Hint, _: ConverterProtocol) -> UnstructureHook:
    return unstructure_choice


def _union_structure_factory(hint: Hint, converter: ConverterProtocol) -> StructureHook:
    return StructureUnion(_union_members(hint, converter))


def _union_unstructure_factory(hint: Hint, converter: ConverterProtocol) -> UnstructureHook:
    return unstructure_union(_union_members(hint, converter))


def _untyped_structure_factory(_hint: Hint, _: ConverterProtocol) -> StructureHook:
    return structure_plain


def _untyped_unstructure_factory(_hint: Hint, _: ConverterProtocol) -> UnstructureHook:
    return unstructure_plain


def _scalar_structure_factory(hint: Hint, _: ConverterProtocol) -> StructureHook:
    return _named_scalar(hint).structure_hook


def _scalar_unstructure_factory(hint: Hint, _: ConverterProtocol) -> UnstructureHook:
    return _named_scalar(hint).unstructure_hook


def _named_scalar(hint: Hint) -> Scalar:
    scalar = scalar_of(hint)
    assert scalar is not None  # noqa: S101 (is_named_scalar holds)
    return scalar


def _refusing_structure_factory(hint: Hint, _: ConverterProtocol) -> Never:
    raise unsupported(hint)


def _refusing_unstructure_factory(hint: Hint, _: ConverterProtocol) -> UnstructureHook:
    """Return a hook that raises `ConfigurationError`.

    A type with a structure hook alone is supported until a value is stored.
    """

    def refuse(_value: object) -> Never:
        raise no_unstructure_hook(hint)

    return refuse


HOOK_FACTORIES: Final[
    Sequence[
        tuple[
            Callable[[Hint], bool],
            Callable[[Hint, ConverterProtocol], StructureHook],
            Callable[[Hint, ConverterProtocol], UnstructureHook],
        ]
    ]
] = (
    (lambda _: True, _refusing_structure_factory, _refusing_unstructure_factory),
    (is_named_scalar, _scalar_structure_factory, _scalar_unstructure_factory),
    (lambda hint: hint in UNTYPED, _untyped_structure_factory, _untyped_unstructure_factory),
    (is_model, model_structure_factory, model_unstructure_factory),
    (lambda hint: origin(hint) in MAPS, _map_structure_factory, _map_unstructure_factory),
    (lambda hint: origin(hint) in SETS, _set_structure_factory, _set_unstructure_factory),
    (lambda hint: origin(hint) is tuple, _tuple_structure_factory, _tuple_unstructure_factory),
    (
        lambda hint: origin(hint) in LISTS or _is_homogeneous_tuple(hint),
        _list_structure_factory,
        _list_unstructure_factory,
    ),
    (is_enum, _choice_structure_factory, _choice_unstructure_factory),
    (lambda hint: origin(hint) is Literal, _choice_structure_factory, _choice_unstructure_factory),
    (lambda hint: unwrap_once(hint) is not hint, _layered_structure_factory, _layered_unstructure_factory),
    (lambda hint: len(union_members(hint)) > 1, _union_structure_factory, _union_unstructure_factory),
    (is_alias, alias_structure_factory, alias_unstructure_factory),
)
"""For each kind of type: a predicate, and the factories of its structure hooks and of its unstructure hooks.

The order is from the general to the particular, since cattrs asks the factory that was registered last first.
"""


class LightConverter:
    """Makes the same hooks as a cattrs converter, from `HOOK_FACTORIES`, and does not load cattrs.

    A table without a converter of its own is compiled from these hooks: the import of cattrs would cost a cold start
    more than all the rest of a table. `Table.converter` is the converter with the same hooks.
    """

    __slots__ = ("_structure_hooks", "_unstructure_hooks", "forbid_extra_keys")

    def __init__(self, *, forbid_extra_keys: bool) -> None:
        self.forbid_extra_keys = forbid_extra_keys
        # A union asks for both hooks of each member. Without these, each level of nested unions would double the time.
        self._structure_hooks: dict[Hint, StructureHook] = {}
        self._unstructure_hooks: dict[Hint, UnstructureHook] = {}

    def get_structure_hook(self, hint: Hint, /) -> StructureHook:
        """Return the hook that structures a type. Raises `ConfigurationError` for a type that is not supported."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.structure_hook
        hook = self._structure_hooks.get(hint)
        if hook is None:
            factory = next(make for is_of_kind, make, _ in reversed(HOOK_FACTORIES) if is_of_kind(hint))
            hook = self._structure_hooks[hint] = factory(hint, self)
        return hook

    def get_unstructure_hook(self, hint: Hint, /) -> UnstructureHook:
        """Return the hook that unstructures a type."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.unstructure_hook
        hook = self._unstructure_hooks.get(hint)
        if hook is None:
            factory = next(make for is_of_kind, _, make in reversed(HOOK_FACTORIES) if is_of_kind(hint))
            hook = self._unstructure_hooks[hint] = factory(hint, self)
        return hook
