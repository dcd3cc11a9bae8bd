"""Hooks, and the detailed pass that lists all problems of a value."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from streamfn._failures import Problem

if TYPE_CHECKING:
    from cattrs.errors import BaseValidationError


# Hooks: what is called for a type, and where the hook of a type is found.
#
# A hook here reads an attribute value, ``{"N": "3"}``, and writes one.

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


# Finding out all that is wrong with an image, once structuring it has failed.
#
# A `Composite` hook gives its parts, each of which is looked at, where structuring stops at the first bad one;
# any other hook is called again, and what it raises is taken. Nothing of the image gets into a problem unless
# the place is asked to reveal it: not a value, and not a map's key, which is data as well. Only the names of
# the item's own attributes do, which belong to the table's schema.


class Unfit(ValueError):
    """An attribute value does not fit; the message says what was expected and what type was found, never a value."""


class Place(NamedTuple):
    """Where in an image something is, as a path from its root ``$``."""

    path: str = "$"
    reveals: bool = False

    def attribute(self, name: str) -> Place:
        """The place of a model's attribute."""
        return self._replace(path=f"{self.path}.{name}")

    def member(self, name: str) -> Place:
        """The place of an attribute that an image has and its model has not, whatever its name is made of."""
        return self.attribute(name) if name.isidentifier() else self._replace(path=f"{self.path}[{name!r}]")

    def element(self, index: int) -> Place:
        """The place of a list's element."""
        return self._replace(path=f"{self.path}[{index}]")

    def entry(self, key: str) -> Place:
        """The place of a map's entry, whose key is hidden like all data."""
        return self._replace(path=f"{self.path}[{key!r}]" if self.reveals else f"{self.path}[*]")

    @property
    def is_whole(self) -> bool:
        """Whether it is the place of the whole item."""
        return self.path == "$"

    def problem(self, message: str, found: object) -> Problem:
        """Make the problem of what was found here."""
        return Problem(self.path, f"{message}: {found!r}" if self.reveals else message)


class Part(NamedTuple):
    """A value within another one, and what structures it."""

    hook: StructureHook
    hint: object
    value: object
    place: Place


class Composite(ABC):
    """A hook for values with parts, which can be asked for the problems of each of them.

    `levels` says how deep lists and maps nest in them, as far as that is known.
    """

    __slots__ = ()
    levels: int = 0

    @abstractmethod
    def __call__(self, value: object, hint: object = None, /) -> object:
        """Structure a value. Fails with whatever the first bad part fails with."""

    @abstractmethod
    def parts(self, value: object, place: Place) -> Iterable[Part | Problem]:
        """Take a value apart. Fails with `Unfit` if it has no parts of the wanted kind.

        It gives the problems that are none of a part as they are.
        """


def problems_of(hook: StructureHook, hint: object, value: object, place: Place) -> Iterator[Problem]:
    """Give every problem that a hook has with a value, in the order of its parts."""
    try:
        parts = hook.parts(value, place) if isinstance(hook, Composite) else ()
        found = [problem for part in parts for problem in _problems_of_part(part)]
        if not found:
            hook(value, hint)
    except Exception as exception:  # noqa: BLE001 (a user's hook may raise anything)
        yield from _problems_in(exception, value, place)
    else:
        yield from found


def _problems_of_part(part: Part | Problem) -> Iterator[Problem]:
    if isinstance(part, Problem):
        yield part
    else:
        yield from problems_of(*part)


def _problems_in(exception: BaseException, value: object, place: Place) -> Iterator[Problem]:
    """Take the problems out of what a hook raised, which for cattrs' own hooks is a tree."""
    if (names := _forbidden_by_cattrs(exception)) is not None:
        yield from unknown_attributes(dict.fromkeys(names), place)
    elif (tree := _tree_of_cattrs(exception)) is not None:
        for each in tree.exceptions:
            if (name := _missed_by_cattrs(each)) is None:
                yield from _problems_in(each, value, _place_in(each, place))
            else:
                yield Problem(place.attribute(name).path, "missing")
    elif isinstance(exception, RecursionError):
        yield Problem(place.path, "nested too deeply")
    elif isinstance(exception, Unfit):
        yield place.problem(str(exception), value)
    else:
        yield place.problem(f"refused with {type(exception).__name__}", value)


def unknown_attributes(unknown: Mapping[str, object], place: Place) -> Iterator[Problem]:
    """Give the problems with the attributes that a model does not have.

    Those of the item itself are named, since they belong to the table's schema. Further within, the names in a map may
    be data, so they are counted, unless the place reveals them.
    """
    if place.is_whole or place.reveals:
        for name, value in unknown.items():
            yield place.member(name).problem("the model has no such attribute", value)
    elif unknown:
        count = f"{len(unknown)} attributes" if len(unknown) > 1 else "an attribute"
        yield Problem(place.path, f"found {count} that the model does not have")


def _forbidden_by_cattrs(exception: BaseException) -> Iterable[str] | None:
    """The names in what cattrs raises for attributes that a model does not have; None for any other exception."""
    if "cattrs" not in sys.modules:
        return None
    from cattrs.errors import ForbiddenExtraKeysError

    return sorted(exception.extra_fields) if isinstance(exception, ForbiddenExtraKeysError) else None


def _missed_by_cattrs(exception: BaseException) -> str | None:
    """The attribute whose absence a function of cattrs raises; None for what a hook within raises."""
    from cattrs.errors import AttributeValidationNote

    notes: list[object] = getattr(exception, "__notes__", [])
    is_its_own = exception.__traceback__ is not None and exception.__traceback__.tb_next is None
    if (
        isinstance(exception, KeyError)
        and is_its_own
        and any(isinstance(each, AttributeValidationNote) for each in notes)
    ):
        return str(exception.args[0])
    return None


def _tree_of_cattrs(exception: BaseException) -> BaseValidationError | None:
    """Take an exception for one that cattrs gathers others in; where it is not loaded, it has raised nothing."""
    if "cattrs" not in sys.modules:
        return None
    from cattrs.errors import BaseValidationError

    return exception if isinstance(exception, BaseValidationError) else None


def _place_in(exception: BaseException, place: Place) -> Place:
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(exception, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return place.attribute(note.name)
        if isinstance(note, IterableValidationNote):
            return place.element(note.index) if isinstance(note.index, int) else place.entry(note.index)
    return place
