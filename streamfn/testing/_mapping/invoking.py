"""Calling the function with a batch, and taking what comes of it as Lambda does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from streamfn._lambda import LambdaContext, LambdaFunction
from streamfn.testing._mapping.answers import settled_by
from streamfn.testing._mapping.batches import Batch
from streamfn.testing._mapping.clock import Clock, ProcessDied
from streamfn.testing._mapping.faults import Crash, Fault, LostAnswer
from streamfn.testing._mapping.invocations import HandlerCall
from streamfn.testing._mapping.probes import Probe, observed
from streamfn.testing._mapping.settings import Settings

Function: TypeAlias = Callable[[object, LambdaContext], object]
"""What Lambda calls: with an event and a context, for an answer that JSON can carry."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an invocation, as Lambda takes it: so many records are settled, the others are not."""

    settled: int
    answer: object = None
    error: str | None = None
    calls: tuple[HandlerCall, ...] = ()


def invoke(
    function: Function, batch: Batch, *, settings: Settings, clock: Clock, faults: Sequence[Fault]
) -> Taken:
    """Call the function with a batch; `faults` are those of this invocation."""
    crash = next((fault for fault in faults if isinstance(fault, Crash)), None)
    probe = Probe(crash)
    event: object = json.loads(json.dumps({"Records": [each.record for each in batch.records]}))
    context = clock.begin(settings.timeout)
    try:
        if isinstance(function, LambdaFunction):
            # isinstance drops the types.
            known = cast("LambdaFunction[object, object]", function)
            returned: object = observed(known, probe, clock, faults)(event, context)
        else:
            returned = _seen_from_outside(function, crash)(event, context)
        answer: object = json.loads(json.dumps(returned))
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a function raises, Lambda goes on)
        return Taken(0, error=type(error).__name__, calls=probe.calls)
    finally:
        clock.end()
    if any(isinstance(fault, LostAnswer) for fault in faults):
        return Taken(0, answer, "the answer was lost", probe.calls)
    settled = (
        settled_by(answer, batch.sequence_numbers)
        if settings.report_batch_item_failures
        else len(batch.records)
    )
    if isinstance(settled, str):
        return Taken(0, answer, settled, probe.calls)
    return Taken(settled, answer, None, probe.calls)


def _seen_from_outside(function: Function, crash: Crash | None) -> Function:
    """Have a function whose handlers nobody knows die before its work, or after all of it."""

    def dying(event: object, context: LambdaContext) -> object:
        if crash is not None and crash.after_calls == 0:
            raise ProcessDied("the process died, as the test wished")
        returned = function(event, context)
        if crash is not None:
            raise ProcessDied("the process died, as the test wished")
        return returned

    return dying
