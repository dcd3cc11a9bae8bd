"""Deliveries without a memory: they know of this invocation alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic

from typing_extensions import TypeVar

from streamfn._delivery.answers import BatchResponse, answer
from streamfn._delivery.delivery import Process, failures_among
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate, StoppingGate
from streamfn._failures import OutOfTime
from streamfn._records import Record
from streamfn._reports import Report, send
from streamfn._time import Clock

E_contra = TypeVar("E_contra", contravariant=True)


class Acknowledge(Generic[E_contra]):
    """A delivery that reports failures and drops them; `acknowledge` makes it."""

    __slots__ = ("report",)

    def __init__(self, report: Report[E_contra]) -> None:
        """Take what is told of failures."""
        self.report: Final = report

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: Clock, /
    ) -> BatchResponse:
        """Run everything and report all failures; only what was not started for lack of time comes again."""
        failures = failures_among(process(Gate(deadline)))
        send(self.report, failures, deadline.seconds_for_stores)
        return answer([failed for failed in failures if isinstance(failed.reason, OutOfTime)])


class Retry(Generic[E_contra]):
    """A delivery that has the first failed record, and all after it, come again; `retry` makes it."""

    __slots__ = ("report", "whole_batch")

    def __init__(self, report: Report[E_contra], whole_batch: bool) -> None:  # noqa: FBT001 (`retry` names it)
        """Take what is told of failures, and whether the batch is to come again as a whole."""
        self.report: Final = report
        self.whole_batch: Final = whole_batch

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: Clock, /
    ) -> BatchResponse:
        """Run up to the first failure, report all, and name the lowest sequence number among them."""
        failures = failures_among(process(StoppingGate(deadline)))
        send(self.report, failures, deadline.seconds_for_stores)
        return answer(failures, whole_batch=self.whole_batch)
