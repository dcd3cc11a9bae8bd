"""Values: frozen dataclasses that share the methods which ``@dataclass`` would write for each of them anew.

To compile them is a third of what a dataclass costs a cold start, and nothing that runs compares values often.
"""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override


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
            """Say by which name the object goes where functions have theirs."""
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
