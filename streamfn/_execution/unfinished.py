"""Values that are not finished: a Success that holds one says "done" of work that has not run.

`returns` makes such a Success where `safe` decorates a coroutine function, or where `.map(f)` stands for `.bind(f)`. A
handler's answer is looked at when it comes (`unfinished`), and what its annotations and decorators tell is looked at
before any record comes (`check_finished`).
"""

from __future__ import annotations

import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction, isgeneratorfunction
from types import UnionType
from typing import (
    Annotated,
    Final,
    Union,  # pyright: ignore[reportDeprecated] (annotations may be written with it)
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from returns.result import Result

from streamfn._handlers.names import unwrapped
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
    return None if _parts(value) is None else _within(value)


def check_finished(name: str, function: object, kind: str = "handler") -> None:
    """Refuse a function of which it can be told that its Success would hold something unfinished.

    Fails with `Misuse`, which names the kind of function and its name.
    """
    _check(f"the {kind} {name}".rstrip(), function)


def _check(who: str, function: object, *, ends: bool = True) -> None:
    """Check a function; one that `ends` no chain may hand to the next what is not finished, an iterator say."""
    function = unwrapped(function)
    if isfunction(called := getattr(type(function), "__call__", None)):  # noqa: B004 (it is looked into)
        function = called  # of an object that can be called
    layer = function
    while (wrapped := getattr(layer, "__wrapped__", None)) is not None:
        made_by = getattr(layer, "__globals__", {}).get("__name__")
        if made_by in _DECORATORS and iscoroutinefunction(wrapped):
            raise Misuse(f"{who} would return a Success of a coroutine, which nobody awaits: {_AWAIT}")
        is_made = ends and made_by in {"returns.future", *_DECORATORS}
        if is_made and (found := _of_wrapped(wrapped)) is not None:
            raise Misuse(f"{who} would return a Success of {found}")
        layer = wrapped
    if ends and (found := _of_answer(_return_hint(function))) is not None:
        raise Misuse(f"{who} is annotated to return a Success of {found}")
    steps: object = getattr(function, "steps", None)  # of a chain
    if not isinstance(steps, tuple) or getattr(function, "__module__", None) != "streamfn._handlers.chain":
        return
    of_chain = cast("tuple[object, ...]", steps)  # isinstance drops the type
    for number, step in enumerate(of_chain, 1):
        name = getattr(step, "__name__", number)
        _check(f"{who}, in its step {name},", step, ends=ends and number == len(of_chain))


def _of_instance(value: object, kind: type) -> str | None:
    """Say what is unfinished about a value itself, whatever it holds; a Result is another matter."""
    if hasattr(kind, "__await__"):
        if isinstance(value, Coroutine):
            value.close()  # or it would be warned of as never awaited
        return f"{_named(kind)}, which nobody awaits: {_AWAIT}"
    is_lazy = isinstance(value, Iterator) and kind.__module__ in {"builtins", "itertools"}
    if hasattr(kind, "__anext__") or is_lazy or isinstance(value, Generator):
        return f"{_named(kind)}, which nobody runs: {_LIST}"
    return _by_module(kind)


def _by_module(kind: type) -> str | None:
    """Say what is unfinished about values of a type, where the module that has it tells."""
    module = str(kind.__module__)  # None is what some generated classes have
    if module.startswith("concurrent.futures"):
        return "a Future, for which nobody waits: return its result()"
    if module == "returns.io":
        return f"{_named(kind)}: {_PERFORM}"
    if module.startswith("returns.context"):
        return f"{_named(kind)}, which nobody calls: {_CALL}"
    return None


def _parts(value: object) -> Iterable[object] | None:
    """List what a container holds, at one level; None of what is no container."""
    if isinstance(value, _CONTAINERS):
        return cast("Iterable[object]", value)  # isinstance drops the type
    if isinstance(value, dict):
        return cast("dict[object, object]", value).values()  # isinstance drops the type
    if isinstance(value, Result) or type(value).__module__ == "returns.maybe":
        # A Success, a Failure, a Some and a Nothing have their value there.
        return (cast("object", value._inner_value),)  # type: ignore[attr-defined]  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    return None


def _within(container: object) -> str | None:
    """Say what is unfinished in a container, at any depth.

    Results in it are data, as nobody could tell which of them count; what they hold has to be finished.
    """
    found = None
    inner, known = [container], {id(container)}  # which hold each other, perhaps
    for outer in inner:  # which grows
        for value in _parts(outer) or ():
            kind = type(value)
            if kind in FINISHED:
                continue
            if (each := _of_instance(value, kind)) is not None:
                # The others are looked at too: coroutines are closed.
                found = found or f"{_named(type(outer))} with {each}"
            elif id(value) not in known and _parts(value) is not None:
                known.add(id(value))
                inner.append(value)
    return found


def _named(kind: type) -> str:
    name = kind.__name__.lstrip("_")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _of_wrapped(function: object) -> str | None:
    """Say what is unfinished about what a function returns that one of `returns` puts into a Success."""
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        return f"a generator, which nobody runs: {_LIST}"
    return _of_value(_return_hint(function))


_SUSPECT: Final = re.compile(r"Result|Success|IO|Future|Awaitable|Coroutine|Task|Generator|Iterator")
"""Occurs in the text of an annotation that may be refused; others are not worth being resolved."""

_UNIONS: Final = (Union, UnionType)  # pyright: ignore[reportDeprecated] (as above)

_ANSWERS: Final = frozenset({"Result", "Success", "IOResult", "IOSuccess", "FutureResult"})


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
    hint = _plain(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return next(filter(None, map(_of_answer, arguments)), None)
    if not isinstance(origin, type) or not arguments:
        return None
    if origin.__name__ in _ANSWERS:
        return _of_value(arguments[0])
    if issubclass(origin, Awaitable | Sequence):  # of a coroutine function, or of a function of many events
        return _of_answer(arguments[-1])
    return None


def _of_value(hint: object, container: type | None = None) -> str | None:
    """Say what is unfinished about values of a type; Results in a container are data."""
    hint = _plain(hint)
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind in _UNIONS:
        return next(filter(None, (_of_value(each, container) for each in arguments)), None)
    if not isinstance(kind, type):
        return None
    cls = cast("type[object]", kind)  # isinstance knows no parameters
    if _is_a(cls, Result) and container is None:
        return f"a Result: {_BIND}"
    found: str | None
    if hasattr(cls, "__await__"):
        found = f"{_named(cls)}, which nobody awaits: {_AWAIT}"
    elif _is_a(cls, Iterator, AsyncIterator) and cls.__module__ in {"builtins", "collections.abc"}:
        found = f"{_named(cls)}, which nobody runs: {_LIST}"
    elif (found := _by_module(cls)) is None and _is_a(cls, *_CONTAINERS, Sequence, Mapping):
        return next(filter(None, (_of_value(each, cls) for each in arguments)), None)
    return found if found is None or container is None else f"{_named(container)} with {found}"


def _is_a(kind: type[object], *classes: type) -> bool:
    """Do what `issubclass` does, and leave a type checker's view of the kind as it is."""
    return issubclass(kind, classes)


def _plain(hint: object) -> object:
    """Take off what says nothing of the type: `Annotated`, and the name of an alias."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":
            hint = getattr(hint, "__value__", None)
        else:
            return hint
