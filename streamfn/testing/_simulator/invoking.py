"""One invocation: probes, faults, stores that fail, and what was observed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from threading import Condition
from typing import Final, Generic, Literal, Never, TypeAlias, cast

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._delivery.ledger import RetryWithLedger
from streamfn._delivery.plain import Delivery, Process
from streamfn._delivery.processes import ThisProcess
from streamfn._events import Change, Event
from streamfn._execution.calls import verdict, verdicts
from streamfn._execution.policy import Policy
from streamfn._failures import Failed, Handled
from streamfn._handlers import AnyHandler, Batched, BatchedEach
from streamfn._lambda import LambdaContext, LambdaFunction
from streamfn._payloads import settled_by
from streamfn._pipeline import Pipeline, Route
from streamfn._records import Record
from streamfn._time import Clock, Deadline, SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, DeadLetters
from streamfn.ledgers._protocol import Entry, Ledger, Stretch
from streamfn.testing._simulator.clock import NothingFollows, ProcessDied, SimulatedClock, TimedOut
from streamfn.testing._simulator.history import Effect, HandlerCall, Letter, StoreFailure
from streamfn.testing._simulator.queues import Batch, Lane, Settings, state_in, told
from streamfn.windows import WindowFunction, WindowResponse

# What goes wrong around a function: its process dies, an answer gets lost, a batch comes again, a store is
# down.
#
# Invocations are counted from 1.


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies in an invocation, after `after_calls` calls of handlers have had their effect.

    With 0 it dies before the first. If the invocation has fewer calls, and by default, it dies when all have
    been made, before anything is recorded or answered.
    """

    invocation: int
    after_calls: int | None = None


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The function returns, all is recorded that it records, but its answer does not reach Lambda."""

    invocation: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lambda takes the answer and delivers the very batch again, as it may: deliveries are at least once."""

    invocation: int


@dataclass(frozen=True, slots=True)
class StoreDown:
    """A store of the function's delivery fails whatever it is asked for."""

    invocation: int
    store: Literal["ledger reads", "ledger writes", "dead letters"]


@dataclass(frozen=True, slots=True)
class HalfWritten:
    """The ledger keeps the first half of what it is told, and then fails."""

    invocation: int


Fault: TypeAlias = Crash | LostAnswer | Repeated | StoreDown | HalfWritten
"""Something that goes wrong in one invocation."""


# Probes: each sees what a process does in one invocation, and ends it where a test wishes.

_DIED: Final[Effect] = "died"
_FAILED: Final[Effect] = "failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe has seen: the calls of handlers, the dead letters that were stored, and what stores failed to do."""

    calls: tuple[HandlerCall, ...] = ()
    letters: tuple[Letter, ...] = ()
    store_failures: tuple[StoreFailure, ...] = ()


