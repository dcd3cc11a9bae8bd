"""The Result of a handler that has succeeded."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from returns.result import Result, Success

from streamfn._failures import Failed, Handled
from streamfn._frozen import twin
from streamfn._records import StreamRecord
from streamfn._successes import IS_AS_KNOWN, success_twin

HandlerResult: TypeAlias = Result[Handled[object], Failed[object]]
"""What a pipeline gathers, before it is given the types of its handlers again."""

handled_twin: Final = twin(Handled)


def filled(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Say that a handler has succeeded on a record, of which its `answer` is a Success: by filling slots."""
    given: Any = answer
    handled = handled_twin()
    handled.record = record
    handled.handler = handler
    handled.value = given._inner_value  # noqa: SLF001 (the slot that is filled below)
    handled.__class__ = Handled
    made = success_twin()
    made._inner_value = handled  # noqa: SLF001 (as in `streamfn._successes`)
    made.__class__ = Success
    finished: HandlerResult = made
    return finished


def constructed(record: StreamRecord, handler: str, answer: object) -> HandlerResult:
    """Say that by way of the constructors."""
    given: Any = answer
    return Success(Handled(record, handler, given.unwrap()))


success: Final = filled if IS_AS_KNOWN else constructed
"""Says that a handler has succeeded on a record, by the Success that it answered."""
