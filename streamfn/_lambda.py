"""The function that Lambda calls: a pipeline, a delivery, and the time that is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol

from typing_extensions import TypeVar, override

from streamfn._delivery.answers import BatchFailed, BatchResponse, answer
from streamfn._delivery.choices import retry
from streamfn._delivery.delivery import Delivery
from streamfn._envelopes import NotAStreamEvent, opened
from streamfn._execution.deadline import Deadline
from streamfn._misuse import Misuse, has_methods, kind_of, not_for_lambda
from streamfn._payloads import records_in
from streamfn._pipeline import Pipeline
from streamfn._time import MACHINE_CLOCK, Clock
from streamfn._values import Value, Wrappable
from streamfn._wire import is_map

A = TypeVar("A")
E = TypeVar("E")


class LambdaContext(Protocol):
    """What is asked of the context that Lambda hands to a function."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LambdaFunction(Value, Wrappable, Generic[A, E]):
    """A function that Lambda calls with each batch; `lambda_handler` makes it, and says what the fields are.

    `clock` is that of the machine, or a simulation's.
    """

    process: Pipeline[A, E]
    delivery: Delivery[E]
    margin: timedelta
    clock: Clock = MACHINE_CLOCK

    def __call__(self, event: object, context: LambdaContext | None, /) -> BatchResponse:
        """Run the handlers on a batch, and answer what Lambda has to send again.

        A context of None, in a test say, means that there is time enough. Fails with `NotAStreamEvent` and
        `BatchFailed`.
        """
        envelope = opened(event)
        if is_map(event) and "isFinalInvokeForWindow" in event:
            raise NotAStreamEvent(
                "the mapping has a tumbling window, which waits for a state: make the function with window_handler()"
            )
        records = records_in(envelope)
        deadline = self._deadline(context)
        if records and deadline.reached:
            raise BatchFailed(
                f"called with less than the margin of {self.margin} left: raise the function's timeout"
            )
        still_open = self.delivery.deliver(
            records, lambda gate: self.process.run(records, gate), deadline, self.clock
        )
        return answer(still_open, envelope.sender)

    @override
    def _called(self) -> str:
        return "lambda_handler"

    def _deadline(self, context: LambdaContext | None) -> Deadline:
        if context is None:
            return Deadline()
        return Deadline(
            lambda: context.get_remaining_time_in_millis() / 1000, margin=self.margin.total_seconds()
        )


@not_for_lambda("handler = lambda_handler(process)")
def lambda_handler(
    process: Pipeline[A, E],
    delivery: Delivery[E] = retry(),  # noqa: B008 (frozen)
    *,
    margin: timedelta = timedelta(seconds=1),
) -> LambdaFunction[A, E]:
    """Make the function that Lambda calls with each batch, of a pipeline and of what becomes of failures.

    The batch may come from a DynamoDB stream, from a Kinesis stream that carries the changes of tables, from a pipe of
    EventBridge, or from a document that an OnFailure destination keeps in S3; see `read`. The answer names what has to
    come again as each expects it. A document's sender expects none: `BatchFailed` tells it of failures.

    Nothing is started with less than `margin` left until Lambda's timeout, so that the answer still gets out:
    what has not started is `OutOfTime` and comes again.

    The function fails with `NotAStreamEvent` if the event is none of a DynamoDB stream, and with
    `BatchFailed` if it was called with less than `margin` left or if no answer can say what has to come
    again. Lambda then sends the whole batch again. `lambda_handler` itself fails with `Misuse` if the margin
    is negative, or an argument is none of what it should be.
    """
    _check_types(process, delivery, margin)
    if margin < timedelta():
        raise Misuse(f"margin={margin} should not be negative")
    return LambdaFunction(process, delivery, margin)


def _check_types(process: object, delivery: object, margin: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if not isinstance(process, Pipeline):
        raise Misuse(
            f"lambda_handler() takes a pipeline first, got {kind_of(process)}: make one, as in "
            "pipeline(table, on_insert(announce))"
        )
    if not has_methods(delivery, "deliver"):
        raise Misuse(
            f"lambda_handler() takes a delivery, got {kind_of(delivery)}: call retry() or acknowledge(), as in "
            "lambda_handler(process, retry())"
        )
    if not isinstance(margin, timedelta):
        raise Misuse(f"margin is a timedelta, got {kind_of(margin)}: write timedelta(seconds=1)")
