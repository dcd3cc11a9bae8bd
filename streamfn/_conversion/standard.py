"""The hooks of a table that has no converter of its own.

They are the ones that `configure_converter` teaches a cattrs converter. Found here, they need no cattrs, whose
import would cost a cold start more than all the rest does.
"""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import TypeVar

from streamfn._conversion.factories import KINDS
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.scalars import scalar_of
from streamfn._conversion.types import Hint, is_model, members

T = TypeVar("T")


class StandardHooks:
    """Finds the hooks for all types that a model may have. Fails with `Misuse` for any other type."""

    __slots__ = ("_models", "_unions", "_writers", "forbid_extra_keys")

    def __init__(self, *, forbid_extra_keys: bool) -> None:
        """Begin with no model known; `forbid_extra_keys` is as in `make_converter`."""
        self.forbid_extra_keys = forbid_extra_keys
        self._models: dict[Hint, StructureHook] = {}
        # A union asks for both hooks of each member: without these, unions in one another take twice as long a level.
        self._unions: dict[Hint, StructureHook] = {}
        self._writers: dict[Hint, UnstructureHook] = {}

    def get_structure_hook(self, hint: Hint, /) -> StructureHook:
        """Find the hook that structures a type; a model has one, wherever it stands."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.read
        if len(members(hint)) > 1:
            return _kept(self._unions, hint, self._make)
        if not is_model(hint):
            return self._make(hint)
        if hint not in self._models:
            self._models[hint] = self._make(hint)
        return self._models[hint]

    def get_unstructure_hook(self, hint: Hint, /) -> UnstructureHook:
        """Find the hook that unstructures a type."""
        if (scalar := scalar_of(hint)) is not None:
            return scalar.write
        if len(members(hint)) > 1:
            return _kept(self._writers, hint, self._make_writer)
        return self._make_writer(hint)

    def _make_writer(self, hint: Hint) -> UnstructureHook:
        return next(writer_for for is_of_kind, _, writer_for in reversed(KINDS) if is_of_kind(hint))(
            hint, self
        )

    def _make(self, hint: Hint) -> StructureHook:
        return next(reader_for for is_of_kind, reader_for, _ in reversed(KINDS) if is_of_kind(hint))(
            hint, self
        )


def _kept(known: dict[Hint, T], hint: Hint, make: Callable[[Hint], T]) -> T:
    """Give what was made for a type, or make it."""
    found = known.get(hint)
    if found is None:
        found = known[hint] = make(hint)
    return found
