"""One invocation.

In this order: the simulated clock, faults, probes, stores that fail, watched handlers, observed functions, and the
call itself.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from threading import Condition, Lock
from typing import Final, Generic, Literal, Never, Protocol, Self, TypeAlias, cast, runtime_checkable

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._delivery.descriptions import description_of
from streamfn._delivery.plain import Delivery, Process
from streamfn._delivery.processes import ThisProcess
from streamfn._events import BaseEvent, Event
from streamfn._execution.calls import verdict, verdicts
from streamfn._execution.policy import Policy
from streamfn._failures import Failed, Handled
from streamfn._handlers import AnyHandler, Batched, BatchedEach
from streamfn._lambda import LambdaContext, LambdaFunction
from streamfn._payloads import parse_batch_response
from streamfn._pipeline import Pipeline, Route
from streamfn._records import Record
from streamfn._time import AlarmClock, Deadline, SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, DeadLetters
from streamfn.ledgers._protocol import Entry, Ledger, SequenceRange
from streamfn.testing._events import DEFAULT_TIME
from streamfn.testing._simulator.history import Effect, Letter, RecordedCall, StoreFailure
from streamfn.testing._simulator.queues import QueuedBatch, ShardLane, SimulatedSettings, state_in, told
from streamfn.windows import WindowFunction, WindowResponse

# The simulated clock, and the ways in which a process can end while time passes.

_MILLISECOND: Final = timedelta(milliseconds=1)


class ProcessEnded(SystemExit):
    """The function's process died, because the test asked for this.

    The class is a SystemExit, because the pipeline catches other exceptions of a handler.
    """


class FunctionTimeout(ProcessEnded):
    """Lambda ended the function's process at its timeout."""


class NothingFollows(BaseException):
    """The process has ended in the middle of a handler: no later code of the function ever runs.

    The class is no Exception, which handlers catch, and no SystemExit, which would end the event loop.
    """


class TimeIsUp(NothingFollows):
    """The timeout came while time was passing."""


class SimulatedClock:
    """The time of a simulation. No code waits: handlers say how long they take with `advance`."""

    def __init__(self, now: datetime = DEFAULT_TIME) -> None:
        self._now = now
        self._deadline: datetime | None = None
        self._process_ended = False
        self._alarms: list[_Alarm] = []
        self._lock = Lock()

    @property
    def now(self) -> datetime:
        """The current time."""
        return self._now

    @property
    def is_up(self) -> bool:
        """Whether the timeout of an invocation has come, and the invocation has not been ended for it yet."""
        return self._deadline is not None and self._now >= self._deadline

    @property
    def process_ended(self) -> bool:
        """Whether the function's process has ended, at the timeout or before, and the invocation has not yet."""
        return self._process_ended or self.is_up

    def end_process(self) -> Never:
        """End the function's process in the middle of the handler that calls this."""
        self._process_ended = True
        self.call_all_off()
        raise NothingFollows("the function's process has ended")

    def advance(self, by: timedelta) -> None:
        """Let time pass. In a handler, the process ends there (`TimeIsUp`) if that reaches the function's timeout.

        Raises `ValueError` if the time is negative.
        """
        if by < timedelta():
            raise ValueError(f"time does not run backwards: {by}")
        alarm, left = self._pass(by)
        while alarm is not None:
            alarm.ring()
            alarm, left = self._pass(left)
        if self.is_up:
            raise TimeIsUp("the function's timeout is reached")

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Call `ring` after this many simulated seconds, and return a function that cancels the alarm.

        The code that lets the time pass calls `ring`, at the right moment, if that is before the timeout. An overdue
        alarm rings the next time that any code lets time pass.
        """
        alarm = _Alarm(self._now + timedelta(seconds=seconds), ring)
        with self._lock:
            self._alarms.append(alarm)

        def cancel() -> None:
            with self._lock:
                self._alarms = [each for each in self._alarms if each is not alarm]

        return cancel

    def wait_until(self, moment: datetime) -> None:
        """Let the time pass until a moment; none if it is there already."""
        self._now = max(self._now, moment)

    def begin(self, timeout: timedelta) -> Context:
        """Start an invocation with this timeout."""
        self._deadline = self._now + timeout
        return Context(self, self._deadline)

    def end(self) -> None:
        """End the invocation, and cancel its alarms."""
        self._deadline = None
        self._process_ended = False
        self.call_all_off()

    def call_all_off(self) -> None:
        """Cancel all alarms: a dead process has none."""
        with self._lock:
            self._alarms.clear()

    def _pass(self, by: timedelta) -> tuple[_Alarm | None, timedelta]:
        """Let time pass until the next alarm or the timeout, and return that alarm and the rest of the time."""
        with self._lock:
            end = self._deadline
            until = self._now + by if end is None else min(self._now + by, end)
            due = [each for each in self._alarms if each.at <= until and each.at != end]
            if not due:
                self._now = until
                return None, timedelta()
            alarm = min(due, key=lambda each: each.at)
            self._alarms.remove(alarm)
            began, self._now = self._now, max(self._now, alarm.at)
            return alarm, by - (self._now - began)


@dataclass(frozen=True, slots=True, eq=False)
class _Alarm:
    at: datetime
    ring: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """The context that a simulated invocation gets."""

    clock: SimulatedClock
    deadline: datetime

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return (self.deadline - self.clock.now) // _MILLISECOND


# Faults around a function: its process dies, an answer is lost, a batch comes again, a store is down.
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
    """A store of the function's delivery fails on every call."""

    invocation: int
    store: Literal["ledger reads", "ledger writes", "dead letters"]


