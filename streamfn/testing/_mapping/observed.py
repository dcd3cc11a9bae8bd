"""Functions that are observed: a probe sees their handlers and their stores, and ends them where a test wishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._delivery.delivery import Delivery, Process
from streamfn._delivery.ledger_delivery import RetryWithLedger
from streamfn._delivery.processes import ThisProcess
from streamfn._events import Event
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate
from streamfn._failures import Failed, Handled
from streamfn._lambda import LambdaContext, LambdaFunction
from streamfn._pipeline import Pipeline
from streamfn._records import Record
from streamfn._time import Clock
from streamfn._windows.functions import WindowFunction, WindowResponse
from streamfn.testing._mapping.faults import Fault
from streamfn.testing._mapping.probes import Probe
from streamfn.testing._mapping.stores import UnreliableDeadLetters, UnreliableLedger
from streamfn.testing._mapping.watched import watched

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

        def probed(gate: Gate) -> Sequence[Result[Handled[object], Failed[E_contra]]]:
            results = process(gate)
            self.probe.settle()
            return results

        return self.delivery.deliver(records, probed, deadline, clock)


def observed(
    function: LambdaFunction[A, E], probe: Probe, clock: Clock, faults: Sequence[Fault], process: ThisProcess
) -> LambdaFunction[A, E]:
    """Make the same function with watched handlers, stores that fail as `faults` say, this clock and this process."""
    watched_pipeline = Pipeline[A, E](watched(function.process.routes, probe))
    delivery = _with_unreliable_stores(function.delivery, faults, probe, process)
    return LambdaFunction(watched_pipeline, Observed(delivery, probe), function.margin, clock)


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
