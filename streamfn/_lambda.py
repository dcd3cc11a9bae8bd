"""The function that Lambda calls: a pipeline, a delivery, and the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol

from typing_extensions import TypeVar

from streamfn._delivery import BatchFailed, BatchResponse, Delivery, retry
from streamfn._execution.gate import Gate
from streamfn._misuse import Misuse
from streamfn._payloads import read
from streamfn._pipeline import Pipeline
from streamfn._records import Record

A = TypeVar("A")
E = TypeVar("E")


class LambdaContext(Protocol):
    """What is asked of the context that Lambda hands to a function."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


@dataclass(frozen=True, slots=True)
class LambdaFunction(Generic[A, E]):
    """A function that Lambda calls with each batch; `lambda_handler` makes it, and says what the fields are."""

    process: Pipeline[A, E]
    delivery: Delivery[E]
    margin: timedelta

    def __call__(self, event: object, context: LambdaContext | None, /) -> BatchResponse:
        """Run the handlers on a batch, and answer what Lambda has to send again.

        A context of None, in a test say, means that there is time enough. Fails with `NotAStreamEvent` and
        `BatchFailed`.
        """
        records = read(event)
        if context is None:
            return self._settle(records, Gate(stops=self.delivery.stops))

        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - self.margin.total_seconds()

        if records and seconds_left() <= 0:
            raise BatchFailed(
                f"called with less than the margin of {self.margin} left: raise the function's timeout"
            )
        return self._settle(records, Gate(stops=self.delivery.stops, seconds_left=seconds_left))

    def _settle(self, records: Sequence[Record], gate: Gate) -> BatchResponse:
        return self.delivery.settle(self.process.run(records, gate))


def lambda_handler(
    process: Pipeline[A, E],
    delivery: Delivery[E] = retry(),  # noqa: B008 (frozen)
    *,
    margin: timedelta = timedelta(seconds=1),
) -> LambdaFunction[A, E]:
    """Make the function that Lambda calls with each batch, of a pipeline and of what becomes of failures.

    Nothing is started with less than `margin` left until Lambda's timeout, so that the answer still gets out:
    what has not started is `OutOfTime` and comes again.

    The function fails with `NotAStreamEvent` if the event is none of a DynamoDB stream, and with
    `BatchFailed` if it was called with less than `margin` left or if no answer can say what has to come
    again. Lambda then sends the whole batch again. `lambda_handler` itself fails with `Misuse` if the margin
    is negative.
    """
    if margin < timedelta():
        raise Misuse(f"margin={margin} should not be negative")
    return LambdaFunction(process, delivery, margin)
