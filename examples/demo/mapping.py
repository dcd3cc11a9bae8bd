"""Play Lambda's part: deliver a stream's records in batches, and deliver again what the answer does not settle.

This is the event source mapping with ReportBatchItemFailures and without a limit of attempts, as far as its rules are
documented (AWS Lambda Developer Guide, "Using Lambda with DynamoDB", partial batch responses). It does not wait between
attempts, and it does not bisect a batch whose invocation failed.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypedDict

from examples.demo.stream import WireRecord

TIMEOUT: Final = 60.0
"""The function's timeout in seconds, as in its template. The function is told of it, and not stopped by it."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

PATIENCE: Final = 10
"""How many attempts in a row may settle nothing. Lambda goes on until the records expire; a demo should end."""


class NoProgress(RuntimeError):
    """The function settled no record in `PATIENCE` attempts; the message names the record that it stands at."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a function may ask of its context."""

    ends_at: float

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return round((self.ends_at - time.monotonic()) * 1000)


class StreamEvent(TypedDict):
    """What Lambda hands to a function."""

    Records: list[WireRecord]


Function: TypeAlias = Callable[[StreamEvent, Invocation], object]
"""A Lambda function: an event and a context in, an answer out; event and answer are JSON."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One invocation: the records that were delivered, and how many of them, from the first on, are settled by it."""

    records: tuple[WireRecord, ...]
    settled: int


def deliver(records: Sequence[WireRecord], function: Function, *, batch_size: int) -> Iterator[Delivery]:
    """Deliver every record in order until it is settled, and tell of each invocation after it was made.

    Fails with `NoProgress`.
    """
    for start in range(0, len(records), batch_size):
        batch = tuple(records[start : start + batch_size])
        attempts = 0
        while batch:
            if attempts == PATIENCE:
                raise NoProgress(f"no progress at record {sequence_number(batch[0])} in {PATIENCE} attempts")
            settled = invoke(function, batch)
            yield Delivery(batch, settled)
            attempts = 0 if settled else attempts + 1
            batch = batch[settled:]


def invoke(function: Function, batch: Sequence[WireRecord]) -> int:
    """Call the function with a batch, over JSON both ways, and count the records that its answer settles.

    An exception settles none.
    """
    event: StreamEvent = json.loads(json.dumps({"Records": batch}))
    try:
        answer: Json = json.loads(json.dumps(function(event, Invocation(time.monotonic() + TIMEOUT))))
    except Exception:  # noqa: BLE001 - whatever a function raises fails its invocation, and Lambda goes on
        return 0
    return settled_by(answer, batch)


def settled_by(answer: Json, batch: Sequence[WireRecord]) -> int:
    """Count the records, from the first on, that an answer settles: those before the lowest failed sequence number.

    An empty answer settles all. An answer with an identifier that is not one of the batch settles none.
    """
    match answer:
        case None | [] | {"batchItemFailures": None}:
            return len(batch)
        case dict():
            failures = answer.get("batchItemFailures", [])
        case _:
            return 0
    if not isinstance(failures, list):
        return 0
    positions = {sequence_number(record): position for position, record in enumerate(batch)}
    identifiers = [_identifier(failure) for failure in failures]
    if not all(identifier in positions for identifier in identifiers):
        return 0
    return min((positions[identifier] for identifier in identifiers), default=len(batch))


def sequence_number(record: WireRecord) -> str:
    """Give the sequence number by which Lambda knows a record."""
    match record:
        case {"dynamodb": {"SequenceNumber": str(number)}}:
            return number
        case _:
            raise ValueError("a record that a stream delivers has a sequence number")


def _identifier(failure: Json) -> str:
    match failure:
        case {"itemIdentifier": str() as identifier}:
            return identifier
        case _:
            return ""
