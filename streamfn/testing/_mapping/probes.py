"""Probes around handlers: they tell which were called and what came of it, and end the process where a test wishes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from threading import Condition
from typing import Final, Generic, Never, TypeAlias, cast

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._delivery.answers import BatchResponse
from streamfn._delivery.delivery import Delivery, Process
from streamfn._delivery.ledger_delivery import RetryWithLedger
from streamfn._events import Change
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate
from streamfn._execution.verdicts import verdict, verdicts
from streamfn._failures import Failed, Handled
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._lambda import LambdaFunction
from streamfn._pipeline import Pipeline
from streamfn._records import Record
from streamfn._time import Clock
from streamfn.testing._mapping.clock import ProcessDied
from streamfn.testing._mapping.faults import Crash, Fault
from streamfn.testing._mapping.invocations import Effect, HandlerCall
from streamfn.testing._mapping.stores import UnreliableDeadLetters, UnreliableLedger

A = TypeVar("A")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)

Function: TypeAlias = Callable[[object], object]


_DIED: Final[Effect] = "died"


class Probe:
    """Follows the handlers of one invocation, and ends the process where a crash is due."""

    def __init__(self, crash: Crash | None) -> None:
        """Begin with no call."""
        self._crash = crash
        self._calls: list[HandlerCall] = []
        self._running = 0
        self._ended = 0
        self._dead = False
        self._changed = Condition()

    @property
    def calls(self) -> tuple[HandlerCall, ...]:
        """The calls, in the order in which they began, once all that run have ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0)
            return tuple(self._calls)

    def begin(self, handler: str, events: Sequence[Change]) -> int:
        """Note that a call begins. Fails with `ProcessDied` if the process is dead, or dies now."""
        with self._changed:
            self._die_if_due()
            self._running += 1
            ids = tuple(event.event_id for event in events)
            self._calls.append(HandlerCall(handler, ids, (_DIED,) * len(ids)))
            return len(self._calls) - 1

    def end(self, number: int, effects: Sequence[Effect]) -> None:
        """Note what came of a call. Fails with `ProcessDied` if the process dies before anyone else learns of it."""
        with self._changed:
            self._calls[number] = replace(self._calls[number], effects=tuple(effects))
            self._ended += 1
            self._stop()
            self._die_if_due()

    def die(self) -> None:
        """Note that the process died in a call."""
        with self._changed:
            self._dead = True
            self._stop()

    def settle(self) -> None:
        """Note that all calls have been made. Fails with `ProcessDied` if the process dies now."""
        with self._changed:
            self._dead = self._dead or self._crash is not None
            self._die_if_due()

    def stay_alive(self) -> None:
        """Fail with `ProcessDied` if the process is dead: it can do nothing any more."""
        with self._changed:
            self._die_if_due()

    def _stop(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def _die_if_due(self) -> None:
        last = None if self._crash is None else self._crash.after_calls
        self._dead = self._dead or (last is not None and self._ended >= last)
        if self._dead:
            raise ProcessDied("the process died, as the test wished")


@dataclass(frozen=True, slots=True)
class Observed(Generic[E_contra]):
    """A delivery before whose last work the process may die."""

    delivery: Delivery[E_contra]
    probe: Probe

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: Clock, /
    ) -> BatchResponse:
        """Deliver as the delivery does."""

        def probed(gate: Gate) -> Sequence[Result[Handled[object], Failed[E_contra]]]:
            results = process(gate)
            self.probe.settle()
            return results

        return self.delivery.deliver(records, probed, deadline, clock)


def observed(
    function: LambdaFunction[A, E], probe: Probe, clock: Clock, faults: Sequence[Fault]
) -> LambdaFunction[A, E]:
    """Make the same function with a probe around each handler, stores that fail as `faults` say, and this clock."""
    known: dict[int, object] = {}  # one function registered twice stays one

    def probed(handler: AnyHandler) -> AnyHandler:
        inner: object = handler.function
        if id(inner) not in known:
            known[id(inner)] = _probed(handler, probe)
        return replace(handler, function=cast("Callable[[Never], object]", known[id(inner)]))

    routes = tuple(
        replace(route, handlers=tuple(map(probed, route.handlers))) for route in function.process.routes
    )
    delivery = _with_unreliable_stores(function.delivery, faults, probe)
    return LambdaFunction(Pipeline[A, E](routes), Observed(delivery, probe), function.margin, clock)


def _with_unreliable_stores(delivery: Delivery[E], faults: Sequence[Fault], probe: Probe) -> Delivery[E]:
    if not isinstance(delivery, RetryWithLedger):
        return delivery
    known = cast("RetryWithLedger[E]", delivery)  # isinstance drops the type
    letters = known.dead_letters
    return replace(
        known,
        ledger=UnreliableLedger(known.ledger, faults, probe.stay_alive),
        dead_letters=None if letters is None else UnreliableDeadLetters(letters, faults, probe.stay_alive),
    )


def _probed(handler: AnyHandler, probe: Probe) -> object:
    inner: object = handler.function
    if not isinstance(inner, Batched | BatchedEach):
        return _watched(handler, cast("Function", inner), probe)
    # isinstance drops the types, and a function that is watched returns what it returned before.
    batched = cast("Batched[object, object, object]", inner)
    watched = _watched(handler, cast("Function", batched.function), probe)
    return replace(batched, function=cast("Callable[[Sequence[object]], Result[object, object]]", watched))


def _watched(handler: AnyHandler, function: Function, probe: Probe) -> Function:
    """Watch a function; one that gives something to await has ended when that has been awaited."""

    def watch(argument: object) -> object:
        events = cast("Sequence[Change]", argument if handler.batched else (argument,))
        number = probe.begin(handler.name, events)
        with _ending(probe, number, len(events)):
            returned = function(argument)
        if isinstance(returned, Awaitable):
            return finish(
                number, len(events), cast("Awaitable[object]", returned)
            )  # isinstance drops the type
        probe.end(number, _effects(handler, returned, len(events)))
        return returned

    async def finish(number: int, count: int, awaitable: Awaitable[object]) -> object:
        with _ending(probe, number, count):
            returned = await awaitable
        probe.end(number, _effects(handler, returned, count))
        return returned

    async def watch_async(argument: object) -> object:
        return await cast("Awaitable[object]", watch(argument))  # which a coroutine function gives

    return watch_async if iscoroutinefunction(function) else watch


@contextmanager
def _ending(probe: Probe, number: int, count: int) -> Generator[None]:
    """Note how a call ended that did not return."""
    try:
        yield
    except ProcessDied:
        probe.die()
        raise
    except BaseException:
        failed: list[Effect] = ["failed"] * count
        probe.end(number, failed)
        raise


def _effects(handler: AnyHandler, returned: object, count: int) -> list[Effect]:
    """Read what came of a call as the pipeline will."""
    each_has_its_own = isinstance(handler.function, BatchedEach)
    found = verdicts(returned, count) if each_has_its_own else [verdict(returned)] * count
    return ["succeeded" if isinstance(each, Success) else "failed" for each in found]