@dataclass(frozen=True, slots=True)
class HalfWritten:
    """The ledger stores the first half of the entries, and then fails."""

    invocation: int


Fault: TypeAlias = Crash | LostAnswer | Repeated | StoreDown | HalfWritten
"""A fault in one invocation."""


# Probes: each observes a process in one invocation, and ends it if the test asks for this.

_DIED: Final[Effect] = "died"
_FAILED: Final[Effect] = "failed"


@dataclass(frozen=True, slots=True)
class Observation:
    """The observations of a probe: calls of handlers, stored dead letters, and failures of stores."""

    calls: tuple[RecordedCall, ...] = ()
    letters: tuple[Letter, ...] = ()
    store_failures: tuple[StoreFailure, ...] = ()


class Probe:
    """Follows the handlers and stores of one invocation, and ends the process where a crash is due.

    Handlers may run in several threads, so each step holds a lock.
    """

    def __init__(self, crash: Crash | None, clock: SimulatedClock) -> None:
        """Start with no call; the process ends with the process of `clock`."""
        self._crash = crash
        self._clock = clock
        self._calls: list[RecordedCall] = []
        self._letters: list[Letter] = []
        self._store_failures: dict[StoreFailure, None] = {}
        self._running = 0
        self._ended = 0
        self._dead = False
        self._changed = Condition()

    def end(self) -> Observation:
        """Refuse new calls, wait for running ones, and return the observations, calls in the order of their start."""
        with self._changed:
            self._dead = True
            self._changed.wait_for(lambda: self._running == 0)
            return Observation(tuple(self._calls), tuple(self._letters), tuple(self._store_failures))

    def begin(self, handler: str, events: Sequence[BaseEvent]) -> int:
        """Record the start of a call. Raises `ProcessEnded` if the process is dead, or dies now."""
        with self._changed:
            self._die_if_due()
            self._running += 1
            ids = tuple(event.event_id for event in events)
            self._calls.append(RecordedCall(handler, ids, (_DIED,) * len(ids)))
            return len(self._calls) - 1

    def returned(self, call: int, effects: Sequence[Effect]) -> None:
        """Record the outcome of a call. Raises `ProcessEnded` if the process dies before any other code sees it."""
        with self._changed:
            self._stop()
            self._ends(call, effects)

    def raised(self, call: int) -> None:
        """Record that a call raised. Raises `ProcessEnded` if the cause is the death of the process."""
        with self._changed:
            self._stop()
            self._die_if_due()
            self._ends(call, (_FAILED,) * len(self._calls[call].event_ids))

    def settle(self) -> None:
        """Note that all calls have been made. Raises `ProcessEnded` if the process dies now."""
        with self._changed:
            self._dead = self._dead or self._crash is not None
            self._die_if_due()

    def stay_alive(self) -> None:
        """Raise `ProcessEnded` if the process is dead: a dead process does nothing."""
        with self._changed:
            self._die_if_due()

    def stored(self, letter: Letter) -> None:
        """Note that a dead letter is stored."""
        with self._changed:
            self._letters.append(letter)

    def store_failed(self, failure: StoreFailure) -> None:
        """Record the failure of a store."""
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
            raise FunctionTimeout("the function's timeout is reached")
        raise ProcessEnded("the process died, as the test wished")


