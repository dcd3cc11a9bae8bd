"""Handlers.

In this order: return types, handlers of batches, names, registration for events, and chains of smaller functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Generic, Never, TypeAlias, cast, overload

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar, override

from streamfn._dataclasses import Value, Wrappable
from streamfn._errors import ConfigurationError, check_function, kind_of
from streamfn._events import Event, InsertEvent, KeysEvent, Kind, ModifyEvent, RemoveEvent, UpsertEvent
from streamfn._failures import NotAResult

if TYPE_CHECKING:
    from returns.future import FutureResult
    from returns.io import IOResult


# The return types of a handler: its Result at once or to be awaited, bare or marked as impure.

A = TypeVar("A")
E = TypeVar("E")

# As text: `returns` loads asyncio with its futures, and a cold start would pay for it.
Outcome: TypeAlias = "Result[A, E] | IOResult[A, E] | Awaitable[Result[A, E]] | FutureResult[A, E]"
"""The return value of a handler: one Result, at once or to be awaited."""

Outcomes: TypeAlias = "Sequence[Result[A, E]] | Awaitable[Sequence[Result[A, E]]]"
"""The return value of a handler of many events, if each event has a Result of its own."""


# Handlers of many events at once.
#
# `batched` and `batched_each` turn a function of a sequence of events into an object that every ``on_…`` accepts like
# a function of one event, and that a test, for example, can call with one event.

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
X = TypeVar("X")
X_contra = TypeVar("X_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batched(Value, Wrappable, Generic[X_contra, A_co, E_co]):
    """A function of a chunk of events with one outcome for all of them; `batched` makes it."""

    function: Callable[[Sequence[X_contra]], Outcome[A_co, E_co]]
    size: int | None

    @override
    def _called(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, event: X_contra, /) -> Outcome[A_co, E_co]:
        return self.function([event])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchedEach(Value, Wrappable, Generic[X_contra, A_co, E_co]):
    """A function of a chunk of events with an outcome for each of them; `batched_each` makes it."""

    function: Callable[[Sequence[X_contra]], Outcomes[A_co, E_co]]
    size: int | None

    @override
    def _called(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, event: X_contra, /) -> Outcome[A_co, E_co]:
        results = self.function([event])
        if isinstance(results, Awaitable):
            return _only(results)
        (result,) = results
        return result


def batched(f: Callable[[Sequence[X]], Outcome[A, E]], /, size: int | None = None) -> Batched[X, A, E]:
    """Make a handler of chunks: it receives the events of a batch in chunks, and returns one Result for a chunk.

    `size` is the greatest number of events in a chunk; None is the whole batch. An item appears at most once in a
    chunk. A chunk's Result counts for each of its events: a failure fails all of them.

    Raises `ConfigurationError` if `size` is less than 1.

    >>> from returns.result import Success
    >>> total = batched(lambda events: Success(sum(events)), size=2)
    >>> total(5)
    <Success: 5>
    """
    return Batched(_function(f, "batched"), _checked_size(size))


def batched_each(
    f: Callable[[Sequence[X]], Outcomes[A, E]], /, size: int | None = None
) -> BatchedEach[X, A, E]:
    """Make a handler of chunks that returns a Result for each event, in their order.

    `size` is as in `batched`, and an item appears at most once in a chunk. A function that returns another number of
    Results than it has events has failed on all of them, with `Raised`: no Result could be assigned to its event.

    Raises `ConfigurationError` if `size` is less than 1.

    >>> from returns.result import Success
    >>> doubled = batched_each(lambda events: [Success(2 * event) for event in events])
    >>> doubled(5)
    <Success: 10>
    """
    return BatchedEach(_function(f, "batched_each"), _checked_size(size))


def _function(f: FunctionT, factory: str) -> FunctionT:
    check_function(f, f"the argument of {factory}()", f"{factory}(announce)")
    if isinstance(f, Batched | BatchedEach):
        raise ConfigurationError(
            f"{factory}() takes a function of events, got one that is batched already: leave one of them out"
        )
    if isinstance(f, Wrappable):
        raise ConfigurationError(
            f"{factory}() takes a function of events, got {kind_of(f)}, which takes a payload"
        )
    return f


def _checked_size(size: object) -> int | None:
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool):
        raise ConfigurationError(f"size is a whole number or None, got {kind_of(size)}")
    if size < 1:
        raise ConfigurationError(
            f"a chunk holds at least one event: size={size} should be 1 or more, or None for no limit"
        )
    return size


async def _only(results: Awaitable[Sequence[Result[A, E]]]) -> Result[A, E]:
    (result,) = await results
    return result


# Names of handlers, as Results, reports and logs show them.


def callable_name(f: object) -> str:
    """Find the name of a function, through `batched` and `functools.partial`.

    Raises `ConfigurationError` for a callable that has none.

    >>> callable_name(partial(print, "hello"))
    'print'
    """
    inner = unwrap_function(f)
    if isinstance(name := getattr(inner, "__name__", None), str):
        return name
    raise ConfigurationError(f"a handler of type {type(inner).__name__} has no name of its own: pass name=")


def unwrap_function(f: object) -> object:
    """Return the function within `batched`, `batched_each` and `functools.partial`.

    >>> unwrap_function(partial(print, "hello")) is print
    True
    """
    inner = f
    while isinstance(inner, Batched | BatchedEach | partial):
        # isinstance drops the types.
        wrapper = cast("Batched[object, object, object] | partial[object]", inner)
        inner = wrapper.func if isinstance(wrapper, partial) else wrapper.function
    return inner


def handler_name(f: object, name: object) -> str:
    """Return the given name of a handler, or else its function's.

    Raises `ConfigurationError` for arguments of other types.

    >>> handler_name(print, None), handler_name(print, "announce")
    ('print', 'announce')
    """
    check_function(f, "a handler", "on_insert(announce)")
    if _takes_a_payload(f):
        raise ConfigurationError(
            f"a handler is a function of an event, got {kind_of(f)}, which takes a payload"
        )
    if isinstance(f, type) and not f.__module__.startswith("returns."):
        raise ConfigurationError(
            f"a handler is a function, got {kind_of(f)}: pass an instance of it, or the function itself"
        )
    if not isinstance(name, str | None):
        raise ConfigurationError(f'name is text, got {kind_of(name)}: write name="announce"')
    if name == "":
        raise ConfigurationError(
            'name is empty: write name="announce", or leave it out to have the function\'s own'
        )
    return name or callable_name(f)


def _takes_a_payload(f: object) -> bool:
    """Return whether a function is a pipeline, or one that Lambda calls."""
    return isinstance(f, Wrappable) and not isinstance(f, Batched | BatchedEach)


# Registration: a function, its kind of event, and its condition.
#
# The seven combinations of INSERT, MODIFY and REMOVE need no more names than these: a function of ``ModifyEvent[T] |
# RemoveEvent[T]`` goes to `on_modify` and to `on_remove`, and the two registrations are one handler.

T = TypeVar("T")
K = TypeVar("K")
W = TypeVar("W")
T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handler(Value, Generic[T_contra, A_co, E_co]):
    """One registration: `function` gets the events of `kind` that `where` accepts, under the name `name`.

    `T_contra` is the model of its events, `A_co` and `E_co` are the types in its Results. `keys` is the model of a
    `KeysEvent`'s keys, None for all other kinds.
    """

    name: str
    kind: Kind
    function: Callable[[Never], object]
    where: Callable[[Never], object] | None
    keys: type[object] | None = None

    @property
    def batched(self) -> bool:
        """Whether the function sees chunks of events."""
        return isinstance(self.function, Batched | BatchedEach)


AnyHandler: TypeAlias = Handler[Never, object, object]
"""A handler whose types have done their work."""


def on_insert(
    f: Callable[[InsertEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[InsertEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Register `f` for each item that is inserted into the table.

    `name` is the handler's name in Results, reports and logs: by default the function's own name. `where` decides
    which events the handler wants; a refused event has no Result. The condition should be pure: it may be called again
    for the same event.

    All ``on_…`` accept `batched` and `batched_each` functions too.

    Raises `ConfigurationError` if there is no name.

    >>> from returns.result import Result, Success
    >>> def announce(event: InsertEvent[str]) -> Result[str, str]:
    ...     return Success(f"announced {event.new_image}")
    >>> on_insert(announce).name
    'announce'
    """
    return Handler(handler_name(f, name), "insert", f, _checked_where(where))