class Probe:
    """Follows the handlers and stores of one invocation, and ends the process where a crash is due.

    Handlers may run in several threads, so each step holds a lock.
    """

    def __init__(self, crash: Crash | None, clock: SimulatedClock) -> None:
        """Begin with no call; the process also ends when that of `clock` does."""
        self._crash = crash
        self._clock = clock
        self._calls: list[HandlerCall] = []
        self._letters: list[Letter] = []
        self._store_failures: dict[StoreFailure, None] = {}
        self._running = 0
        self._ended = 0
        self._dead = False
        self._changed = Condition()

    def end(self) -> Seen:
        """Let nothing begin any more, wait for what still runs, and tell what happened, calls as they began."""
        with self._changed:
            self._dead = True
            self._changed.wait_for(lambda: self._running == 0)
            return Seen(tuple(self._calls), tuple(self._letters), tuple(self._store_failures))

    def begin(self, handler: str, events: Sequence[Change]) -> int:
        """Note that a call begins. Fails with `ProcessDied` if the process is dead, or dies now."""
        with self._changed:
            self._die_if_due()
            self._running += 1
            ids = tuple(event.event_id for event in events)
            self._calls.append(HandlerCall(handler, ids, (_DIED,) * len(ids)))
            return len(self._calls) - 1

    def returned(self, call: int, effects: Sequence[Effect]) -> None:
        """Note what came of a call. Fails with `ProcessDied` if the process dies before anyone else learns of it."""
        with self._changed:
            self._stop()
            self._ends(call, effects)

    def raised(self, call: int) -> None:
        """Note that a call raised. Fails with `ProcessDied` where it did so because the process is dead."""
        with self._changed:
            self._stop()
            self._die_if_due()
            self._ends(call, (_FAILED,) * len(self._calls[call].event_ids))

    def settle(self) -> None:
        """Note that all calls have been made. Fails with `ProcessDied` if the process dies now."""
        with self._changed:
            self._dead = self._dead or self._crash is not None
            self._die_if_due()

    def stay_alive(self) -> None:
        """Fail with `ProcessDied` if the process is dead: it can do nothing any more."""
        with self._changed:
            self._die_if_due()

    def stored(self, letter: Letter) -> None:
        """Note that a dead letter is stored."""
        with self._changed:
            self._letters.append(letter)

    def store_failed(self, failure: StoreFailure) -> None:
        """Note what a store failed to do."""
        with self._changed:
            self._store_failures[failure] = None

    def _ends(self, call: int, effects: Sequence[Effect]) -> None:
        self._calls[call] = replace(self._calls[call], effects=tuple(effects))
        self._ended += 1
        self._die_if_due()

    def _stop(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def _die_if_due(self) -> None:
        last = None if self._crash is None else self._crash.after_calls
        self._dead = self._dead or self._clock.process_ended or (last is not None and self._ended >= last)
        if not self._dead:
            return
        self._clock.call_all_off()
        if self._clock.is_up:
            raise TimedOut("the function's timeout is reached")
        raise ProcessDied("the process died, as the test wished")


# The stores of a delivery as a simulated process has them: they fail where a test wishes, and end with the
# process.


class StoreIsDown(ConnectionError):
    """A store does not answer, as the test wished."""


@dataclass(frozen=True, slots=True)
class UnreliableLedger:
    """A ledger that fails as faults say, and tells a probe of it.

    A dead process can neither read nor write it.
    """

    ledger: Ledger
    faults: Sequence[Fault]
    probe: Probe

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Read as the ledger does."""
        with _told(self.probe, "ledger not read"):
            _fail_if_down(self.faults, "ledger reads")
            return list(self.ledger.read(stretch, seconds_left))

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Write as the ledger does, or half of it."""
        keeps_half = any(isinstance(fault, HalfWritten) for fault in self.faults)
        kept = entries[: len(entries) // 2] if keeps_half else entries
        with _told(self.probe, "ledger not written"):
            _fail_if_down(self.faults, "ledger writes")
            self.ledger.write(stretch, kept, seconds_left)
        if keeps_half:
            self.probe.store_failed("ledger half written")
            raise StoreIsDown("the ledger kept half of it")


@dataclass(frozen=True, slots=True)
class UnreliableDeadLetters:
    """A place for dead letters that fails as faults say, and tells a probe what it stores.

    A dead process cannot send it any.
    """

    dead_letters: DeadLetters
    faults: Sequence[Fault]
    probe: Probe

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Send as the place does."""
        with _told(self.probe, "dead letters not stored"):
            _fail_if_down(self.faults, "dead letters")
            stored = self.dead_letters.send(letters, seconds_left)
        for letter in letters:
            if letter.id in stored:
                self.probe.stored(Letter(*letter.pair, letter.reason))
            else:
                self.probe.store_failed("dead letters not stored")
        return stored


@contextmanager
def _told(probe: Probe, failure: StoreFailure) -> Generator[None]:
    """Let nobody in who is dead, and tell of what a store failed to do."""
    probe.stay_alive()
    try:
        yield
    except Exception:
        probe.store_failed(failure)
        raise


def _fail_if_down(faults: Sequence[Fault], store: str) -> None:
    if any(isinstance(fault, StoreDown) and fault.store == store for fault in faults):
        raise StoreIsDown(f"the {store} are down")


# Handlers that are watched: they do what they did before, and a probe learns of it.

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


# Functions that are observed: a probe sees their handlers and their stores, and ends them where a test wishes.

T = TypeVar("T")
S = TypeVar("S")
A = TypeVar("A")
E = TypeVar("E")
E2 = TypeVar("E2")
E_contra = TypeVar("E_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Observed(Generic[E_contra]):
    """A delivery before whose last work the process may die."""

    delivery: Delivery[E_contra]
    probe: Probe

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: Clock, /
    ) -> Sequence[Failed[object]]:
        """Run as the delivery does."""

        def probed(policy: Policy) -> Sequence[Result[Handled[object], Failed[E_contra]]]:
            results = process(policy)
            self.probe.settle()
            return results

        return self.delivery.deliver(records, probed, deadline, clock)


def observed(
    function: LambdaFunction[A, E], probe: Probe, clock: Clock, faults: Sequence[Fault], process: ThisProcess
) -> LambdaFunction[A, E]:
    """Make the same function with watched handlers, stores that fail as `faults` say, this clock and this process."""
    watched_pipeline = Pipeline[A, E](watched(function.process.routes, probe))
    delivery = _with_unreliable_stores(function.delivery, faults, probe, process)
    return replace(function, process=watched_pipeline, delivery=Observed(delivery, probe), clock=clock)


def observed_window(
    function: WindowFunction[T, S, A, E, E2], probe: Probe
) -> Callable[[object, LambdaContext | None], WindowResponse]:
    """Make the same function with a watched fold, before whose answer the process may die."""

    def fold(state: S, event: Event[T]) -> Result[S, E]:
        number = probe.begin(function.name, (event,))
        try:
            returned = function.fold(state, event)
        except BaseException:
            probe.raised(number)
            raise
        probe.returned(number, ("succeeded" if isinstance(returned, Success) else "failed",))
        return returned

    watched_function = replace(function, fold=fold)

    def called(event: object, context: LambdaContext | None) -> WindowResponse:
        probe.stay_alive()
        answer = watched_function(event, context)
        probe.settle()
        return answer

    return called


def _with_unreliable_stores(
    delivery: Delivery[E], faults: Sequence[Fault], probe: Probe, process: ThisProcess
) -> Delivery[E]:
    if not isinstance(delivery, RetryWithLedger):
        return delivery
    letters = delivery.dead_letters
    return replace(
        delivery,
        ledger=UnreliableLedger(delivery.ledger, faults, probe),
        dead_letters=None if letters is None else UnreliableDeadLetters(letters, faults, probe),
        this_process=process,  # which ends before the ledger does, wherever that is kept
    )


# Calling the function with a batch, and taking what comes of it as Lambda does.

Function: TypeAlias = Callable[[object, LambdaContext], object]
"""What Lambda calls: with an event and a context, for an answer that JSON can carry."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an invocation, as Lambda takes it: so many records are settled, the others are not.

    `died` says whether the process ended with it, so that the next invocation has another one. `state` is that of the
    batch's window, if it has one and the answer was taken.
    """

    settled: int
    seen: Seen
    answer: object = None
    error: str | None = None
    state: Mapping[str, object] | None = None
    died: bool = False


def invoke(
    function: Function,
    lane: Lane,
    batch: Batch,
    *,
    settings: Settings,
    clock: SimulatedClock,
    faults: Sequence[Fault],
    process: ThisProcess,
) -> Taken:
    """Call the function with a batch of a lane, in a process; `faults` are those of this invocation."""
    probe = Probe(next((fault for fault in faults if isinstance(fault, Crash)), None), clock)
    records = [each.record for each in batch.records]
    window: Mapping[str, object] = {}
    if batch.part is not None:
        window = told(batch.part, lane.state, lane.shard, next(iter(records), lane.latest))
    event: object = json.loads(json.dumps({"Records": records, **window}))
    context = clock.begin(settings.timeout)
    try:
        answer: object = json.loads(
            json.dumps(_prepared(function, probe, clock, faults, process)(event, context))
        )
        if clock.is_up:
            raise TimedOut  # noqa: TRY301 (Lambda waits for no answer)
        if clock.process_ended:
            raise ProcessDied  # noqa: TRY301 (and gets none)
    except (Exception, SystemExit, NothingFollows) as error:  # noqa: BLE001 (whatever a function raises, Lambda goes on)
        kind = TimedOut if clock.is_up else ProcessDied if clock.process_ended else type(error)
        died = clock.process_ended or not isinstance(error, Exception)
        return Taken(0, probe.end(), error=kind.__name__, died=died)
    finally:
        clock.end()
    seen = probe.end()
    if any(isinstance(fault, LostAnswer) for fault in faults):
        return Taken(0, seen, answer, "the answer was lost")
    state = state_in(answer)
    if batch.part is not None and state is None:
        return Taken(0, seen, answer, "the answer has no state")
    if not settings.report_batch_item_failures:
        return Taken(len(batch.records), seen, answer, state=state)
    settled = settled_by(answer, batch.sequence_numbers)
    if isinstance(settled, str):
        return Taken(0, seen, answer, settled)
    return Taken(settled, seen, answer, state=state)


def _prepared(
    function: Function, probe: Probe, clock: SimulatedClock, faults: Sequence[Fault], process: ThisProcess
) -> Function:
    """Have a probe look into a function, or at least end it."""
    # isinstance drops the types.
    if isinstance(function, LambdaFunction):
        return observed(cast("LambdaFunction[object, object]", function), probe, clock, faults, process)
    if isinstance(function, WindowFunction):
        window_function = cast("WindowFunction[object, object, object, object, object]", function)
        return observed_window(window_function, probe)
    return _seen_from_outside(function, probe)


def _seen_from_outside(function: Function, probe: Probe) -> Function:
    """Have a function whose handlers nobody knows die before its work, or after all of it."""

    def dying(event: object, context: LambdaContext) -> object:
        probe.stay_alive()
        returned = function(event, context)
        probe.settle()
        return returned

    return dying
