"""Payloads for tests.

In this order: the context of an invocation, the values and failures of Results, and payloads made of events.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias, TypedDict, cast

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn._events import BaseEvent
from streamfn._failures import Failed, Handled
from streamfn._records import RawRecord, StreamRecord, StreamViewType
from streamfn.testing._events import DEFAULT_REGION

# The context that Lambda passes to a function, with a remaining time that the test sets.

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class FixedTime:
    """A context whose remaining time changes only where a test sets it."""

    remaining: timedelta

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return self.remaining // _MILLISECOND


def lambda_context(remaining: timedelta = timedelta(minutes=1)) -> FixedTime:
    """Make a context with this much time left; a handler under test may set its `remaining` anew.

    >>> context = lambda_context(timedelta(seconds=3))
    >>> context.get_remaining_time_in_millis()
    3000
    """
    return FixedTime(remaining)


# The Results of a pipeline, as values and failures that a test can compare.

A = TypeVar("A")
E = TypeVar("E")


def values(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[A]:
    """Return the values of the successes, in the order of the Results; failures are left out.

    >>> values([])
    []
    """
    return [result.unwrap().value for result in results if isinstance(result, Success)]


def failures(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[Failed[E]]:
    """Return the failures, in the order of the Results: each with its record, its handler and the reason.

    >>> failures([])
    []
    """
    return [result.failure() for result in results if isinstance(result, Failure)]


# The payloads of a function, made of events and, if the test passes any, of malformed records.

_LEFT_OUT: Final[Mapping[StreamViewType, tuple[Literal["NewImage", "OldImage"], ...]]] = {
    StreamViewType.NEW_AND_OLD_IMAGES: (),
    StreamViewType.NEW_IMAGE: ("OldImage",),
    StreamViewType.OLD_IMAGE: ("NewImage",),
    StreamViewType.KEYS_ONLY: ("NewImage", "OldImage"),
}


class LambdaEvent(TypedDict):
    """A batch of a stream's records, as Lambda hands it to a function."""

    Records: list[RawRecord]


def lambda_event(
    *events: BaseEvent | Mapping[str, object], view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES
) -> LambdaEvent:
    """Make the payload that Lambda passes to a function, with the events in their order.

    The payload is plain JSON, in Lambda's shape: numbers are text and binaries are base64. `view_type` is the view
    type of the stream, which leaves images out. An event passed twice is a record that was delivered twice. A raw
    record, such as a malformed one, may stand in place of an event.

    >>> from dataclasses import dataclass
    >>> from streamfn.testing import insert_event
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> event = lambda_event(insert_event(Card(1)))
    >>> event["Records"][0]["eventName"], event["Records"][0]["dynamodb"]["NewImage"]
    ('INSERT', {'id': {'N': '1'}})
    """
    return {
        "Records": [
            _seen_by(each.record.raw, view_type)
            if isinstance(each, BaseEvent)
            else cast("RawRecord", each)  # passed on unchanged
            for each in events
        ]
    }


Precision: TypeAlias = Literal["MILLISECOND", "MICROSECOND"]
"""The unit of time in a record that goes through Kinesis."""

_PARTS_OF_A_SECOND: Final[Mapping[Precision, int]] = {"MILLISECOND": 1_000, "MICROSECOND": 1_000_000}


class KinesisEvent(TypedDict):
    """A batch of a Kinesis stream's entries, as Lambda hands it to a function."""

    Records: list[Mapping[str, object]]


def kinesis_event(
    *events: BaseEvent | Mapping[str, object], precision: Precision = "MILLISECOND"
) -> KinesisEvent:
    """Make the payload of a function behind a Kinesis stream that carries the changes of tables.

    Entries have the sequence numbers of the events. An event passed twice is a change that was written twice, with the
    same number each time. A raw entry, such as a malformed one, may stand in place of an event.

    >>> from dataclasses import dataclass
    >>> from streamfn.testing import insert_event
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> event = kinesis_event(insert_event(Card(1), sequence_number="7"))
    >>> event["Records"][0]["eventID"]
    'shardId-000000000000:7'
    """
    return {
        "Records": [
            _through_kinesis(each.record, precision) if isinstance(each, BaseEvent) else each
            for each in events
        ]
    }


def pipe_event(*events: BaseEvent | Mapping[str, object]) -> list[RawRecord]:
    """Make the payload of an EventBridge pipe: the records of a DynamoDB stream, in a bare list."""
    return lambda_event(*events)["Records"]


def _through_kinesis(record: StreamRecord, precision: Precision) -> Mapping[str, object]:
    raw = record.raw
    change = {
        name: value
        for name, value in raw["dynamodb"].items()
        if name not in {"SequenceNumber", "StreamViewType", "ApproximateCreationDateTime"}
    }
    if record.approximate_creation is not None:
        parts = _PARTS_OF_A_SECOND[precision]
        change["ApproximateCreationDateTime"] = round(record.approximate_creation.timestamp() * parts)
        change["ApproximateCreationDateTimePrecision"] = precision
    told = {
        "awsRegion": record.region,
        "eventID": record.event_id,
        "eventName": record.event_name,
        "userIdentity": raw.get("userIdentity"),
        "recordFormat": "application/json",
        "tableName": record.table_name,
        "dynamodb": change,
        "eventSource": "aws:dynamodb",
    }
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.event_id,
            "sequenceNumber": record.sequence_number,
            "data": b64encode(json.dumps(told).encode()).decode(),
            "approximateArrivalTimestamp": raw["dynamodb"].get("ApproximateCreationDateTime"),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/follow",
        "awsRegion": record.region,
        "eventSourceARN": f"arn:aws:kinesis:{DEFAULT_REGION}:123456789012:stream/changes",
    }


def _seen_by(record: RawRecord, view_type: StreamViewType) -> RawRecord:
    change = record["dynamodb"]
    for image in _LEFT_OUT[view_type]:
        change.pop(image, None)
    change["StreamViewType"] = view_type.value
    return record
