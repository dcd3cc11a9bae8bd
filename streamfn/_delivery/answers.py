"""Answers to Lambda, which decide what comes again.

With ReportBatchItemFailures on the event source mapping, Lambda takes the lowest sequence number in the
answer as its checkpoint and sends that record and all after it again (AWS Lambda Developer Guide, "Using AWS
Lambda with Amazon DynamoDB", "Reporting batch item failures"). So one number says all that an answer can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from streamfn._failures import Failed
from streamfn._wire import magnitude


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; an empty list says that the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Raised out of a Lambda function to have the whole batch come again, where no answer could say so."""


def answer(failures: Sequence[Failed[object]], *, whole_batch: bool = False) -> BatchResponse:
    """Name the lowest sequence number among failures.

    Fails with `BatchFailed` where a failed record has no number, and with `whole_batch` for every failure.
    """
    if failures and whole_batch:
        raise BatchFailed(f"{len(failures)} failures; the first: {failures[0]!r}")
    numbers: list[str] = []
    for failed in failures:
        if (number := failed.record.sequence_number) is None:
            raise BatchFailed(f"a failed record has no sequence number that an answer could name: {failed!r}")
        numbers.append(number)
    # Their lengths differ, so text would not do.
    return {"batchItemFailures": [{"itemIdentifier": min(numbers, key=magnitude)}] if numbers else []}
