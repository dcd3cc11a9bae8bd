"""Frozen dataclasses that are cheap to import and cheap to build: shared methods, unguarded subclasses, successes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Never

from returns.result import Result, Success
from typing_extensions import TypeVar, override

# Values: frozen dataclasses that share the methods which ``@dataclass`` would write for each of them.
#
# Their compilation is a third of a dataclass's cost in a cold start, and no hot code compares values.


class Value:
    """Compares, hashes and shows by its fields: for dataclasses with ``eq=False, repr=False``.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True, eq=False, repr=False)
    ... class Point(Value):
    ...     x: int
    >>> Point(1), Point(1) == Point(1), len({Point(1), Point(1)})
    (Point(x=1), True, 1)
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[object]]]

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    @override
    def __hash__(self) -> int:
        return hash(_compared(self))

    @override
    def __repr__(self) -> str:
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"


class Wrappable:
    """Has the names that decorators read of a function, for objects that are called as functions are.

    Tracers and loggers ask for `__name__` and `__qualname__`, `functools.wraps` copies both.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _called(self) -> str:
            """Return the function's name for the ``__name__`` of the object."""
            ...

    else:  # or a checker would believe that there is any name here
        # A class may have no other `__qualname__` than its own, so that no property can be one.

        def __getattr__(self, name: str) -> object:
            if name in {"__name__", "__qualname__"}:
                return self._called()
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )


def _compared(value: Value) -> tuple[object, ...]:
    return tuple(getattr(value, field.name) for field in fields(value) if field.compare)


# Building frozen dataclasses without their slow `__init__`, for the few classes with one object for each record and
# handler.
#
# The `__init__` of a frozen dataclass sets each field with `object.__setattr__`, which costs more than all other work
# on an event. An *unguarded* subclass has neither that guard nor an `__init__`. Its object is filled
# by plain assignments and then gets its real class, so that it equals an object of that class in every way::
#
#     handled = _handled()  # _handled is unguarded(Handled)
#     handled.record, handled.handler, handled.value = record, handler, value
#     handled.__class__ = Handled
#
# This is only for classes whose `__init__` does nothing but fill the slots.

_unguarded: Final[dict[type, Callable[[], Any]]] = {}


def unguarded(cls: type) -> Callable[[], Any]:
    """Return a class whose objects, once filled, can be assigned the class `cls`.

    The return type is Any, since the object has two types.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    ...     y: int
    >>> point = unguarded(Point)()
    >>> point.x, point.y = 1, 2
    >>> point.__class__ = Point
    >>> point == Point(1, 2), type(point) is Point
    (True, True)
    """
    if cls not in _unguarded:
        _unguarded[cls] = new_unguarded(cls)
    return _unguarded[cls]


def new_unguarded(cls: type) -> Callable[[], Any]:
    """Return a new unguarded subclass, for a class outside of this library: it lives as long as its caller."""
    unguarded = {
        "__slots__": (),
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(cls)(cls.__name__, (cls,), unguarded)


# Successes, built fast: there is one for nearly each record and handler, and one for each structured image.
#
# `returns` keeps the value of a `Success` in one slot, and its ``__init__`` does nothing but fill that slot. Here the
# slot is filled directly. If a later `returns` has other slots, its ``__init__`` is called.

V = TypeVar("V")

unguarded_success: Final = unguarded(Success)


def fast_success(value: V) -> Result[V, Never]:
    """Make a Success by filling its slot."""
    made: Any = unguarded_success()
    made._inner_value = value  # noqa: SLF001 (as `Success.__init__` does)
    made.__class__ = Success
    finished: Result[V, Never] = made
    return finished


def plain_success(value: V) -> Result[V, Never]:
    """Make a Success as one does."""
    return Success(value)


def slots_of(cls: type) -> set[str]:
    """Return the names of all slots of a class, and of its ``__dict__``, if it has one."""
    slots = {slot for each in cls.__mro__ for slot in each.__dict__.get("__slots__", ())}
    return slots | {"__dict__"} if cls.__dictoffset__ else slots


IS_AS_KNOWN: Final = slots_of(Success) == {"_inner_value", "_trace"}
"""Whether a Success has the slots that are known here; only a Failure has a trace."""

make_success: Final = fast_success if IS_AS_KNOWN else plain_success
"""Return a Success."""
