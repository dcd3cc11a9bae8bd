"""Values: frozen dataclasses that share the methods which ``@dataclass`` would write for each of them anew.

To compile them is a third of what a dataclass costs a cold start, and nothing that runs compares values often.
"""

from __future__ import annotations

from dataclasses import Field, fields
from typing import ClassVar

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


def _compared(value: Value) -> tuple[object, ...]:
    return tuple(getattr(value, field.name) for field in fields(value) if field.compare)
