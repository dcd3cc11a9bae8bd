"""Deliveries: what failures do to the rest of a batch, and which of them have to come again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate
from streamfn._failures import Failed, Handled
from streamfn._records import Record
from streamfn._time import Clock

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)

Process: TypeAlias = Callable[[Gate], Sequence[Result[Handled[object], Failed[E]]]]
"""Runs the handlers on a batch, as far as a gate lets it."""


class Delivery(Protocol[E_contra]):
    """Runs a batch, and says which of its failures are still open."""

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: Clock, /
    ) -> Sequence[Failed[object]]:
        """Run handlers on records, report failures, and give those whose records have to come again.

        Fails with `BatchFailed` to have the whole batch come again.
        """
        ...


def failures_among(results: Iterable[Result[Handled[object], Failed[E]]]) -> list[Failed[E]]:
    """Take the failures out of Results, in their order."""
    # Asked that way round, `isinstance` has nothing to look for: what is exactly a Success is one.
    return [result.failure() for result in results if not isinstance(result, Success)]


def check_delivery(delivery: object) -> None:
    """Have a delivery check whether it can work in this process, if it knows how to. Fails with `Misuse`."""
    check: object = getattr(delivery, "check", None)
    if callable(check):
        check()
