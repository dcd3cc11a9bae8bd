"""Records for tests, in the shape in which Lambda hands those of a stream over.

The shape is that of the sample event in "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda Developer
Guide: times are seconds since 1970, numbers and sequence numbers are text, binaries are base64.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Final, TypedDict

from streamfn._records import StreamRecord, stream_record
from streamfn._wire import EVENT_SOURCE, EventName, Image, RawChange, RawRecord, StreamViewType
from streamfn.testing._attributes import as_json, size_of
from streamfn.testing._items import Item

MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""When a change was made of which no test says so."""

REGION: Final = "eu-west-1"

_changes: Final = count(1)
_BEFORE_THE_FIRST: Final = 99_999_999_999_999_999_997
"""Sequence numbers grow by a digit at the third record: whoever compares them as text is found out."""


class Identity(TypedDict, total=False):
    """What tells a record from others; a test gives what it wants to see again.

    `at` is when the change was made, by default at the start of 2024. `event_id` and `sequence_number` are
    new for each event by default, and the sequence numbers ascend.
    """

    at: datetime
    event_id: str
    sequence_number: str


def record(
    event_name: EventName,
    item: Item,
    identity: Identity,
    *,
    old_image: Image | None = None,
    new_image: Image | None = None,
    expired: bool = False,
) -> StreamRecord:
    """Make the record of a change to an item, of a stream of the view type NEW_AND_OLD_IMAGES.

    Fails with `ValueError` if the change is said to be made at a time without a time zone.
    """
    at = identity.get("at", MOMENT)
    if at.tzinfo is None:
        raise ValueError("at= should have a time zone, as datetime(2024, 1, 1, tzinfo=UTC) has")
    number = next(_changes)
    parts = {"Keys": item.keys} | {
        name: image for name, image in (("NewImage", new_image), ("OldImage", old_image)) if image is not None
    }
    change: RawChange = {
        "ApproximateCreationDateTime": at.timestamp(),
        "Keys": as_json(item.keys),
        "SequenceNumber": identity.get("sequence_number", str(_BEFORE_THE_FIRST + number)),
        "SizeBytes": sum(map(size_of, parts.values())),
        "StreamViewType": StreamViewType.NEW_AND_OLD_IMAGES.value,
    }
    if new_image is not None:
        change["NewImage"] = as_json(new_image)
    if old_image is not None:
        change["OldImage"] = as_json(old_image)
    made: RawRecord = {
        "eventID": identity.get("event_id", f"{number:032x}"),
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": EVENT_SOURCE,
        "awsRegion": REGION,
        "eventSourceARN": _arn(item.table_name),
        "dynamodb": change,
    }
    if expired:
        made["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return stream_record(made)


def _arn(table_name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:123456789012:table/{table_name}/stream/{MOMENT:%Y-%m-%dT%H:%M:%S}.000"
