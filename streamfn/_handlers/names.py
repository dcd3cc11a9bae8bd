"""How handlers come by their names, which Results, reports and logs go by."""

from __future__ import annotations

from functools import partial
from typing import cast

from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._misuse import Misuse, check_function, kind_of
from streamfn._values import Wrappable


def name_of(f: object) -> str:
    """Find the name of a function, through `batched` and `functools.partial`.

    Fails with `Misuse` for a callable that has none.

    >>> name_of(partial(print, "hello"))
    'print'
    """
    inner = unwrapped(f)
    if isinstance(name := getattr(inner, "__name__", None), str):
        return name
    raise Misuse(f"a handler of type {type(inner).__name__} has no name of its own: pass name=")


def unwrapped(f: object) -> object:
    """Give the function within `batched`, `batched_each` and `functools.partial`.

    >>> unwrapped(partial(print, "hello")) is print
    True
    """
    inner = f
    while isinstance(inner, Batched | BatchedEach | partial):
        # isinstance drops the types.
        wrapper = cast("Batched[object, object, object] | partial[object]", inner)
        inner = wrapper.func if isinstance(wrapper, partial) else wrapper.function
    return inner


def handler_name(f: object, name: object) -> str:
    """The name that was given to a handler, or else its function's. Fails with `Misuse` for what is neither.

    >>> handler_name(print, None), handler_name(print, "announce")
    ('print', 'announce')
    """
    check_function(f, "a handler", "on_insert(announce)")
    if _takes_a_payload(f):
        raise Misuse(f"a handler is a function of an event, got {kind_of(f)}, which takes a payload")
    if isinstance(f, type) and not f.__module__.startswith("returns."):
        raise Misuse(
            f"a handler is a function, got {kind_of(f)}: pass an instance of it, or the function itself"
        )
    if not isinstance(name, str | None):
        raise Misuse(f'name is text, got {kind_of(name)}: write name="announce"')
    if name == "":
        raise Misuse('name is empty: write name="announce", or leave it out to have the function\'s own')
    return name or name_of(f)


def _takes_a_payload(f: object) -> bool:
    """Whether a function is a pipeline, or one that Lambda calls."""
    return isinstance(f, Wrappable) and not isinstance(f, Batched | BatchedEach)