# The stores of a delivery in a simulated process: they fail if the test asks for this, and end with the process.


class StoreIsDown(ConnectionError):
    """A store does not answer, as the test wished."""


@dataclass(frozen=True, slots=True)
class UnreliableLedger:
    """A ledger with the failures that the faults ask for, which reports them to a probe.

    A dead process can neither read nor write the ledger.
    """

    ledger: Ledger
    faults: Sequence[Fault]
    probe: Probe

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Read as the ledger does."""
        with _told(self.probe, "ledger not read"):
            _fail_if_down(self.faults, "ledger reads")
            return list(self.ledger.read(sequence_range, seconds_left))

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Write as the ledger does, or half of it."""
        keeps_half = any(isinstance(fault, HalfWritten) for fault in self.faults)
        kept = entries[: len(entries) // 2] if keeps_half else entries
        with _told(self.probe, "ledger not written"):
            _fail_if_down(self.faults, "ledger writes")
            self.ledger.write(sequence_range, kept, seconds_left)
        if keeps_half:
            self.probe.store_failed("ledger half written")
            raise StoreIsDown("the ledger kept half of it")


@dataclass(frozen=True, slots=True)
class UnreliableDeadLetters:
    """A store of dead letters with the failures that the faults ask for, which reports stored letters to a probe.

    A dead process cannot send any letter.
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
    """Refuse a dead process, and report the failure of a store."""
    probe.stay_alive()
    try:
        yield
    except Exception:
        probe.store_failed(failure)
        raise


def _fail_if_down(faults: Sequence[Fault], store: str) -> None:
    if any(isinstance(fault, StoreDown) and fault.store == store for fault in faults):
        raise StoreIsDown(f"the {store} are down")


# Watched handlers: they behave as before, and a probe observes them.

_Function: TypeAlias = Callable[[object], object]


def instrument(routes: Sequence[Route], probe: Probe) -> tuple[Route, ...]:
    """Wrap all handlers of these routes, so that a probe observes them."""
    known: dict[str, object] = {}  # a function that is registered twice stays one

    def watch(handler: AnyHandler) -> AnyHandler:
        if handler.name not in known:
            known[handler.name] = _inside(handler, probe)
        # The arguments are those of the handler's own function.
        return replace(handler, function=cast("Callable[[Never], object]", known[handler.name]))

    return tuple(replace(route, handlers=tuple(map(watch, route.handlers))) for route in routes)


def _inside(handler: AnyHandler, probe: Probe) -> object:
    """Watch a handler's function, which may be in a `Batched` or `BatchedEach`."""
    inner: object = handler.function
    if not isinstance(inner, Batched | BatchedEach):
        return _watched(handler, cast("_Function", inner), probe)
    # isinstance drops the types, and a watched function returns the same as before.
    batched = cast("Batched[object, object, object]", inner)
    function = _watched(handler, cast("_Function", batched.function), probe)
    return replace(batched, function=cast("Callable[[Sequence[object]], Result[object, object]]", function))


def _watched(handler: AnyHandler, function: _Function, probe: Probe) -> _Function:
    """Watch a function; a call that gives something to await has ended when that has been awaited."""

    def watch(argument: object) -> object:
        events = cast("Sequence[BaseEvent]", argument if handler.batched else (argument,))
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
    """Report a call that raised."""
    try:
        yield
    except BaseException:
        probe.raised(call)
        raise


def _effects(handler: AnyHandler, returned: object, count: int) -> list[Effect]:
    """Read the outcome of a call in the same way as the pipeline."""
    each_has_its_own = isinstance(handler.function, BatchedEach)
    found = verdicts(returned, count) if each_has_its_own else verdict(returned)
    of_each = found if isinstance(found, list) else [found] * count
    return ["succeeded" if isinstance(each, Success) else "failed" for each in of_each]


# Observed functions: a probe observes their handlers and stores, and ends them if the test asks for this.

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
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run as the delivery does."""

        def probed(policy: Policy) -> Sequence[Result[Handled[object], Failed[E_contra]]]:
            results = process(policy)
            self.probe.settle()
            return results

        return self.delivery.deliver(records, probed, deadline, clock)


def instrumented_function(
    function: LambdaFunction[A, E],
    probe: Probe,
    clock: AlarmClock,
    faults: Sequence[Fault],
    process: ThisProcess,
) -> LambdaFunction[A, E]:
    """Make the same function with watched handlers, stores that fail as `faults` say, this clock and this process."""
    watched_pipeline = Pipeline[A, E](instrument(function.process.routes, probe))
    delivery = _with_unreliable_stores(function.delivery, faults, probe, process)
    return replace(function, process=watched_pipeline, delivery=Observed(delivery, probe), clock=clock)


def instrumented_window(
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


@runtime_checkable
class HasStores(Protocol):
    """A delivery whose stores can be replaced."""

    def with_stores(
        self, ledger: Ledger, dead_letters: DeadLetters | None, this_process: ThisProcess | None, /
    ) -> Self:
        """Make the same delivery with other stores, as it is in another process."""
        ...


def _with_unreliable_stores(
    delivery: Delivery[E], faults: Sequence[Fault], probe: Probe, process: ThisProcess
) -> Delivery[E]:
    described = description_of(delivery)
    if described.ledger is None or not isinstance(delivery, HasStores):
        return delivery
    letters = described.dead_letters
    return delivery.with_stores(
        UnreliableLedger(described.ledger, faults, probe),
        None if letters is None else UnreliableDeadLetters(letters, faults, probe),
        process,  # which ends before the ledger does, wherever that is kept
    )


# The call of the function with a batch, and its answer as Lambda reads it.

Function: TypeAlias = Callable[[object, LambdaContext], object]
"""The function that Lambda calls: it takes an event and a context, and returns an answer that JSON can carry."""


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of an invocation, as Lambda reads it: `settled` records are settled, the others are not.

    `died` says whether the process ended with the invocation, so that the next one has another process. `state` is the
    state of the batch's window, if it has one and the answer was accepted.
    """

    settled: int
    seen: Observation
    answer: object = None
    error: str | None = None
    state: Mapping[str, object] | None = None
    died: bool = False


_ENDS: Final[Mapping[type[BaseException], str]] = {ProcessEnded: "ProcessDied", FunctionTimeout: "TimedOut"}
"""How an invocation names the end of its process: as the reasons of failures do, which tests compare."""


def invoke(
    function: Function,
    lane: ShardLane,
    batch: QueuedBatch,
    *,
    settings: SimulatedSettings,
    clock: SimulatedClock,
    faults: Sequence[Fault],
    process: ThisProcess,
) -> InvocationResult:
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
            raise FunctionTimeout  # noqa: TRY301 (Lambda waits for no answer)
        if clock.process_ended:
            raise ProcessEnded  # noqa: TRY301 (and gets none)
    except (Exception, SystemExit, NothingFollows) as error:  # noqa: BLE001 (Lambda goes on after any exception)
        kind = FunctionTimeout if clock.is_up else ProcessEnded if clock.process_ended else type(error)
        died = clock.process_ended or not isinstance(error, Exception)
        return InvocationResult(0, probe.end(), error=_ENDS.get(kind, kind.__name__), died=died)
    finally:
        clock.end()
    seen = probe.end()
    if any(isinstance(fault, LostAnswer) for fault in faults):
        return InvocationResult(0, seen, answer, "the answer was lost")
    state = state_in(answer)
    if batch.part is not None and state is None:
        return InvocationResult(0, seen, answer, "the answer has no state")
    if not settings.report_batch_item_failures:
        return InvocationResult(len(batch.records), seen, answer, state=state)
    settled = parse_batch_response(answer, batch.sequence_numbers)
    if isinstance(settled, str):
        return InvocationResult(0, seen, answer, settled)
    return InvocationResult(settled, seen, answer, state=state)


def _prepared(
    function: Function, probe: Probe, clock: SimulatedClock, faults: Sequence[Fault], process: ThisProcess
) -> Function:
    """Wrap a function, so that a probe observes it, or at least ends it."""
    # isinstance drops the types.
    if isinstance(function, LambdaFunction):
        return instrumented_function(
            cast("LambdaFunction[object, object]", function), probe, clock, faults, process
        )
    if isinstance(function, WindowFunction):
        window_function = cast("WindowFunction[object, object, object, object, object]", function)
        return instrumented_window(window_function, probe)
    return _seen_from_outside(function, probe)


def _seen_from_outside(function: Function, probe: Probe) -> Function:
    """Wrap a function with unknown handlers: it dies before its work, or after all of it."""

    def dying(event: object, context: LambdaContext) -> object:
        probe.stay_alive()
        returned = function(event, context)
        probe.settle()
        return returned

    return dying