def on_modify(
    f: Callable[[ModifyEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[ModifyEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Register `f` for each item that is modified; see `on_insert`. ``where=changed(…)`` compares the images."""
    return Handler(handler_name(f, name), "modify", f, _checked_where(where))


def on_remove(
    f: Callable[[RemoveEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[RemoveEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Register `f` for each item that leaves the table, removed by a client or expired; see `on_insert`."""
    return Handler(handler_name(f, name), "remove", f, _checked_where(where))


def on_upsert(
    f: Callable[[UpsertEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[UpsertEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Register `f` for each item that is inserted or modified, with its new image alone; see `on_insert`.

    This registration fits streams of the view type NEW_IMAGE.
    """
    return Handler(handler_name(f, name), "upsert", f, _checked_where(where))


def on_event(
    f: Callable[[Event[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[Event[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Register `f` for every change: its argument is an insert, a modify or a remove event; see `on_insert`."""
    return Handler(handler_name(f, name), "event", f, _checked_where(where))


def on_keys(
    model: type[K],
    f: Callable[[KeysEvent[K]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[KeysEvent[K]], bool] | None = None,
) -> Handler[object, A, E]:
    """Register `f` for every change by its keys alone, structured as a `model`; see `on_insert`.

    The handler works on every stream, those of the view type KEYS_ONLY included.
    """
    if _is_no_model(model):
        raise ConfigurationError(
            f"on_keys() takes the model of the keys first, got {kind_of(model)}: write on_keys(CardKey, announce)"
        )
    return Handler(handler_name(f, name), "keys", f, _checked_where(where), model)


def _is_no_model(model: object) -> bool:
    """Return whether a value is neither a class for images, nor a generic one with arguments."""
    return model.__module__ == "builtins" if isinstance(model, type) else not hasattr(model, "__origin__")


def changed(get: Callable[[T], object], /) -> Callable[[ModifyEvent[T]], bool]:
    """Return a `where` that wants an event only if `get` returns different values for the two images.

    >>> from types import SimpleNamespace
    >>> event = SimpleNamespace(old_image="hello", new_image="HELLO")
    >>> changed(str.lower)(event), changed(str)(event)
    (False, True)
    """
    check_function(get, "the argument of changed()", "changed(lambda card: card.title)")
    if iscoroutinefunction(get):
        raise ConfigurationError(
            "the argument of changed() is a coroutine function, and no coroutine equals another one"
        )

    def differs(event: ModifyEvent[T]) -> bool:
        return get(event.old_image) != get(event.new_image)

    return differs


def _checked_where(where: W) -> W:
    if where is not None:
        check_function(where, "where", "where=changed(lambda card: card.title)")
    return where


# Chains: handlers made of smaller functions.

B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F")
G = TypeVar("G")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
E5 = TypeVar("E5")
E6 = TypeVar("E6")


@overload
def chain(
    f1: Callable[[X], Result[A, E1]], f2: Callable[[A], Result[B, E2]], /
) -> Callable[[X], Result[B, E1 | E2]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]], f2: Callable[[A], Result[B, E2]], f3: Callable[[B], Result[C, E3]], /
) -> Callable[[X], Result[C, E1 | E2 | E3]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    /,
) -> Callable[[X], Result[D, E1 | E2 | E3 | E4]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    f5: Callable[[D], Result[F, E5]],
    /,
) -> Callable[[X], Result[F, E1 | E2 | E3 | E4 | E5]]: ...
@overload
def chain(
    f1: Callable[[X], Result[A, E1]],
    f2: Callable[[A], Result[B, E2]],
    f3: Callable[[B], Result[C, E3]],
    f4: Callable[[C], Result[D, E4]],
    f5: Callable[[D], Result[F, E5]],
    f6: Callable[[F], Result[G, E6]],
    /,
) -> Callable[[X], Result[G, E1 | E2 | E3 | E4 | E5 | E6]]: ...
def chain(*steps: Callable[[Never], Result[object, object]]) -> Callable[[Never], Result[object, object]]:
    """Join two to six functions, each of which takes the value of the previous Success.

    The first failure ends the chain. The result is a function like its parts, whose error type is the union of theirs,
    named after the first and the last of them.

    Raises `ConfigurationError` for values that are no functions, and for fewer than two functions.

    >>> from returns.result import Failure, Result, Success
    >>> def parse(text: str) -> Result[int, str]:
    ...     return Success(int(text)) if text.isdecimal() else Failure("no number")
    >>> def halve(number: int) -> Result[int, str]:
    ...     return Failure("odd") if number % 2 else Success(number // 2)
    >>> parse_and_halve = chain(parse, halve)
    >>> [parse_and_halve(text) for text in ("8", "7", "x")]
    [<Success: 4>, <Failure: odd>, <Failure: no number>]
    """
    if len(steps) < 2:
        raise ConfigurationError(f"chain() joins two functions or more, got {len(steps)}")
    for step in steps:
        check_function(step, "a step of chain()", "chain(parse, announce)")
    for step in steps[:-1]:
        if iscoroutinefunction(step):
            raise ConfigurationError(
                f"the step {callable_name(step)} of chain() is a coroutine function, "
                "which the next step would not wait for: await both in one handler"
            )

    def chained(value: object) -> Result[object, object]:
        result: Result[object, object] = Success(value)
        for number, step in enumerate(steps):
            if isinstance(result, Failure):
                break
            if not _is_result(result):
                step_name = kind_of(steps[number - 1])
                raise NotAResult(
                    f"a step of chain(), {step_name}, returned {kind_of(result)}, expected a Result"
                )
            # The overloads ensure that each step takes the value of the previous one.
            take = cast("Callable[[object], Result[object, object]]", step)
            result = take(result.unwrap())
        return result

    chained.__name__ = chained.__qualname__ = f"{callable_name(steps[0])}_then_{callable_name(steps[-1])}"
    chained.__dict__["steps"] = steps  # so that a failure can say where the first of them is
    return chained


def _is_result(value: object) -> bool:
    return type(value) is Success or isinstance(value, Result)
