"""Calls of handlers: each return value, exception and coroutine becomes a Result."""

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


# Values that are not finished: a Success that holds one says "done" of work that has not run.
#
# `returns` makes such a Success where `safe` decorates a coroutine function, or where `.map(f)` stands for
# `.bind(f)`. A handler's answer is looked at when it comes (`unfinished`), and what its annotations and
# decorators tell is looked at before any record comes (`check_finished`).

FINISHED: Final = frozenset({type(None), bool, int, float, str, bytes})
"""The types of most values, which are finished and hold nothing."""

PLAIN: Final = Success if IS_AS_KNOWN else None
"""The type of an answer whose value lies in the slot that `filled` fills; None where there is no such slot."""

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

    Fails with `ConfigurationError`, which names the kind of function and its name.
    """
    _check(f"the {kind} {name}".rstrip(), function)


def _check(who: str, function: object, *, ends: bool = True) -> None:
    """Check a function; one that `ends` no chain may hand to the next what is not finished, an iterator say."""
    function = unwrap_function(function)
    if isfunction(called := getattr(type(function), "__call__", None)):  # noqa: B004 (it is looked into)
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
    hint = _bare_hint(hint)
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
    hint = _bare_hint(hint)
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


def _bare_hint(hint: object) -> object:
    """Take off what says nothing of the type: `Annotated`, and the name of an alias."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":
            hint = getattr(hint, "__value__", None)
        else:
            return hint


# What comes of calling a handler: a `Verdict`, whatever the handler did.
#
# Its Result may have to be awaited, or be taken out of an IOResult. Whatever else comes of a call, an exception
# included, is a `Raised`: nothing that a handler does ends the run, save KeyboardInterrupt and SystemExit.

Verdict: TypeAlias = Result[object, Refused[object] | Raised]
"""A handler's Result, its failure wrapped in the reason that it is."""


def call(function: Callable[[object], object], argument: object) -> object:
    """Call a handler and wait for what it returns; an exception comes back as a `Raised`."""
    try:
        returned = function(argument)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)
    kind = type(returned)
    return returned if kind is Success else waited(returned)


def waited(returned: object) -> object:
    """Wait for what a handler has returned, if it has to be awaited; an exception comes back as a `Raised`."""
    try:
        if not isinstance(returned, Awaitable):
            return returned
        return _wait(cast("Awaitable[object]", returned))  # isinstance drops the type
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


async def call_async(function: Callable[[object], object], argument: object) -> object:
    """Do what `call` does with a coroutine function, on the event loop itself."""
    try:
        return await cast("Awaitable[object]", function(argument))  # which a coroutine function gives
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def wants(where: Callable[[object], object], event: object) -> bool | Raised:
    """Ask a `where` whether it wants an event; an exception comes back as a `Raised`."""
    try:
        answer = where(event)
        if answer is True or answer is False:  # as nearly all do
            return answer
        answer = waited(answer)
        if isinstance(answer, Raised):
            return answer
        found = "a Maybe" if type(answer).__module__ == "returns.maybe" else unfinished(answer)
        if found is not None:
            return Raised(NotAResult(f"the where returned {found.partition(':')[0]}, expected True or False"))
        return bool(answer)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def kept(raised: Raised) -> Raised:
    """Keep what a call raised, unless it is meant for the process: then raise it again, in the thread that waited."""
    if isinstance(raised.exception, KeyboardInterrupt | SystemExit):
        raise raised.exception
    return raised


def verdict(returned: object, who: str = "the handler") -> Verdict:
    """Read what came of a call that answers for one event, or for a whole chunk of them.

    `who` was called, as messages name it.

    Fails with the KeyboardInterrupt or SystemExit that the handler raised.
    """
    given: Any = returned
    kind = type(returned)  # a comparison with it narrows nothing, and leaves nothing half known
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
    except BaseException as exception:  # noqa: BLE001 (the promise of this module: an answer can raise when looked at)
        raised = Raised(exception)
    return Failure(kept(raised))


def shortcoming(returned: object, who: str) -> Refused[object] | Raised | None:
    """Read what came of a call that need not answer anything: what failed, or is unfinished, and None if nothing is."""
    if returned is None:
        return None
    try:
        plain = _without_io(returned)
        if not _is_answer(plain):
            found = unfinished(plain)
            return None if found is None else Raised(NotAResult(f"{who} returned {found}"))
    except Exception as exception:  # noqa: BLE001 (an answer can raise when looked at)
        return Raised(exception)
    outcome = verdict(plain, who)
    return outcome.failure() if isinstance(outcome, Failure) else None


def _is_answer(value: object) -> bool:
    return isinstance(value, Result | Raised)


def verdicts(returned: object, count: int) -> list[Verdict] | Verdict:
    """Read what came of a call for `count` events that answers for each of them; one failure if it did not."""
    try:
        answers = _answers(returned, count)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module: an answer can raise when looked at)
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
    """Name the type of what a handler returned, and of what that holds if it is an IO."""
    name = type(returned).__name__
    return name if plain is returned else f"{name}[{type(plain).__name__}]"


def _wait(returned: Awaitable[object]) -> object:
    try:
        future = submit(_awaited(returned))
    except CANNOT_START:
        if isinstance(returned, Coroutine):
            returned.close()  # or it would be warned of as never awaited
        raise
    return future.result()


async def _awaited(returned: Awaitable[object]) -> object:
    """Await on the loop's own thread, where an exception that leaves a coroutine could end the loop."""
    try:
        return await returned
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def _without_io(returned: object) -> object:
    """Take the Result out of an IOResult; `returns.io` is loaded only where a handler has loaded it."""
    if type(returned).__module__ == "returns.io":
        from returns.unsafe import unsafe_perform_io

        # Everything that the module makes is an IO of something.
        return unsafe_perform_io(cast("IO[object]", returned))
    return returned


# The Result of a handler that has succeeded.

HandlerResult: TypeAlias = Result[Handled[object], Failed[object]]
"""What a pipeline gathers, before it is given the types of its handlers again."""

handled_twin: Final = unguarded(Handled)


def filled(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Say that a handler has succeeded on a record, of which its `answer` is a Success: by filling slots."""
    given: Any = answer
    handled = handled_twin()
    handled.record = record
    handled.handler = handler
    handled.value = given._inner_value  # noqa: SLF001 (the slot that is filled below)
    handled.__class__ = Handled
    made = unguarded_success()
    made._inner_value = handled  # noqa: SLF001 (as in `streamfn._successes`)
    made.__class__ = Success
    finished: HandlerResult = made
    return finished


def constructed(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Say that by way of the constructors."""
    given: Any = answer
    return Success(Handled(record, handler, given.unwrap()))


success: Final = filled if IS_AS_KNOWN else constructed
"""Says that a handler has succeeded on a record, by the Success that it answered."""
