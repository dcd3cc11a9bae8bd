"""The class of converters that structure attribute values, also by the functions that cattrs generates for models.

``make_dict_structure_fn`` asks its converter for the hooks of a model's fields. Where the hook of a field is such a
function as well, it takes attributes, and the field holds an M.

This is the only module that depends on how cattrs works. All of it is public but for two things:

- A function that cattrs generates has an attribute ``overrides``. The documentation of ``make_dict_structure_fn`` says
  so, and there is no other sign by which to know such a function; see `_overrides_of`.
- cattrs raises `RecursionError` where a function for a model is asked for while it is generated, and catches that where
  it asks for the hook of a field. Its documentation does not mention this, and there is no other sign; see
  `ModelConverter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never, TypeVar, cast

from cattrs import Converter
from typing_extensions import override

from streamfn._conversion.attribute_values import SCALARS, Scalar, scalar_of, scalar_of_hook
from streamfn._conversion.composites import StructureByCattrs, StructureChoice, unstructure_choice
from streamfn._conversion.dispatch import HOOK_FACTORIES, no_unstructure_hook, unsupported
from streamfn._conversion.hints import Hint, is_enum, is_model, is_union
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.models import Override

T = TypeVar("T")


class ModelConverter(Converter):
    """A converter whose hooks all structure and unstructure attribute values, those that cattrs generates included.

    Where cattrs asks for the hook of a field, its result is not cached. Such a hook is looked up again when it is
    called, so that a model may refer to one whose function is registered later, itself included.
    """

    __slots__ = ()

    @override
    def structure(self, obj: object, cl: type[T]) -> T:
        """Return the value of a type that an attribute value holds; of a model, ``{"M": image}`` is one."""
        return cast("T", self.get_structure_hook(cl)(obj, cl))  # the hook is that of the type

    @override
    def unstructure(self, obj: object, unstructure_as: Hint = None) -> object:
        """Return the attribute value of a value, by its class or by the type `unstructure_as`."""
        return self.get_unstructure_hook(obj.__class__ if unstructure_as is None else unstructure_as)(obj)

    @override
    def register_structure_hook(self, cl: Any, func: Any = None) -> Any:  # (cattrs' two signatures)
        """Register a hook, as in cattrs, and that of a union by a factory.

        cattrs asks for the hooks of unions after all factories, and would not reach one of them here.
        """
        if not is_union(cl):
            return super().register_structure_hook(cl, func)

        def is_it(hint: Hint) -> bool:
            return bool(hint == cl)

        def factory(_: Hint) -> StructureHook:
            hook: StructureHook = func
            return hook

        self.register_structure_hook_factory(is_it, factory)
        return None

    @override
    def get_structure_hook(self, type: Hint, cache_result: bool = True) -> StructureHook:
        """Return the hook that structures a type. Raises `ConfigurationError` for a type that is not supported."""
        try:
            hook = _structure_entries(type, super().get_structure_hook(type, cache_result))
        except RecursionError:  # the function of this model is being generated
            if cache_result:
                raise
        else:
            if hook is _refuse or _is_inherited(type, scalar_of_hook(hook)):
                if is_enum(type):
                    return StructureChoice(type)
                raise unsupported(type)
            if cache_result or scalar_of(type) is not None:
                return hook

        def structure(value: object, hint: object) -> object:
            return self.get_structure_hook(type)(value, hint)

        return structure

    @override
    def get_unstructure_hook(self, type: Hint, cache_result: bool = True) -> UnstructureHook:
        """Return the hook that unstructures a type."""
        try:
            hook = _unstructure_entries(type, super().get_unstructure_hook(type, cache_result))
        except RecursionError:  # as above
            if cache_result:
                raise
        else:
            if is_enum(type) and any(hook is scalar.unstructure_hook for scalar in SCALARS.values()):
                return unstructure_choice  # not as a str, say, whose value may be another
            if cache_result or scalar_of(type) is not None:
                return hook

        def unstructure(value: object) -> object:
            return self.get_unstructure_hook(type)(value)

        return unstructure


def teach_models(converter: Converter) -> None:
    """Make a `ModelConverter` of a converter, of cattrs' own class or of one that the user derived from it."""
    cls = type(converter)
    if not issubclass(cls, ModelConverter):
        bases = (ModelConverter,) if cls is Converter else (cls, ModelConverter)
        # The new class adds no slot, and so an instance of the old one has all that it needs.
        converter.__class__ = type(cls.__name__, bases, {"__slots__": (), "__module__": cls.__module__})


def register_hooks(converter: Converter) -> None:
    """Register the hooks of all types that a model may have, and refusals for all other types."""
    for cls, scalar in SCALARS.items():
        if isinstance(cls, type):  # a factory finds a type that is known by name
            converter.register_structure_hook(cls, scalar.structure_hook)
            converter.register_unstructure_hook(cls, scalar.unstructure_hook)
    # cattrs has hooks for paths, and takes them before all factories.
    converter.register_structure_hook(Path, _refuse)
    converter.register_unstructure_hook(Path, _refuse_to_unstructure)
    for is_of_kind, structure_factory, unstructure_factory in HOOK_FACTORIES:
        converter.register_structure_hook_factory(is_of_kind, structure_factory)
        converter.register_unstructure_hook_factory(is_of_kind, unstructure_factory)


def _refuse(_value: object, hint: Hint) -> Never:
    raise unsupported(hint)


def _refuse_to_unstructure(value: object) -> Never:
    raise no_unstructure_hook(type(value))


def _is_inherited(hint: Hint, scalar: Scalar | None) -> bool:
    """Whether a hook is that of a base, str for example: cattrs returns the hook of a class for its subclasses."""
    return scalar is not None and isinstance(hint, type) and scalar_of(hint) is None


def _structure_entries(hint: Hint, hook: StructureHook) -> StructureHook:
    """Return a hook that takes an M, for a function that cattrs generated for a model; any other hook as it is."""
    overrides = _overrides_of(hook) if is_model(hint) and not isinstance(hook, StructureByCattrs) else None
    return hook if overrides is None else StructureByCattrs(hook, overrides)


def _unstructure_entries(hint: Hint, hook: UnstructureHook) -> UnstructureHook:
    """Return a hook that returns an M, for a function that cattrs generated for a model; any other hook as it is."""
    if is_model(hint) and _overrides_of(hook) is not None:
        return lambda value: {"M": hook(value)}
    return hook


def _overrides_of(hook: object) -> Mapping[str, Override] | None:
    """Return the overrides of a function that cattrs generated; None for any other hook."""
    overrides: Mapping[str, Override] | None = getattr(hook, "overrides", None)
    return overrides
