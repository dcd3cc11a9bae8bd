"""Shapes: the fields that stream records have, on each of the ways that bring them.

A record of a DynamoDB stream is the same in Lambda's event, from GetRecords, through a pipe of EventBridge and in a
document of an OnFailure destination (`Record` and `StreamRecord` in the DynamoDB Streams API Reference, with the names
of "Example DynamoDB Streams record event" in the AWS Lambda Developer Guide). Through Kinesis Data Streams it has a
member `tableName` and no view type, and what Kinesis says of its entry is `kinesis`; an export of the table has a
`tableName` too, and neither number nor size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from streamfn._patterns.domains import COUNT, DIGITS, REGION, TEXT, TIME, Domain, one_of, text_like
from streamfn._wire import EVENT_NAMES, EVENT_SOURCE, EventName, ImageName, StreamViewType

Way: TypeAlias = Literal["stream", "kinesis", "export"]
"""How a record came."""

WAYS: Final[tuple[Way, ...]] = ("stream", "kinesis", "export")


class Leaf(NamedTuple):
    """A field that holds a value: on which ways a record may have it, and on which it always has.

    `nothing` are the ways on which it may be null.
    """

    domain: Domain
    ways: tuple[Way, ...] = WAYS
    always: tuple[Way, ...] = ()
    nothing: tuple[Way, ...] = ()


class Attributes(NamedTuple):
    """A field that holds attributes of the item."""

    part: ImageName


class Fields(NamedTuple):
    """A field that holds fields; `leaf` is what it is where it holds none."""

    fields: Mapping[str, Node]
    leaf: Leaf | None = None


Node: TypeAlias = Leaf | Attributes | Fields


class Variant(NamedTuple):
    """A kind of record: how it came, what happened, and which images it has."""

    way: Way
    event_name: EventName
    view: StreamViewType | None
    parts: frozenset[ImageName]


_OF_EVENT: Final[Mapping[EventName, frozenset[ImageName]]] = {
    "INSERT": frozenset({"Keys", "NewImage"}),
    "MODIFY": frozenset({"Keys", "NewImage", "OldImage"}),
    "REMOVE": frozenset({"Keys", "OldImage"}),
}
_OF_VIEW: Final[Mapping[StreamViewType, frozenset[ImageName]]] = {
    StreamViewType.NEW_AND_OLD_IMAGES: frozenset({"Keys", "NewImage", "OldImage"}),
    StreamViewType.NEW_IMAGE: frozenset({"Keys", "NewImage"}),
    StreamViewType.OLD_IMAGE: frozenset({"Keys", "OldImage"}),
    StreamViewType.KEYS_ONLY: frozenset({"Keys"}),
}


def parts_of(event_name: EventName, view: StreamViewType) -> frozenset[ImageName]:
    """List the parts that hold attributes, in a record of a stream of a view type."""
    return _OF_EVENT[event_name] & _OF_VIEW[view]


def variants() -> Iterator[Variant]:
    """List the kinds of records that there are."""
    for event_name in EVENT_NAMES:
        for view in _OF_VIEW:
            yield Variant("stream", event_name, view, parts_of(event_name, view))
        yield Variant("kinesis", event_name, None, _OF_EVENT[event_name])
        for view in (None, *_OF_VIEW):
            kept = _OF_EVENT[event_name] if view is None else parts_of(event_name, view)
            yield Variant("export", event_name, view, kept)


_S: Final[tuple[Way, ...]] = ("stream",)
_K: Final[tuple[Way, ...]] = ("kinesis",)
_SK: Final[tuple[Way, ...]] = ("stream", "kinesis")
_KE: Final[tuple[Way, ...]] = ("kinesis", "export")

EVENT_NAME: Final = Leaf(one_of(*EVENT_NAMES), always=WAYS)
VIEW_TYPE: Final = Leaf(one_of(*(view.value for view in StreamViewType)), ("stream", "export"), _S)

_KINESIS: Final[Mapping[str, Node]] = {
    **{
        name: Leaf(TEXT, _K)
        for name in (
            "kinesisSchemaVersion", "partitionKey", "encryptionType", "eventID", "eventName", "eventSource",
            "eventSourceARN", "eventVersion", "awsRegion", "invokeIdentityArn",
        )
    },
    "sequenceNumber": Leaf(DIGITS, _K),
    "approximateArrivalTimestamp": Leaf(TIME, _K),
}  # fmt: skip
"""What Lambda's event of a Kinesis stream, or a pipe's, says of an entry ("Kinesis record event" in the same guide)."""

DYNAMODB: Final[Mapping[str, Node]] = {
    "Keys": Attributes("Keys"),
    "NewImage": Attributes("NewImage"),
    "OldImage": Attributes("OldImage"),
    "SequenceNumber": Leaf(DIGITS, _SK, _S),
    "StreamViewType": VIEW_TYPE,
    "SizeBytes": Leaf(COUNT, _SK),
    "ApproximateCreationDateTime": Leaf(TIME),
    "ApproximateCreationDateTimePrecision": Leaf(one_of("MILLISECOND", "MICROSECOND"), _K),
}


def record_of(table_name: str) -> Mapping[str, Node]:
    """List the fields of a record of a table."""
    return {
        "eventID": Leaf(TEXT, always=WAYS),
        "eventName": EVENT_NAME,
        "eventVersion": Leaf(TEXT, _S),
        "eventSource": Leaf(one_of(EVENT_SOURCE)),
        "awsRegion": Leaf(REGION, nothing=("export",)),
        "eventSourceARN": Leaf(_stream_of(table_name), _SK, _SK),
        "userIdentity": Fields(
            {"type": Leaf(TEXT, _SK), "principalId": Leaf(TEXT, _SK)},
            Leaf(Domain("an object of type and principalId, or null through Kinesis", (None,)), _K),
        ),
        "dynamodb": Fields(DYNAMODB),
        "tableName": Leaf(one_of(table_name), _KE, _KE),
        "recordFormat": Leaf(TEXT, _K),
        "kinesis": Fields(_KINESIS),
    }


def _stream_of(table_name: str) -> Domain:
    """Make the domain of the ARNs of a table's streams, and of Kinesis streams."""

    def has(text: str) -> bool:
        return f":table/{table_name}/stream/" in text or ":kinesis:" in text

    return text_like(f"the ARN of a stream of {table_name}, or of a Kinesis stream", has)
