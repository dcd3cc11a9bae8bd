"""Calls of handlers: unfinished values, calls and the Results that they return, and the Result of a success."""

from __future__ import annotations

import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
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
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    TypeAlias,
    Union,  # pyright: ignore[reportDeprecated] (annotations may be written with it)
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from returns.result import Failure, Result, Success

from streamfn._dataclasses import IS_AS_KNOWN, unguarded, unguarded_success
from streamfn._errors import ConfigurationError
from streamfn._execution.event_loop import CANNOT_START, submit
from streamfn._failures import Failed, Handled, NotAResult, Raised, Refused
from streamfn._handlers import unwrap_function
from streamfn._records import StreamRecord

if TYPE_CHECKING:
    from returns.io import IO


# Unfinished values: a Success with one of them reports work as done that has not run.
#
# Such a Success comes from `safe` on a coroutine function, or from `.map(f)` in place of `.bind(f)`. `check_finished`
# checks a handler's annotations and decorators at import, and `unfinished` checks each value of a Success.

FINISHED: Final = frozenset({type(None), bool, int, float, str, bytes})
"""The types of most values: they are finished, and contain no other values."""

PLAIN: Final = Success if IS_AS_KNOWN else None
"""The type of a Result whose value is in the slot that `filled` fills; None if there is no such slot."""

_DECORATORS: Final = frozenset({"returns.result", "returns.io"})
"""The modules of `safe`, `attempt` and `impure_safe`, which put any return value into a Success."""

_CONTAINERS: Final = (list, tuple, set, frozenset)

_AWAIT: Final = "await it, and decorate a coroutine function with future_safe instead of safe"
_BIND: Final = (
    "write .bind(f) instead of .map(f) where f returns a Result, and no safe on a function that returns one"
)
_PERFORM: Final = "return the IOResult itself"
_LIST: Final = "run it to its end, as list() does"
_CALL: Final = "call it with what it needs"


def unfinished(value: object) -> str | None:
    """Return how the value of a Success is unfinished, and the code to write instead; None if it is finished.

    A coroutine is closed, because no caller awaits it.

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
    """Raise `ConfigurationError` if annotations or decorators show that a Success would be unfinished.

    The message has the kind of function and its name.
    """
    _check(f"the {kind} {name}".rstrip(), function)


def _check(who: str, function: object, *, ends: bool = True) -> None:
    """Check a function. A step that does not end its chain may pass on an unfinished value, such as an iterator."""
    function = unwrap_function(function)
    if isfunction(called := getattr(type(function), "__call__", None)):  # noqa: B004 (the method itself is needed)
        function = called  # of an object that can be called
    layer = function
    while (wrapped := getattr(layer, "__wrapped__", None)) is not None:
        made_by = getattr(layer, "__globals__", {}).get("__name__")
        if made_by in _DECORATORS and iscoroutinefunction(wrapped):
            raise ConfigurationError(
                f"{who} would return a Success of a coroutine, which nobody awaits: {_AWAIT}"
            )
        is_made = ends and made_by in {"returns.future", *_DECORATORS}
        if is_made and (found := _of_wrapped(wrapped)) is not None:
            raise ConfigurationError(f"{who} would return a Success of {found}")
        layer = wrapped
    if ends and (found := _of_answer(_return_hint(function))) is not None:
        raise ConfigurationError(f"{who} is annotated to return a Success of {found}")
    steps: object = getattr(function, "steps", None)  # of a chain
    if not isinstance(steps, tuple) or getattr(function, "__module__", None) != "streamfn._handlers":
        return
    of_chain = cast("tuple[object, ...]", steps)  # isinstance drops the type
    for number, step in enumerate(of_chain, 1):
        name = getattr(step, "__name__", number)
        _check(f"{who}, in its step {name},", step, ends=ends and number == len(of_chain))


def _of_instance(value: object, kind: type) -> str | None:
    """Return how a value is unfinished, without regard to values in it; None for a Result."""
    if hasattr(kind, "__await__"):
        if isinstance(value, Coroutine):
            value.close()  # prevents the warning "never awaited"
        return f"{_named(kind)}, which nobody awaits: {_AWAIT}"
    is_lazy = isinstance(value, Iterator) and kind.__module__ in {"builtins", "itertools"}
    if hasattr(kind, "__anext__") or is_lazy or isinstance(value, Generator):
        return f"{_named(kind)}, which nobody runs: {_LIST}"
    return _by_module(kind)


def _by_module(kind: type) -> str | None:
    """Return how values of a type are unfinished, if the type's module shows it."""
    module = str(kind.__module__)  # None for some generated classes
    if module.startswith("concurrent.futures"):
        return "a Future, for which nobody waits: return its result()"
    if module == "returns.io":
        return f"{_named(kind)}: {_PERFORM}"
    if module.startswith("returns.context"):
        return f"{_named(kind)}, which nobody calls: {_CALL}"
    return None


