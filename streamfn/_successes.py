"""Successes, made fast: there is one for nearly each record and handler, and one for each image that is structured.

`returns` keeps what a `Success` holds in one slot, and its ``__init__`` does nothing but fill that. Here it is
filled without being asked. Should a later `returns` keep more, it is asked again.
"""

from __future__ import annotations

from typing import Any, Final, Never

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._frozen import twin

V = TypeVar("V")

success_twin: Final = twin(Success)


def filled(value: V) -> Result[V, Never]:
    """Make a Success by filling its slot."""
    made: Any = success_twin()
    made._inner_value = value  # noqa: SLF001 (as `Success.__init__` does)
    made.__class__ = Success
    finished: Result[V, Never] = made
    return finished


def constructed(value: V) -> Result[V, Never]:
    """Make a Success as one does."""
    return Success(value)


def slots_of(cls: type) -> set[str]:
    """Name all slots of a class, in which it keeps what it keeps if it has no ``__dict__``."""
    slots = {slot for each in cls.__mro__ for slot in each.__dict__.get("__slots__", ())}
    return slots | {"__dict__"} if cls.__dictoffset__ else slots


IS_AS_KNOWN: Final = slots_of(Success) == {"_inner_value", "_trace"}
"""Whether a Success has the slots that are known here; the trace is that of a Failure alone."""

success: Final = filled if IS_AS_KNOWN else constructed
"""Makes a Success."""
