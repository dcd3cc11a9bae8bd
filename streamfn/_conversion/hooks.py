"""Hooks: what cattrs calls for a type, and the types that a converter makes hooks for.

A hook here reads an attribute value, ``{"N": "3"}``, and writes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

StructureHook: TypeAlias = Callable[[object, object], object]
"""A function of an attribute value, and of the type that it should become."""

UnstructureHook: TypeAlias = Callable[[object], object]
"""A function of a value, which gives its attribute value."""
