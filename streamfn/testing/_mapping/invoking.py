"""Calling the function with a batch, and taking what comes of it as Lambda does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from streamfn._delivery.processes import ThisProcess
from streamfn._delivery.taking import settled_by
from streamfn._lambda import LambdaContext, LambdaFunction
from streamfn._windows.functions import WindowFunction
from streamfn.testing._mapping.batches import Batch, Lane
from streamfn.testing._mapping.clock import Clock, NothingFollows, ProcessDied, TimedOut
from streamfn.testing._mapping.faults import Crash, Fault, LostAnswer
from streamfn.testing._mapping.observed import observed, observed_window
from streamfn.testing._mapping.probes import Probe, Seen
from streamfn.testing._mapping.settings import Settings
from streamfn.testing._mapping.windows import state_in, told

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
    clock: Clock,
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
    function: Function, probe: Probe, clock: Clock, faults: Sequence[Fault], process: ThisProcess
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
