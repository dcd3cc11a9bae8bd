"""The function that Lambda calls: a pipeline, a delivery, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from typing_extensions import TypeVar

from streamfn._delivery import BatchFailed, BatchResponse, Delivery, retry
from streamfn._execution.gate import Gate
from streamfn._misuse import Misuse
from streamfn._payloads import read
from streamfn._pipeline import Pipeline

A = TypeVar("A")
E = TypeVar("E")


class LambdaContext(Protocol):
    """What is asked of the context that Lambda hands to a function."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


def lambda_handler(
    process: Pipeline[A, E],
    delivery: Delivery[E] = retry(),  # noqa: B008 (frozen)
    *,
    margin: timedelta = timedelta(seconds=1),
) -> Callable[[object, LambdaContext | None], BatchResponse]:
    """Make the function that Lambda calls with each batch.

    Nothing is started with less than `margin` left until Lambda's timeout, so that the answer still gets out:
    what has not started is `OutOfTime` and comes again. A context of None, in a test say, means that there is
    time enough.

    The function fails with `NotAStreamEvent` if the event is none of a DynamoDB stream, and with
    `BatchFailed` if it was called with less than `margin` left or if no answer can say what has to come
    again. Lambda then sends the whole batch again. `lambda_handler` itself fails with `Misuse` if the margin
    is negative.
    """
    if margin < timedelta():
        raise Misuse(f"margin={margin} should not be negative")

    def handler(event: object, context: LambdaContext | None) -> BatchResponse:
        records = read(event)
        if context is None:
            return delivery.settle(process.run(records, Gate(stops=delivery.stops)))

        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - margin.total_seconds()

        if records and seconds_left() <= 0:
            raise BatchFailed(
                f"called with less than the margin of {margin} left: raise the function's timeout"
            )
        return delivery.settle(process.run(records, Gate(stops=delivery.stops, seconds_left=seconds_left)))

    return handler
