"""The last stage: from Results to the answer that Lambda gets, which decides what comes again.

With ReportBatchItemFailures on the event source mapping, Lambda takes the lowest sequence number in the
answer as its checkpoint and sends that record and all after it again (AWS Lambda Developer Guide, "Using AWS
Lambda with Amazon DynamoDB", "Reporting batch item failures"). So one number says all that an answer can say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypedDict

from returns.result import Failure, Result
from typing_extensions import TypeVar

from streamfn._failures import Failed, Handled, OutOfTime
from streamfn._reports import Report, log_failure, send

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; an empty list says that the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Raised out of a Lambda function to have the whole batch come again, where no answer could say so."""


class Delivery(Protocol[E_contra]):
    """What failures do to the rest of the batch, and what Lambda is told of them."""

    @property
    def stops(self) -> bool:
        """Whether nothing is started on records after one that failed."""
        ...

    def settle(self, results: Sequence[Result[Handled[object], Failed[E_contra]]], /) -> BatchResponse:
        """Report failures, and make the answer. Fails with `BatchFailed` where an answer cannot say what is to come."""
        ...


@dataclass(frozen=True, slots=True)
class Acknowledge(Generic[E_contra]):
    """A delivery that reports failures and drops them; `acknowledge` makes it."""

    report: Report[E_contra]

    @property
    def stops(self) -> bool:
        """No: what fails is dropped, so the rest goes on."""
        return False

    def settle(self, results: Sequence[Result[Handled[object], Failed[E_contra]]], /) -> BatchResponse:
        """Report all failures; only what was not started for lack of time comes again."""
        failures = _failures(results)
        send(self.report, failures)
        return _answer([failed for failed in failures if isinstance(failed.reason, OutOfTime)])


@dataclass(frozen=True, slots=True)
class Retry(Generic[E_contra]):
    """A delivery that has the first failed record, and all after it, come again; `retry` makes it."""

    report: Report[E_contra]
    whole_batch: bool

    @property
    def stops(self) -> bool:
        """Yes: Lambda sends what follows a failed record again, so to run it now would be to run it twice."""
        return True

    def settle(self, results: Sequence[Result[Handled[object], Failed[E_contra]]], /) -> BatchResponse:
        """Report all failures, and name the lowest sequence number among them."""
        failures = _failures(results)
        send(self.report, failures)
        if failures and self.whole_batch:
            raise BatchFailed(f"{len(failures)} failures; the first: {failures[0]!r}")
        return _answer(failures)


def acknowledge(report: Report[E] = log_failure) -> Acknowledge[E]:
    """Make a delivery for work that may be lost: each failure goes to `report` and is dropped.

    Everything runs, whatever fails, and Lambda never sends a batch again but for handlers that time ran out
    for. `report` gets the record, the name of the handler and the reason; by default they are logged, without
    data.
    """
    return Acknowledge(report)


def retry(*, whole_batch: bool = False, report: Report[E] = log_failure) -> Retry[E]:
    """Make a delivery for work that must not be lost: a failed record comes again, with all after it.

    Nothing is started on records after a failed one, for those come again anyway; on the failed record
    itself, all handlers run. All of them run on it again when it comes again, those that succeeded included.

    The event source mapping needs ReportBatchItemFailures: without it Lambda takes every answer for a
    success. For a mapping that has to do without, ``whole_batch=True`` raises `BatchFailed` instead of
    answering.
    """
    return Retry(report, whole_batch)


def _failures(results: Iterable[Result[Handled[object], Failed[E]]]) -> list[Failed[E]]:
    return [result.failure() for result in results if isinstance(result, Failure)]


def _answer(failures: Sequence[Failed[object]]) -> BatchResponse:
    """Name the lowest sequence number; their lengths differ, so text would not do."""
    numbers: list[str] = []
    for failed in failures:
        if (number := failed.record.sequence_number) is None:
            raise BatchFailed(f"a failed record has no sequence number that an answer could name: {failed!r}")
        numbers.append(number)
    return {"batchItemFailures": [{"itemIdentifier": min(numbers, key=_size)}] if numbers else []}


def _size(number: str) -> tuple[int, str]:
    """Order decimal numbers of any length, leading zeros or not, by how large they are."""
    digits = number.lstrip("0")
    return len(digits), digits
