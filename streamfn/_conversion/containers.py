"""Lists, sets and maps: the attribute values that hold others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, cast

from typing_extensions import override

from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.plain import write_set
from streamfn._conversion.problems import Composite, Part, Place, Unfit
from streamfn._conversion.tags import SET_TAGS, content, tagged
from streamfn._conversion.types import Hint
from streamfn._misuse import Misuse
from streamfn._wire import is_map, json_type

MOST_LEVELS: Final = 32
"""How deep DynamoDB nests ("Supported data types and naming rules", Amazon DynamoDB Developer Guide)."""


def levels_over(*hooks: StructureHook) -> int:
    """Count the levels of a list or a map of what these hooks read. Fails with `Misuse` for more than DynamoDB has."""
    levels = 1 + max((levels_of(hook) for hook in hooks), default=0)
    if levels > MOST_LEVELS:
        raise Misuse(
            f"a type nests lists or maps in more than {MOST_LEVELS} levels, and DynamoDB stores no more: "
            "declare what lies deeper as object, or store it as text"
        )
    return levels


def levels_of(hook: StructureHook) -> int:
    """How many levels of lists and maps a hook is known to read; a model begins anew."""
    return hook.levels if isinstance(hook, Composite) else 0


class ReadList(Composite):
    """Structures an L of elements of one type."""

    __slots__ = ("element", "hook", "levels", "make")

    def __init__(
        self, element: Hint, hook: StructureHook, make: Callable[[Iterable[object]], object]
    ) -> None:
        self.element, self.hook, self.make = element, hook, make
        self.levels = levels_over(hook)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.make(self.hook(each, self.element) for each in elements(value, "L"))

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, each in enumerate(elements(value, "L")):
            yield Part(self.hook, self.element, each, place.element(index))


class ReadTuple(Composite):
    """Structures an L with a type for each element."""

    __slots__ = ("hooks", "levels")

    def __init__(self, hooks: Sequence[tuple[Hint, StructureHook]]) -> None:
        self.hooks = tuple(hooks)
        self.levels = levels_over(*(hook for _, hook in self.hooks))

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        found = self._checked(value)
        return tuple(hook(each, element) for (element, hook), each in zip(self.hooks, found, strict=True))

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, ((element, hook), each) in enumerate(zip(self.hooks, self._checked(value), strict=True)):
            yield Part(hook, element, each, place.element(index))

    def _checked(self, value: object) -> Sequence[object]:
        found = elements(value, "L")
        if len(found) != len(self.hooks):
            raise Unfit(f"expected {len(self.hooks)} elements in L, got {len(found)}")
        return found


class ReadSet(Composite):
    """Structures an SS, NS or BS; duplicates are dropped, as a set does."""

    __slots__ = ("element", "hook", "make")

    def __init__(
        self, element: Hint, hook: StructureHook, make: Callable[[Iterable[object]], object]
    ) -> None:
        self.element, self.hook, self.make = element, hook, make

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.make(self.hook(each, self.element) for each in self._elements(value))

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, each in enumerate(self._elements(value)):
            yield Part(self.hook, self.element, each, place.element(index))

    @staticmethod
    def _elements(value: object) -> list[object]:
        """Make attribute values of a set's elements; an empty set is not stored as one, but as NULL or L."""
        tag, held = tagged(value)
        if tag == "NULL" or (tag == "L" and held == []):
            return []
        if tag not in SET_TAGS:
            raise Unfit(f"expected SS, NS or BS, got {tag}")
        return [{SET_TAGS[tag]: each} for each in elements(value, tag)]


class ReadMap(Composite):
    """Structures an M of entries of one type, under keys that are data."""

    __slots__ = ("entry", "hook", "key", "key_hook", "levels")

    def __init__(self, key: Hint, key_hook: StructureHook, entry: Hint, hook: StructureHook) -> None:
        self.key, self.key_hook, self.entry, self.hook = key, key_hook, entry, hook
        self.levels = levels_over(hook)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        found = entries(value)
        made = {
            self.key_hook({"S": key}, self.key): self.hook(each, self.entry) for key, each in found.items()
        }
        if len(made) != len(found):  # two spellings of one UUID, say, or two texts that an Enum does not know
            raise Unfit("expected keys that differ, got several that mean the same")
        return made

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for key, each in entries(value).items():
            yield Part(self.key_hook, self.key, {"S": key}, place.entry(key))
            yield Part(self.hook, self.entry, each, place.entry(key))


def elements(value: object, tag: str) -> list[object]:
    """Take the elements out of an attribute value that holds a list."""
    held = content(value, tag)
    if isinstance(held, list):
        return cast("list[object]", held)  # isinstance knows the list, not what is in it
    raise Unfit(f"expected a list in {tag}, got {json_type(held)}")


def entries(value: object) -> Mapping[str, object]:
    """Take the entries out of an M."""
    held = content(value, "M")
    if is_map(held):
        return held
    raise Unfit(f"expected an object in M, got {json_type(held)}")


def write_list(hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a list of elements of one type."""
    # The value is what its annotation says.
    return lambda value: {"L": [hook(each) for each in cast("Sequence[object]", value)]}


def write_tuple(hooks: Sequence[UnstructureHook]) -> UnstructureHook:
    """Make the hook that unstructures a tuple with a type for each element."""

    def write(value: object) -> object:
        found = cast("Sequence[object]", value)  # as its annotation says
        if len(found) != len(hooks):
            raise ValueError(f"expected {len(hooks)} elements, got {len(found)}")
        return {"L": [hook(each) for hook, each in zip(hooks, found, strict=True)]}

    return write


def write_set_of(hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a set; see `write_set`."""
    # The value is what its annotation says.
    return lambda value: write_set([hook(each) for each in cast("AbstractSet[object]", value)])


def write_map(key_hook: UnstructureHook, hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a dict; a key is what its own type would write as an S."""

    def write(value: object) -> object:
        found = cast("Mapping[object, object]", value)  # as its annotation says
        return {"M": {content(key_hook(key), "S"): hook(each) for key, each in found.items()}}

    return write