def _parts(value: object) -> Iterable[object] | None:
    """Return the values in a container, at one level; None for any other value."""
    if isinstance(value, _CONTAINERS):
        return cast("Iterable[object]", value)  # isinstance drops the type
    if isinstance(value, dict):
        return cast("dict[object, object]", value).values()  # isinstance drops the type
    if isinstance(value, Result) or type(value).__module__ == "returns.maybe":
        # A Success, a Failure, a Some and a Nothing have their value in this slot.
        return (cast("object", value._inner_value),)  # type: ignore[attr-defined]  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    return None


def _within(container: object) -> str | None:
    """Return how values in a container are unfinished, at any depth; None if all are finished.

    Results in a container are data, but their values have to be finished.
    """
    found = None
    inner, known = [container], {id(container)}  # containers may contain each other
    for outer in inner:  # the list grows in the loop
        for value in _parts(outer) or ():
            kind = type(value)
            if kind in FINISHED:
                continue
            if (each := _of_instance(value, kind)) is not None:
                # The loop goes on, because other coroutines have to be closed too.
                found = found or f"{_named(type(outer))} with {each}"
            elif id(value) not in known and _parts(value) is not None:
                known.add(id(value))
                inner.append(value)
    return found


def _named(kind: type) -> str:
    name = kind.__name__.lstrip("_")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _of_wrapped(function: object) -> str | None:
    """Return how the values are unfinished that a decorator of `returns` puts into a Success."""
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        return f"a generator, which nobody runs: {_LIST}"
    return _of_value(_return_hint(function))


_SUSPECT: Final = re.compile(r"Result|Success|IO|Future|Awaitable|Coroutine|Task|Generator|Iterator")
"""Occurs in the text of each annotation that may be refused; other annotations are not resolved."""

_UNIONS: Final = (Union, UnionType)  # pyright: ignore[reportDeprecated] (as above)

_ANSWERS: Final = frozenset({"Result", "Success", "IOResult", "IOSuccess", "FutureResult"})


def _return_hint(function: object) -> object:
    """Return a function's return annotation, resolved; None if there is none, or if it cannot be resolved."""
    try:
        hint = getattr(function, "__annotations__", {}).get("return")
        if not isinstance(hint, str):
            return hint
        return get_type_hints(function)["return"] if _SUSPECT.search(hint) else None
    except Exception:  # noqa: BLE001 (a user's annotation may name types that only checkers see)
        return None


