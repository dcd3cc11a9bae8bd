"""Deliveries without a memory: they know of this invocation alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from typing_extensions import TypeVar

from streamfn._delivery.answers import fail_whole
from streamfn._delivery.delivery import Process, failures_among
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate, StoppingGate
from streamfn._failures import Failed, OutOfTime
from streamfn._records import Record
from streamfn._reports import Report, send
from streamfn._time import Clock
from streamfn._values import Value

E_contra = TypeVar("E_contra", contravariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Acknowledge(Value, Generic[E_contra]):
    """A delivery that reports failures and drops them; `acknowledge` makes it."""

    report: Report[E_contra]

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: Clock, /
    ) -> Sequence[Failed[object]]:
        """Run everything and report all failures; only what was not started for lack of time comes again."""
        failures = failures_among(process(Gate(deadline)))
        send(self.report, failures, deadline.seconds_for_stores)
        return [failed for failed in failures if isinstance(failed.reason, OutOfTime)]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Retry(Value, Generic[E_contra]):
    """A delivery that has the first failed record, and all after it, come again; `retry` makes it."""

    report: Report[E_contra]
    whole_batch: bool

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: Clock, /
    ) -> Sequence[Failed[object]]:
        """Run up to the first failure, and report all; none of them is settled."""
        failures = failures_among(process(StoppingGate(deadline)))
        send(self.report, failures, deadline.seconds_for_stores)
        if self.whole_batch:
            fail_whole(failures)
        return failures
