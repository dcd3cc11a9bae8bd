"""Hooks, and the detailed pass that lists all problems of a value."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from streamfn._failures import Problem

if TYPE_CHECKING:
    from cattrs.errors import BaseValidationError


# Hooks, as in cattrs. A structure hook takes an attribute value, ``{"N": "3"}``, and an unstructure hook returns one.

StructureHook: TypeAlias = Callable[[object, object], object]
"""A function of an attribute value and of the type that the value becomes."""

UnstructureHook: TypeAlias = Callable[[object], object]
"""A function of a value that returns its attribute value."""


class ConverterProtocol(Protocol):
    """The part of a cattrs converter that hook factories use; `LightConverter` has it as well, without cattrs."""

    forbid_extra_keys: bool

    def get_structure_hook(self, hint: object, /) -> StructureHook:
        """Return the hook that structures a type. Raises `ConfigurationError` for a type that is not supported."""
        ...

    def get_unstructure_hook(self, hint: object, /) -> UnstructureHook:
        """Return the hook that unstructures a type."""
        ...


# The detailed pass. Structuring stops at the first problem. After a failure, the detailed pass lists all problems, as
# cattrs' detailed validation does: a `Composite` hook returns its children, and each of them is checked; any other hook
# is called again, and its exception is a problem. A problem holds no value and no map key, which are data, unless its
# path reveals them. The names of the item's own attributes belong to the table's schema, and are shown.


class StructureError(ValueError):
    """An attribute value does not fit its type. The message names the expected and the actual type, and no value."""


class Path(NamedTuple):
    """The path of a value in an image, from the root ``$``; `reveals` lets problems show values and map keys."""

    text: str = "$"
    reveals: bool = False

    def attribute(self, name: str) -> Path:
        """Return the path of a model's attribute."""
        return self._replace(text=f"{self.text}.{name}")

    def unknown_attribute(self, name: str) -> Path:
        """Return the path of an attribute that the model does not have; its name may be any text."""
        return self.attribute(name) if name.isidentifier() else self._replace(text=f"{self.text}[{name!r}]")

    def element(self, index: int) -> Path:
        """Return the path of a list's element."""
        return self._replace(text=f"{self.text}[{index}]")

    def entry(self, key: str) -> Path:
        """Return the path of a map's entry; the key is data, and hidden unless values are shown."""
        return self._replace(text=f"{self.text}[{key!r}]" if self.reveals else f"{self.text}[*]")

    @property
    def is_root(self) -> bool:
        """Whether this is the path of the whole item."""
        return self.text == "$"

    def problem(self, message: str, value: object) -> Problem:
        """Return the problem of a value at this path."""
        return Problem(self.text, f"{message}: {value!r}" if self.reveals else message)


class Child(NamedTuple):
    """A value within another value, with its hook, its type and its path."""

    hook: StructureHook
    hint: object
    value: object
    path: Path


class Composite(ABC):
    """A structure hook whose values have children, so that the problems of each child can be listed.

    `levels` counts the lists and maps that a value of the type nests, as far as the type says.
    """

    __slots__ = ()
    levels: int = 0

    @abstractmethod
    def __call__(self, value: object, hint: object = None, /) -> object:
        """Structure a value. Raises the exception of the first child that does not fit."""

    @abstractmethod
    def children(self, value: object, path: Path) -> Iterable[Child | Problem]:
        """Return the children of a value, and those of its problems that belong to no child.

        Raises `StructureError` for a value that cannot have such children.
        """


def find_problems(hook: StructureHook, hint: object, value: object, path: Path) -> Iterator[Problem]:
    """Return all problems that a hook has with a value, in the order of its children."""
    try:
        children = hook.children(value, path) if isinstance(hook, Composite) else ()
        problems = [problem for child in children for problem in _problems_of_child(child)]
        if not problems:
            hook(value, hint)
    except Exception as exception:  # noqa: BLE001 (a user's hook may raise anything)
        yield from _problems_in(exception, value, path)
    else:
        yield from problems


def _problems_of_child(child: Child | Problem) -> Iterator[Problem]:
    if isinstance(child, Problem):
        yield child
    else:
        yield from find_problems(*child)


def _problems_in(exception: BaseException, value: object, path: Path) -> Iterator[Problem]:
    """Return the problems in an exception of a hook; the functions that cattrs generates raise trees of exceptions."""
    if (names := _forbidden_by_cattrs(exception)) is not None:
        yield from unknown_attributes(dict.fromkeys(names), path)
    elif (tree := _tree_of_cattrs(exception)) is not None:
        for each in tree.exceptions:
            if (name := _missing_by_cattrs(each)) is None:
                yield from _problems_in(each, value, _path_in(each, path))
            else:
                yield Problem(path.attribute(name).text, "missing")
    elif isinstance(exception, RecursionError):
        yield Problem(path.text, "nested too deeply")
    elif isinstance(exception, StructureError):
        yield path.problem(str(exception), value)
    else:
        yield path.problem(f"refused with {type(exception).__name__}", value)


def unknown_attributes(unknown: Mapping[str, object], path: Path) -> Iterator[Problem]:
    """Return the problems of attributes that a model does not have.

    Those of the item itself are named, since they belong to the table's schema. Those of a map within it are counted,
    since their names may be data, unless values are shown.
    """
    if path.is_root or path.reveals:
        for name, value in unknown.items():
            yield path.unknown_attribute(name).problem("the model has no such attribute", value)
    elif unknown:
        count = f"{len(unknown)} attributes" if len(unknown) > 1 else "an attribute"
        yield Problem(path.text, f"found {count} that the model does not have")


# Exceptions of the functions that cattrs generates, by the public classes of `cattrs.errors`. Where cattrs is not
# loaded, no exception is one of those.


def _forbidden_by_cattrs(exception: BaseException) -> Iterable[str] | None:
    """Return the names of attributes that a model does not have; None for any other exception."""
    if "cattrs" not in sys.modules:
        return None
    from cattrs.errors import ForbiddenExtraKeysError

    return sorted(exception.extra_fields) if isinstance(exception, ForbiddenExtraKeysError) else None


def _missing_by_cattrs(exception: BaseException) -> str | None:
    """Return the attribute whose absence a generated function raises; None for an exception of a hook within."""
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
    """Return an exception that gathers others; None for any other exception."""
    if "cattrs" not in sys.modules:
        return None
    from cattrs.errors import BaseValidationError

    return exception if isinstance(exception, BaseValidationError) else None


def _path_in(exception: BaseException, path: Path) -> Path:
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(exception, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return path.attribute(note.name)
        if isinstance(note, IterableValidationNote):
            return path.element(note.index) if isinstance(note.index, int) else path.entry(note.index)
    return path
