"""Answers to whoever sent a batch, which decide what comes again.

With ReportBatchItemFailures on the event source mapping, Lambda takes the lowest sequence number in the
answer as its checkpoint and sends that record and all after it again (AWS Lambda Developer Guide, "Using AWS
Lambda with Amazon DynamoDB", "Reporting batch item failures"; it does the same for Kinesis). So one number says all
that an answer can say. A pipe of EventBridge goes by the `eventID` of each record that has to come again (Amazon
EventBridge User Guide, "Amazon EventBridge Pipes batching and concurrency"). Who hands in a document of an OnFailure
destination waits for no answer, and is told by an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from streamfn._entries import member
from streamfn._envelopes import Sender
from streamfn._failures import Failed
from streamfn._records import MalformedRecord, Record
from streamfn._wire import as_text, magnitude


class BatchItemFailure(TypedDict):
    """The identifier of a record that has to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A function's answer to Lambda; an empty list says that the whole batch is settled."""

    batchItemFailures: list[BatchItemFailure]


class BatchFailed(Exception):
    """Raised out of a Lambda function to have the whole batch come again, where no answer could say so."""


def answer(open_failures: Sequence[Failed[object]], sender: Sender = "mapping") -> BatchResponse:
    """Name to a sender the records of failures, which have to come again.

    Fails with `BatchFailed` where a failed record has no identifier that the sender knows, and for failures of a
    sender that waits for no answer.
    """
    if not open_failures:
        return {"batchItemFailures": []}
    if sender == "destination":
        fail_whole(open_failures)
    if sender == "pipe":
        return {"batchItemFailures": [{"itemIdentifier": each} for each in _event_ids(open_failures)]}
    # Their lengths differ, so text would not do.
    return {"batchItemFailures": [{"itemIdentifier": min(_numbers(open_failures), key=magnitude)}]}


def fail_whole(open_failures: Sequence[Failed[object]]) -> None:
    """Have the whole batch come again if there are failures: fails with `BatchFailed` then."""
    if open_failures:
        raise BatchFailed(f"{len(open_failures)} failures; the first: {open_failures[0]!r}")


def _numbers(failures: Sequence[Failed[object]]) -> list[str]:
    numbers: list[str] = []
    for failed in failures:
        if (number := failed.record.sequence_number) is None:
            raise BatchFailed(f"a failed record has no sequence number that an answer could name: {failed!r}")
        numbers.append(number)
    return numbers


def _event_ids(failures: Sequence[Failed[object]]) -> list[str]:
    """Name each record once, in the order of the batch."""
    names: dict[str, None] = {}
    for failed in failures:
        if (name := _event_id(failed.record)) is None:
            raise BatchFailed(f"a failed record has no eventID that an answer could name: {failed!r}")
        names[name] = None
    return list(names)


def _event_id(record: Record) -> str | None:
    """Find by what a pipe knows a record, which is Kinesis's own identifier if it came through that."""
    raw = (
        record.raw if isinstance(record, MalformedRecord) else record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
    )
    return as_text(member(member(raw, "kinesis"), "eventID")) or record.event_id
