"""The event that Lambda hands to a function, made of events and, where a test wants any, of broken records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypedDict, cast

from streamfn._events import Change
from streamfn._wire import RawRecord, StreamViewType

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
    *events: Change | Mapping[str, object], view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES
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
            if isinstance(each, Change)
            else cast("RawRecord", each)  # said to be as it is
            for each in events
        ]
    }


def _seen_by(record: RawRecord, view_type: StreamViewType) -> RawRecord:
    change = record["dynamodb"]
    for image in _LEFT_OUT[view_type]:
        change.pop(image, None)
    change["StreamViewType"] = view_type.value
    return record
