"""Hooks: what is called for a type, and where the hook of a type is found.

A hook here reads an attribute value, ``{"N": "3"}``, and writes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

StructureHook: TypeAlias = Callable[[object, object], object]
"""A function of an attribute value, and of the type that it should become."""

UnstructureHook: TypeAlias = Callable[[object], object]
"""A function of a value, which gives its attribute value."""


class Hooks(Protocol):
    """Where hooks are found: a cattrs converter, or the `StandardHooks` of a table that has none."""

    forbid_extra_keys: bool

    def get_structure_hook(self, hint: object, /) -> StructureHook:
        """Find the hook that structures a type."""
        ...

    def get_unstructure_hook(self, hint: object, /) -> UnstructureHook:
        """Find the hook that unstructures a type."""
        ...
