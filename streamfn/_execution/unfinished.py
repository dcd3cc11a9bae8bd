"""Values that are not finished: a Success that holds one says "done" of work that has not run.

`returns` makes such a Success where `safe` decorates a coroutine function, or where `.map(f)` stands for `.bind(f)`. A
handler's answer is looked at when it comes (`unfinished`), and what its annotations and decorators tell is looked at
before any record comes (`check_finished`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Iterator, Sequence
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import UnionType
from typing import Final, Union, cast, get_args, get_origin, get_type_hints

from returns.result import Result

from streamfn._misuse import Misuse

FINISHED: Final = frozenset({type(None), bool, int, float, str, bytes})
"""The types of most values, which are finished and hold nothing."""

_DECORATORS: Final = frozenset({"returns.result", "returns.io"})
"""The modules of `safe`, `attempt` and `impure_safe`, which put into a Success whatever the function returns."""

_CONTAINERS: Final = (list, tuple, set, frozenset)

_AWAIT: Final = "await it, and decorate a coroutine function with future_safe instead of safe"
_BIND: Final = (
    "write .bind(f) instead of .map(f) where f returns a Result, and no safe on a function that returns one"
)
_PERFORM: Final = "return the IOResult itself"
_LIST: Final = "run it to its end, as list() does"
_CALL: Final = "call it with what it needs"


def unfinished(value: object) -> str | None:
    """Say what is unfinished about the value of a Success, and what to write instead; None if nothing is.

    A coroutine that nobody is going to await is closed.

    >>> from returns.result import Success
    >>> unfinished(Success(1))
    'a Result: write .bind(f) instead of .map(f) where f returns a Result, and no safe on a function that returns one'
    >>> unfinished([1, 2]) is None
    True
    """
    kind = type(value)
    if kind in FINISHED:
        return None
    if (found := _of_instance(value, kind)) is not None:
        return found
    if isinstance(value, Result):
        return f"a Result: {_BIND}"
    if isinstance(value, _CONTAINERS):
        return _within(cast("Iterable[object]", value), kind)  # isinstance drops the type
    if isinstance(value, dict):
        return _within(cast("dict[object, object]", value).values(), kind)  # isinstance drops the type
    return None


def check_finished(name: str, function: object, kind: str = "handler") -> None:
    """Refuse a function of which it can be told that its Success would hold something unfinished.

    Fails with `Misuse`, which names the kind of function and its name.
    """
    said = f"the {kind} {name}".rstrip()
    while isinstance(function, partial):
        function = cast("partial[object]", function).func  # isinstance drops the type
    layer = function
    while (wrapped := getattr(layer, "__wrapped__", None)) is not None:
        made_by = getattr(layer, "__globals__", {}).get("__name__")
        if made_by in _DECORATORS and iscoroutinefunction(wrapped):
            raise Misuse(f"{said} would return a Success of a coroutine, which nobody awaits: {_AWAIT}")
        if made_by in {"returns.future", *_DECORATORS} and (found := _of_wrapped(wrapped)) is not None:
            raise Misuse(f"{said} would return a Success of {found}")
        layer = wrapped
    if (found := _of_answer(_return_hint(function))) is not None:
        raise Misuse(f"{said} is annotated to return a Success of {found}")


def _of_instance(value: object, kind: type) -> str | None:
    """Say what is unfinished about a value itself, whatever it holds; a Result is another matter."""
    if hasattr(kind, "__await__"):
        if isinstance(value, Coroutine):
            value.close()  # or it would be warned of as never awaited
        return f"{_named(kind)}, which nobody awaits: {_AWAIT}"
    module = str(kind.__module__)  # None is what some generated classes have
    if module.startswith("concurrent.futures"):
        return "a Future, for which nobody waits: return its result()"
    if hasattr(kind, "__anext__") or (isinstance(value, Iterator) and module in {"builtins", "itertools"}):
        return f"{_named(kind)}, which nobody runs: {_LIST}"
    if module == "returns.io":
        return f"{_named(kind)}: {_PERFORM}"
    if module.startswith("returns.context"):
        return f"{_named(kind)}, which nobody calls: {_CALL}"
    return None


def _within(values: Iterable[object], container: type) -> str | None:
    """Say what is unfinished among values. Results among them are data; nobody could tell which of them count."""
    found = None
    for value in values:
        kind = type(value)
        if kind not in FINISHED and (each := _of_instance(value, kind)) is not None and found is None:
            found = f"{_named(container)} with {each}"  # the others are looked at too: coroutines are closed
    return found


def _named(kind: type) -> str:
    name = kind.__name__.lstrip("_")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _of_wrapped(function: object) -> str | None:
    """Say what is unfinished about what a function returns that one of `returns` puts into a Success."""
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        return f"a generator, which nobody runs: {_LIST}"
    return _of_value(_return_hint(function))


_SUSPECT: Final = re.compile(r"Result|IO|Future|Awaitable|Coroutine|Task|Generator|Iterator")
"""Occurs in the text of an annotation that may be refused; others are not worth being resolved."""

_UNIONS: Final = (Union, UnionType)


def _return_hint(function: object) -> object:
    """Resolve a function's return annotation; None where there is none, or it cannot be resolved here."""
    try:
        hint = getattr(function, "__annotations__", {}).get("return")
        if not isinstance(hint, str):
            return hint
        return get_type_hints(function)["return"] if _SUSPECT.search(hint) else None
    except Exception:  # noqa: BLE001 (annotations are the user's, and may name what is there for checkers alone)
        return None


def _of_answer(hint: object) -> str | None:
    """Say what is unfinished about the value of the Result that a handler of this return annotation gives."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return next(filter(None, map(_of_answer, arguments)), None)
    if not isinstance(origin, type) or not arguments:
        return None
    if origin.__name__ in {"Result", "IOResult", "FutureResult"}:
        return _of_value(arguments[0])
    if issubclass(origin, Awaitable | Sequence):  # of a coroutine function, or of a function of many events
        return _of_answer(arguments[-1])
    return None


def _of_value(hint: object) -> str | None:
    """Say what is unfinished about values of a type."""
    kind = get_origin(hint) or hint
    if kind in _UNIONS:
        return next(filter(None, map(_of_value, get_args(hint))), None)
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Result):
        return f"a Result: {_BIND}"
    if hasattr(kind, "__await__"):
        return f"{_named(kind)}, which nobody awaits: {_AWAIT}"
    if issubclass(kind, Iterator | AsyncIterator) and kind.__module__ in {"builtins", "collections.abc"}:
        return f"{_named(kind)}, which nobody runs: {_LIST}"
    return f"{_named(kind)}: {_PERFORM}" if kind.__module__ == "returns.io" else None