def _of_answer(hint: object) -> str | None:
    """Return how the value of a Success is unfinished, by a handler's return annotation; None if it is finished."""
    hint = _bare_hint(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return next(filter(None, map(_of_answer, arguments)), None)
    if not isinstance(origin, type) or not arguments:
        return None
    if origin.__name__ in _ANSWERS:
        return _of_value(arguments[0])
    if issubclass(origin, Awaitable | Sequence):  # of a coroutine function or a batched handler
        return _of_answer(arguments[-1])
    return None


def _of_value(hint: object, container: type | None = None) -> str | None:
    """Return how values of a type are unfinished; None if they are finished. Results in a container are data."""
    hint = _bare_hint(hint)
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind in _UNIONS:
        return next(filter(None, (_of_value(each, container) for each in arguments)), None)
    if not isinstance(kind, type):
        return None
    cls = cast("type[object]", kind)  # isinstance drops the type arguments
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
    """Return `issubclass(kind, classes)`, but do not narrow the type for a type checker."""
    return issubclass(kind, classes)


def _bare_hint(hint: object) -> object:
    """Return a hint without `Annotated` and without aliases."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":
            hint = getattr(hint, "__value__", None)
        else:
            return hint


# Calls of handlers, and the `Verdict` on each return value.
#
# A return value is awaited if need be, and an IOResult is unwrapped. Every exception, and every other return value,
# becomes a `Raised`. Only KeyboardInterrupt and SystemExit end a run.

Verdict: TypeAlias = Result[object, Refused[object] | Raised]
"""A handler's Result; a failure is wrapped in its reason."""


def call(function: Callable[[object], object], argument: object) -> object:
    """Call a handler, and return its awaited return value; an exception is returned as a `Raised`."""
    try:
        returned = function(argument)
    except BaseException as exception:  # noqa: BLE001 (every exception becomes a Raised)
        return Raised(exception)
    kind = type(returned)
    return returned if kind is Success else waited(returned)


def waited(returned: object) -> object:
    """Return a handler's return value, awaited if need be; an exception is returned as a `Raised`."""
    try:
        if not isinstance(returned, Awaitable):
            return returned
        return _wait(cast("Awaitable[object]", returned))  # isinstance drops the type
    except BaseException as exception:  # noqa: BLE001 (every exception becomes a Raised)
        return Raised(exception)


async def call_async(function: Callable[[object], object], argument: object) -> object:
    """Call a coroutine function on the event loop itself; an exception is returned as a `Raised`."""
    try:
        return await cast("Awaitable[object]", function(argument))  # of a coroutine function
    except BaseException as exception:  # noqa: BLE001 (every exception becomes a Raised)
        return Raised(exception)


def wants(where: Callable[[object], object], event: object) -> bool | Raised:
    """Return whether a `where` wants an event; an exception is returned as a `Raised`."""
    try:
        answer = where(event)
        if answer is True or answer is False:  # as in nearly every call
            return answer
        answer = waited(answer)
        if isinstance(answer, Raised):
            return answer
        found = "a Maybe" if type(answer).__module__ == "returns.maybe" else unfinished(answer)
        if found is not None:
            return Raised(NotAResult(f"the where returned {found.partition(':')[0]}, expected True or False"))
        return bool(answer)
    except BaseException as exception:  # noqa: BLE001 (every exception becomes a Raised)
        return Raised(exception)


def kept(raised: Raised) -> Raised:
    """Return a `Raised`, but raise its KeyboardInterrupt or SystemExit, in the thread that waits for the call."""
    if isinstance(raised.exception, KeyboardInterrupt | SystemExit):
        raise raised.exception
    return raised


def verdict(returned: object, who: str = "the handler") -> Verdict:
    """Return the verdict on the return value of a call for one event, or for a chunk as a whole.

    `who` is the name of the called function in messages. Raises a KeyboardInterrupt or SystemExit of the handler.
    """
    given: Any = returned
    kind = type(returned)  # a comparison of types does not narrow `returned`
    if kind is PLAIN and type(given._inner_value) in FINISHED:  # noqa: SLF001 (as in `filled`)
        finished: Verdict = given
        return finished
    try:
        plain = returned if kind is Success else _without_io(returned)
        if isinstance(plain, Success):
            success = cast("Success[object]", plain)  # isinstance drops the type
            value = success.unwrap()
            if type(value) in FINISHED or (found := unfinished(value)) is None:
                return success
            raised = Raised(NotAResult(f"{who} returned a Success of {found}"))
        elif isinstance(plain, Failure):
            return Failure(Refused(cast("Failure[object]", plain).failure()))  # isinstance drops the type
        else:
            raised = plain if isinstance(plain, Raised) else _not(_kind(returned, plain), "a Result")
    except BaseException as exception:  # noqa: BLE001 (the Result of a handler may raise when it is read)
        raised = Raised(exception)
    return Failure(kept(raised))


def shortcoming(returned: object, who: str) -> Refused[object] | Raised | None:
    """Return the reason why a call that may return any value failed, or is unfinished; None if it succeeded."""
    if returned is None:
        return None
    try:
        plain = _without_io(returned)
        if not _is_answer(plain):
            found = unfinished(plain)
            return None if found is None else Raised(NotAResult(f"{who} returned {found}"))
    except Exception as exception:  # noqa: BLE001 (a return value may raise when it is read)
        return Raised(exception)
    outcome = verdict(plain, who)
    return outcome.failure() if isinstance(outcome, Failure) else None


def _is_answer(value: object) -> bool:
    return isinstance(value, Result | Raised)


def verdicts(returned: object, count: int) -> list[Verdict] | Verdict:
    """Return the verdicts of a call that returns a Result for each of `count` events; one failure if it does not."""
    try:
        answers = _answers(returned, count)
    except BaseException as exception:  # noqa: BLE001 (the Result of a handler may raise when it is read)
        answers = Raised(exception)
    if isinstance(answers, Raised):
        return verdict(answers)
    return [verdict(answer) for answer in answers]


def _answers(returned: object, count: int) -> tuple[object, ...] | Raised:
    if isinstance(returned, Raised):
        return returned
    if not isinstance(returned, Sequence):
        return _not(type(returned).__name__, "a sequence of Results")
    answers = tuple(cast("Sequence[object]", returned))  # isinstance drops the type
    if len(answers) != count:
        return Raised(NotAResult(f"the handler returned {len(answers)} Results for {count} events"))
    return answers


def _not(kind: str, expected: str) -> Raised:
    return Raised(NotAResult(f"the handler returned {kind}, expected {expected}"))


def _kind(returned: object, plain: object) -> str:
    """Return the type's name of a return value, with the type of its content if it is an IO."""
    name = type(returned).__name__
    return name if plain is returned else f"{name}[{type(plain).__name__}]"


def _wait(returned: Awaitable[object]) -> object:
    try:
        future = submit(_awaited(returned))
    except CANNOT_START:
        if isinstance(returned, Coroutine):
            returned.close()  # prevents the warning "never awaited"
        raise
    return future.result()


async def _awaited(returned: Awaitable[object]) -> object:
    """Await on the loop's thread, and catch every exception: one that leaves a coroutine could end the loop."""
    try:
        return await returned
    except BaseException as exception:  # noqa: BLE001 (every exception becomes a Raised)
        return Raised(exception)


def _without_io(returned: object) -> object:
    """Return the Result in an IOResult, and any other value unchanged. Only a handler's code imports `returns.io`."""
    if type(returned).__module__ == "returns.io":
        from returns.unsafe import unsafe_perform_io

        # Every object of that module is an IO.
        return unsafe_perform_io(cast("IO[object]", returned))
    return returned


# The Result of a success, built fast; see the unguarded classes in `streamfn._dataclasses`.

HandlerResult: TypeAlias = Result[Handled[object], Failed[object]]
"""A Result of a run. A pipeline casts it to the types of its handlers."""

handled_twin: Final = unguarded(Handled)


def filled(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Return the Result of a handler's success, with the value of the Success `answer`, by filling slots."""
    given: Any = answer
    handled = handled_twin()
    handled.record = record
    handled.handler = handler
    handled.value = given._inner_value  # noqa: SLF001 (the slot that is filled below)
    handled.__class__ = Handled
    made = unguarded_success()
    made._inner_value = handled  # noqa: SLF001 (as in `fast_success`)
    made.__class__ = Success
    finished: HandlerResult = made
    return finished


def constructed(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Return the same Result as `filled`, by the constructors."""
    given: Any = answer
    return Success(Handled(record, handler, given.unwrap()))


success: Final = filled if IS_AS_KNOWN else constructed
"""Returns the Result of a handler's success on a record."""
