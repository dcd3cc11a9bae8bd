"""Payloads and contexts for tests, and what Results hold."""

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
from streamfn.testing._events import REGION

# The context that Lambda hands to a function, with a time that a test decides.

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


# The Results of a pipeline, taken apart for a test to compare.

A = TypeVar("A")
E = TypeVar("E")


def values(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[A]:
    """Take what handlers succeeded with, in the order of the Results; failures are left out.

    >>> values([])
    []
    """
    return [result.unwrap().value for result in results if isinstance(result, Success)]


def failures(results: Iterable[Result[Handled[A], Failed[E]]]) -> list[Failed[E]]:
    """Take what failed, in the order of the Results: each with its record, its handler and the reason.

    >>> failures([])
    []
    """
    return [result.failure() for result in results if isinstance(result, Failure)]


# The payloads that reach a function, made of events and, where a test wants any, of broken records.

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
    """Make what Lambda hands to a function of events, in their order.

    It is plain JSON, in the shape that Lambda sends: numbers are text and binaries are base64. `view_type` is
    that of the stream, which leaves images out. An event that stands there twice is a record that was
    delivered twice. In place of an event may stand a record as it is, a broken one say.

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
            else cast("RawRecord", each)  # said to be as it is
            for each in events
        ]
    }


Precision: TypeAlias = Literal["MILLISECOND", "MICROSECOND"]
"""In which unit a record that goes through Kinesis tells its time."""

_PARTS_OF_A_SECOND: Final[Mapping[Precision, int]] = {"MILLISECOND": 1_000, "MICROSECOND": 1_000_000}


class KinesisEvent(TypedDict):
    """A batch of a Kinesis stream's entries, as Lambda hands it to a function."""

    Records: list[Mapping[str, object]]


def kinesis_event(
    *events: BaseEvent | Mapping[str, object], precision: Precision = "MILLISECOND"
) -> KinesisEvent:
    """Make what Lambda hands to a function that is fed by a Kinesis stream, which carries the changes of tables.

    Entries have the sequence numbers of the events. One that stands there twice is a change that was written twice,
    and each time with the same number. In place of an event may stand an entry as it is, a broken one say.

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
    """Make what a pipe of EventBridge hands to a function: the records of a DynamoDB stream, in a bare list."""
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
        "eventSourceARN": f"arn:aws:kinesis:{REGION}:123456789012:stream/changes",
    }


def _seen_by(record: RawRecord, view_type: StreamViewType) -> RawRecord:
    change = record["dynamodb"]
    for image in _LEFT_OUT[view_type]:
        change.pop(image, None)
    change["StreamViewType"] = view_type.value
    return record
