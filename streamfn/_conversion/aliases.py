"""Type aliases that lead back to themselves, as that of JSON does: their hooks are given once they are built."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.problems import Composite, Part, Place
from streamfn._conversion.types import Hint


class ReadAlias(Composite):
    """Structures what a type alias stands for. `is_used`: it has been found while that was being built."""

    __slots__ = ("hint", "hook", "is_used")

    hint: Hint
    hook: StructureHook

    def __init__(self) -> None:
        self.is_used = False

    def resolve(self, hook: StructureHook, hint: Hint) -> None:
        """Take the hook of what the alias stands for."""
        self.hook, self.hint = hook, hint

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.hook(value, self.hint)

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        yield Part(self.hook, self.hint, value, place)


class WriteAlias:
    """Unstructures what a type alias stands for."""

    __slots__ = ("_hook",)

    def resolve(self, hook: UnstructureHook) -> None:
        """Take the hook of what the alias stands for."""
        self._hook = hook

    def __call__(self, value: object) -> object:
        """Give the attribute value."""
        return self._hook(value)
