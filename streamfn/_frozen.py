"""Frozen objects, filled fast: of all layers, for the few that are made for each record and handler.

The `__init__` of a frozen dataclass sets each field with `object.__setattr__`, which costs more than all else
that is done with an event. A *twin* is a subclass without that guard, and without an `__init__`. What is made
of it is filled by plain assignments and then told its real class, and nothing is left that tells it from an
object which that class has made::

    handled = _handled()  # _handled is twin(Handled)
    handled.record, handled.handler, handled.value = record, handler, value
    handled.__class__ = Handled

Only for classes that do nothing in `__init__` but fill their slots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_twins: Final[dict[type, Callable[[], Any]]] = {}


def twin(cls: type) -> Callable[[], Any]:
    """Give the class whose objects, once they are filled, can be told that they are of `cls`.

    What it makes has no type that a checker knows, since it has two.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    ...     y: int
    >>> point = twin(Point)()
    >>> point.x, point.y = 1, 2
    >>> point.__class__ = Point
    >>> point == Point(1, 2), type(point) is Point
    (True, True)
    """
    if cls not in _twins:
        _twins[cls] = new_twin(cls)
    return _twins[cls]


def new_twin(cls: type) -> Callable[[], Any]:
    """Make another one, for a class that is not of this library: it lasts no longer than who has asked for it."""
    unguarded = {
        "__slots__": (),
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(cls)(cls.__name__, (cls,), unguarded)
