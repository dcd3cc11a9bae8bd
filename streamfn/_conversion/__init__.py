"""Conversion between attribute values and Python values.

- `hooks`: the types of hooks, and the detailed pass that lists all problems of a value
- `attribute_values`: type tags, numbers, the table of scalar types, and plain values
- `hints`: markers in annotations, type variables, unions, and type tags of types
- `models`: the fields of a model, its keys, and its overrides
- `composites`: hooks of Enums, Literals, lists, sets, maps, tuples and models
- `unions`: discriminators, and the hooks of unions
- `dispatch`: `HOOK_FACTORIES`, from which cattrs and the `LightConverter` make the hooks of a type
- `converter`: the class of converters from `make_converter`; it loads cattrs
- `decoders`: functions that are compiled from hooks, as cattrs generates its own
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamfn._conversion.attribute_values import structure_plain

if TYPE_CHECKING:
    from cattrs import Converter


class _Configured:
    """A type for which only a configured converter has a hook."""


def make_converter(*, forbid_extra_keys: bool = False) -> Converter:
    """Return a converter between attribute values and Python values.

    With `forbid_extra_keys`, an image with attributes that the model does not have does not fit.

    >>> make_converter().structure({"L": [{"N": "1"}, {"N": "2"}]}, list[int])
    [1, 2]
    """
    from cattrs import Converter  # loaded on first use: a table without a converter of its own needs none

    converter = Converter(forbid_extra_keys=forbid_extra_keys)
    configure_converter(converter)
    return converter


def configure_converter(converter: Converter) -> None:
    """Register the hooks of attribute values on a cattrs converter; register hooks of your own after that.

    The converter then has hooks for all types that a model may have, and refuses any other type with
    `ConfigurationError`. Its class becomes a subclass of the class that it had, by which it finds those hooks.
    """
    from streamfn._conversion.converter import register_hooks, teach_models  # it loads cattrs

    teach_models(converter)
    register_hooks(converter)
    converter.register_structure_hook(_Configured, structure_plain)


def is_configured(converter: Converter) -> bool:
    """Whether `configure_converter` has configured a converter."""
    from cattrs.errors import StructureHandlerNotFoundError  # the caller has loaded cattrs for its converter

    try:
        return converter.get_structure_hook(_Configured) is structure_plain
    except StructureHandlerNotFoundError:
        return False
