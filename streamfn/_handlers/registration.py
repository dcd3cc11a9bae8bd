"""Handlers: a function, the kind of event that it is for, and when it wants one.

The seven combinations of INSERT, MODIFY and REMOVE need no more names than these: a function of
``ModifyEvent[T] | RemoveEvent[T]`` goes to `on_modify` and to `on_remove`, and the two registrations are one
handler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Generic, Never, TypeAlias

from typing_extensions import TypeVar

from streamfn._events import Event, InsertEvent, KeysEvent, Kind, ModifyEvent, RemoveEvent, UpsertEvent
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.names import handler_name
from streamfn._handlers.outcomes import Outcome
from streamfn._misuse import Misuse, check_function, kind_of
from streamfn._values import Value

T = TypeVar("T")
K = TypeVar("K")
W = TypeVar("W")
A = TypeVar("A")
E = TypeVar("E")
T_contra = TypeVar("T_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handler(Value, Generic[T_contra, A_co, E_co]):
    """One registration: `function` gets the events of `kind` that `where` accepts, under the name `name`.

    `T_contra` is the model whose events it takes, `A_co` and `E_co` what its Results hold. `keys` is the
    model of a `KeysEvent`'s keys, None for all other kinds.
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
    """Have `f` handle each item that comes into the table.

    `name` is how Results, reports and logs call the handler: by default the function's own name. `where` says
    which events it wants; a pair that it refuses has no Result. It should be pure: it may be asked again for
    the same event.

    All ``on_…`` take `batched` and `batched_each` functions too.

    Fails with `Misuse` if there is no name to go by.

    >>> from returns.result import Result, Success
    >>> def announce(event: InsertEvent[str]) -> Result[str, str]:
    ...     return Success(f"announced {event.new_image}")
    >>> on_insert(announce).name
    'announce'
    """
    return Handler(handler_name(f, name), "insert", f, _checked(where))


def on_modify(
    f: Callable[[ModifyEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[ModifyEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Have `f` handle each item that changes; see `on_insert`. ``where=changed(…)`` asks what changed."""
    return Handler(handler_name(f, name), "modify", f, _checked(where))


def on_remove(
    f: Callable[[RemoveEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[RemoveEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Have `f` handle each item that leaves the table, removed by a client or expired; see `on_insert`."""
    return Handler(handler_name(f, name), "remove", f, _checked(where))


def on_upsert(
    f: Callable[[UpsertEvent[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[UpsertEvent[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Have `f` handle each item that comes or changes, from its new image alone; see `on_insert`.

    This is the one for streams of the view type NEW_IMAGE.
    """
    return Handler(handler_name(f, name), "upsert", f, _checked(where))


def on_event(
    f: Callable[[Event[T]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[Event[T]], bool] | None = None,
) -> Handler[T, A, E]:
    """Have `f` handle every change: it is given an insert, a modify or a remove event; see `on_insert`."""
    return Handler(handler_name(f, name), "event", f, _checked(where))


def on_keys(
    model: type[K],
    f: Callable[[KeysEvent[K]], Outcome[A, E]],
    /,
    *,
    name: str | None = None,
    where: Callable[[KeysEvent[K]], bool] | None = None,
) -> Handler[object, A, E]:
    """Have `f` handle every change from its keys alone, structured as a `model`; see `on_insert`.

    It lives on every stream, those of the view type KEYS_ONLY included.
    """
    if _is_no_model(model):
        raise Misuse(
            f"on_keys() takes the model of the keys first, got {kind_of(model)}: write on_keys(CardKey, announce)"
        )
    return Handler(handler_name(f, name), "keys", f, _checked(where), model)


def _is_no_model(model: object) -> bool:
    """Whether something is neither a class that an image could be made into, nor a generic one with arguments."""
    return model.__module__ == "builtins" if isinstance(model, type) else not hasattr(model, "__origin__")


def changed(get: Callable[[T], object], /) -> Callable[[ModifyEvent[T]], bool]:
    """Make a `where` that wants an event only if what `get` takes from the two images differs.

    >>> from types import SimpleNamespace
    >>> event = SimpleNamespace(old_image="hello", new_image="HELLO")
    >>> changed(str.lower)(event), changed(str)(event)
    (False, True)
    """
    check_function(get, "the argument of changed()", "changed(lambda card: card.title)")
    if iscoroutinefunction(get):
        raise Misuse("the argument of changed() is a coroutine function, and no coroutine equals another one")

    def differs(event: ModifyEvent[T]) -> bool:
        return get(event.old_image) != get(event.new_image)

    return differs


def _checked(where: W) -> W:
    if where is not None:
        check_function(where, "where", "where=changed(lambda card: card.title)")
    return where
