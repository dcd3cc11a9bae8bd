"""The shortest way from records to Results: handlers of single events, in series, and no gate that has to be asked.

It comes to what `streamfn._execution.tasks` comes to step by step, and is there for its speed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from returns.result import Failure, Success

from streamfn._execution.passages import Stray
from streamfn._execution.stops import UNROUTED, Way
from streamfn._execution.successes import HandlerResult, handled_twin, success
from streamfn._execution.tasks import failure
from streamfn._execution.unfinished import FINISHED
from streamfn._execution.verdicts import verdict, waited, wants
from streamfn._failures import Handled, Raised
from streamfn._records import Record, StreamRecord
from streamfn._structuring import Unfit
from streamfn._successes import success_twin


class Singles:
    """Has the handlers of each record answer as soon as it is taken; `results` are what they came to, in order.

    Only where what `streamfn._execution.successes` knows of a Success holds.
    """

    __slots__ = ("_declared", "results")

    def __init__(self, declared: tuple[str, ...]) -> None:
        """Begin with no record; `declared` names the tables that there are."""
        self._declared = declared
        self.results: list[HandlerResult] = []

    def take(self, position: int, record: Record, way: Way | None) -> None:
        """Take a record, its index in the batch, and its way; that is None for a malformed one."""
        results = self.results
        if way is None or way is UNROUTED or not isinstance(record, StreamRecord):
            results.append(Failure(Stray(position, record).failed(self._declared)))
            return
        items = way.items.copy()
        for event_of, where, function, name in way.steps:
            event = event_of(record, items)
            if type(event) is Unfit:
                results.append(failure(record, name, event.reason, function))
                continue
            if where is not None and (wanted := wants(where, event)) is not True:
                if wanted is not False:
                    results.append(_result(record, name, wanted, function))
                continue
            try:
                answer = function(event)
            except BaseException as exception:  # noqa: BLE001 (as in `call`)
                answer = Raised(exception)
            kind = type(answer)  # a checker would narrow the answer to a Success of nothing known
            given: Any = answer
            if kind is not Success or type(given._inner_value) not in FINISHED:  # noqa: SLF001 (as in `filled`)
                results.append(_result(record, name, answer, function))
                continue
            # What `success` does, without the call of it.
            handled = handled_twin()
            handled.record = record
            handled.handler = name
            handled.value = given._inner_value  # noqa: SLF001 (as in `filled`)
            handled.__class__ = Handled
            made = success_twin()
            made._inner_value = handled  # noqa: SLF001 (as in `filled`)
            made.__class__ = Success
            results.append(made)


def _result(
    record: StreamRecord, handler: str, answer: object, function: Callable[[object], object]
) -> HandlerResult:
    """Read an answer that is no plain Success."""
    found = verdict(waited(answer))
    if isinstance(found, Success):
        return success(record, handler, found)
    return failure(record, handler, found.failure(), function)
