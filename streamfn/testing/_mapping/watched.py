"""Handlers that are watched: they do what they did before, and a probe learns of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Never, TypeAlias, cast

from returns.result import Result, Success

from streamfn._events import Change
from streamfn._execution.verdicts import verdict, verdicts
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._routes import Route
from streamfn.testing._mapping.invocations import Effect
from streamfn.testing._mapping.probes import Probe

_Function: TypeAlias = Callable[[object], object]


def watched(routes: Sequence[Route], probe: Probe) -> tuple[Route, ...]:
    """Have a probe watch all handlers of these routes."""
    known: dict[str, object] = {}  # a function that is registered twice stays one

    def watch(handler: AnyHandler) -> AnyHandler:
        if handler.name not in known:
            known[handler.name] = _inside(handler, probe)
        # It is called with what the handler's own function was called with.
        return replace(handler, function=cast("Callable[[Never], object]", known[handler.name]))

    return tuple(replace(route, handlers=tuple(map(watch, route.handlers))) for route in routes)


def _inside(handler: AnyHandler, probe: Probe) -> object:
    """Watch a handler's function, which may be in a `Batched` or `BatchedEach`."""
    inner: object = handler.function
    if not isinstance(inner, Batched | BatchedEach):
        return _watched(handler, cast("_Function", inner), probe)
    # isinstance drops the types, and a function that is watched returns what it returned before.
    batched = cast("Batched[object, object, object]", inner)
    function = _watched(handler, cast("_Function", batched.function), probe)
    return replace(batched, function=cast("Callable[[Sequence[object]], Result[object, object]]", function))


def _watched(handler: AnyHandler, function: _Function, probe: Probe) -> _Function:
    """Watch a function; a call that gives something to await has ended when that has been awaited."""

    def watch(argument: object) -> object:
        events = cast("Sequence[Change]", argument if handler.batched else (argument,))
        call, count = probe.begin(handler.name, events), len(events)
        with _telling(probe, call):
            returned = function(argument)
        if isinstance(returned, Awaitable):
            return finish(cast("Awaitable[object]", returned), call, count)  # isinstance drops the type
        probe.returned(call, _effects(handler, returned, count))
        return returned

    async def finish(awaitable: Awaitable[object], call: int, count: int) -> object:
        with _telling(probe, call):
            returned = await awaitable
        probe.returned(call, _effects(handler, returned, count))
        return returned

    async def watch_async(argument: object) -> object:
        return await cast("Awaitable[object]", watch(argument))  # which a coroutine function gives

    watching: _Function = watch_async if iscoroutinefunction(function) else watch
    watching.__dict__["__wrapped__"] = function  # so that a failure can say where the handler is
    return watching


@contextmanager
def _telling(probe: Probe, call: int) -> Generator[None]:
    """Tell that a call raised."""
    try:
        yield
    except BaseException:
        probe.raised(call)
        raise


def _effects(handler: AnyHandler, returned: object, count: int) -> list[Effect]:
    """Read what came of a call as the pipeline will."""
    each_has_its_own = isinstance(handler.function, BatchedEach)
    found = verdicts(returned, count) if each_has_its_own else verdict(returned)
    of_each = found if isinstance(found, list) else [found] * count
    return ["succeeded" if isinstance(each, Success) else "failed" for each in of_each]
