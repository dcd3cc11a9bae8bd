"""Conversion between attribute values and Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamfn._conversion.attribute_values import SCALARS_BY_TYPE, read_plain
from streamfn._conversion.dispatch import KINDS

if TYPE_CHECKING:
    from cattrs import Converter


class _Configured:
    """A type that only a configured converter has a hook for."""


def make_converter(*, forbid_extra_keys: bool = False) -> Converter:
    """Make a converter between attribute values and Python values.

    With `forbid_extra_keys`, an image with attributes that the model does not have does not fit.

    >>> make_converter().structure({"L": [{"N": "1"}, {"N": "2"}]}, list[int])
    [1, 2]
    """
    from cattrs import Converter  # loaded on first use: a table without a converter of its own needs none

    converter = Converter(forbid_extra_keys=forbid_extra_keys)
    configure_converter(converter)
    return converter


def configure_converter(converter: Converter) -> None:
    """Teach a cattrs converter to read and write attribute values; register hooks of your own after that.

    It has hooks then for all types that a model may have, and for no other: those are refused with `Misuse`. Its class
    becomes a subclass of the one that it had, so that it finds those hooks.
    """
    from streamfn._conversion.converter import teach_models  # it loads cattrs, as whoever has a converter has

    teach_models(converter)
    for cls, scalar in SCALARS_BY_TYPE.items():
        converter.register_structure_hook(cls, scalar.read)
        converter.register_unstructure_hook(cls, scalar.write)
    for is_of_kind, reader_for, writer_for in KINDS:
        converter.register_structure_hook_factory(is_of_kind, reader_for)
        converter.register_unstructure_hook_factory(is_of_kind, writer_for)
    converter.register_structure_hook(_Configured, read_plain)


def is_configured(converter: Converter) -> bool:
    """Whether `configure_converter` has seen a converter."""
    from cattrs.errors import StructureHandlerNotFoundError  # whoever has a converter has loaded cattrs

    try:
        return converter.get_structure_hook(_Configured) is read_plain
    except StructureHandlerNotFoundError:
        return False
