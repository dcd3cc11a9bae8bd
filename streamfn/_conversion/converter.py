"""A cattrs converter that gives the functions which cattrs makes for models what they read and write.

``make_dict_structure_fn`` asks its converter for the hooks of a model's fields. Where one of those is such a function,
too, it takes attributes, and the field holds an M.
"""

from __future__ import annotations

from cattrs import Converter
from typing_extensions import override

from streamfn._conversion.attribute_values import scalar_of
from streamfn._conversion.composites import read_by_cattrs, write_by_cattrs
from streamfn._conversion.hooks import StructureHook, UnstructureHook


class ModelConverter(Converter):
    """Finds hooks that all read and write attribute values, those that cattrs makes for models among them.

    cattrs has no result cached where it asks for the hook of a field. Such a hook is found again when it is called, so
    that a model may refer to one whose function is registered later, itself among them.
    """

    __slots__ = ()

    @override
    def get_structure_hook(self, type: object, cache_result: bool = True) -> StructureHook:
        try:
            hook = read_by_cattrs(type, super().get_structure_hook(type, cache_result))
        except RecursionError:  # by which cattrs says that it makes the function of this model now
            if cache_result:
                raise
        else:
            if cache_result or scalar_of(type) is not None:
                return hook

        def read(value: object, hint: object) -> object:
            return self.get_structure_hook(type)(value, hint)

        return read

    @override
    def get_unstructure_hook(self, type: object, cache_result: bool = True) -> UnstructureHook:
        try:
            hook = write_by_cattrs(type, super().get_unstructure_hook(type, cache_result))
        except RecursionError:  # as above
            if cache_result:
                raise
        else:
            if cache_result or scalar_of(type) is not None:
                return hook

        def write(value: object) -> object:
            return self.get_unstructure_hook(type)(value)

        return write


def teach_models(converter: Converter) -> None:
    """Make a `ModelConverter` of a converter, whatever class of cattrs' or the user's own it has."""
    cls = type(converter)
    if not issubclass(cls, ModelConverter):
        bases = (ModelConverter,) if cls is Converter else (cls, ModelConverter)
        # The new class adds no slot, and so an instance of the old one has all that it needs.
        converter.__class__ = type(cls.__name__, bases, {"__slots__": (), "__module__": cls.__module__})
