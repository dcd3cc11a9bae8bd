"""Shapes: the fields that stream records have, on each of the ways that bring them.

A record of a DynamoDB stream is the same in Lambda's event, from GetRecords, through a pipe of EventBridge and in a
document of an OnFailure destination (`Record` and `StreamRecord` in the DynamoDB Streams API Reference, with the names
of "Example DynamoDB Streams record event" in the AWS Lambda Developer Guide). Through Kinesis Data Streams it has a
member `tableName` and no view type, and what Kinesis says of its entry is `kinesis`; an export of the table has a
`tableName` too, and neither number nor size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from streamfn._patterns.domains import COUNT, DIGITS, REGION, TEXT, TIME, Domain, one_of, text_like
from streamfn._wire import EVENT_NAMES, EVENT_SOURCE, EventName, ImageName, StreamViewType

Way: TypeAlias = Literal["stream", "kinesis", "export", "data"]
"""How a record came; `data` is one that came through Kinesis as the filter of a mapping sees it, without its entry."""

WAYS: Final[tuple[Way, ...]] = ("stream", "kinesis", "export")
"""The ways of the records that a table's pattern is asked about."""

DATA: Final = "data"
"""Where an entry of Kinesis has the record."""


_OF_ARN: Final = 5
"""How many colons are before the resource of an ARN, which may have more."""


class Leaf(NamedTuple):
    """A field that holds a value: on which ways a record may have it, and on which it always has.

    `nothing` are the ways on which it may be null.
    """

    domain: Domain
    ways: tuple[Way, ...] = (*WAYS, "data")
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
            yield Variant("export", event_name, view, parts_of(event_name, view))
        yield Variant("kinesis", event_name, None, _OF_EVENT[event_name])
        yield Variant("data", event_name, None, _OF_EVENT[event_name])
        yield Variant("export", event_name, None, _OF_EVENT[event_name])


_S: Final[tuple[Way, ...]] = ("stream",)
_D: Final[tuple[Way, ...]] = ("kinesis", "data")
_K: Final[tuple[Way, ...]] = ("kinesis",)
_SK: Final[tuple[Way, ...]] = ("stream", "kinesis")
_SD: Final[tuple[Way, ...]] = ("stream", "kinesis", "data")
_DE: Final[tuple[Way, ...]] = ("kinesis", "data", "export")
_ALL: Final[tuple[Way, ...]] = (*WAYS, "data")

EVENT_NAME: Final = Leaf(one_of(*EVENT_NAMES), always=_ALL)
BY_TIME_TO_LIVE: Final = Leaf(TEXT, ("stream", "kinesis", "data"))
"""Who removed an item whose time to live was over; records of nothing else say who (`Record` in the same reference)."""

VIEW_TYPE: Final = Leaf(one_of(*(view.value for view in StreamViewType)), ("stream", "export"), _S)

_KINESIS: Final[Mapping[str, Leaf]] = {
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

_ENTRY: Final[Mapping[str, Node]] = {
    name: node._replace(ways=("data",))
    for name, node in _KINESIS.items()
    if name != "eventName"  # which is that of the change to whoever asks for it
}
"""What a mapping's filter sees of an entry beside its data ("Using event filtering" with Kinesis in that guide)."""

DYNAMODB: Final[Mapping[str, Node]] = {
    "Keys": Attributes("Keys"),
    "NewImage": Attributes("NewImage"),
    "OldImage": Attributes("OldImage"),
    "SequenceNumber": Leaf(DIGITS, _SK, _S),
    "StreamViewType": VIEW_TYPE,
    "SizeBytes": Leaf(COUNT, _SD),
    "ApproximateCreationDateTime": Leaf(TIME),
    "ApproximateCreationDateTimePrecision": Leaf(one_of("MILLISECOND", "MICROSECOND"), _D),
}


def record_of(table_names: Sequence[str], ways: Collection[Way]) -> Fields:
    """List the fields that a record of one of these tables has on some of these ways."""
    return _on(ways, Fields(_record_of(table_names)))


def entry_of(record: Fields) -> Fields:
    """List the fields that an entry of Kinesis has, as the filter of a mapping sees it, with a record in its data."""
    return Fields({DATA: record, **_ENTRY})


def _on(ways: Collection[Way], whole: Fields) -> Fields:
    fields: dict[str, Node] = {}
    for name, node in whole.fields.items():
        if isinstance(node, Fields):
            if (within := _on(ways, node)).fields:
                fields[name] = within
        elif isinstance(node, Attributes) or any(way in ways for way in node.ways):
            fields[name] = node
    leaf = whole.leaf
    return Fields(fields, leaf if leaf is not None and any(way in ways for way in leaf.ways) else None)


def _record_of(table_names: Sequence[str]) -> Mapping[str, Node]:
    return {
        "eventID": Leaf(TEXT, always=_ALL),
        "eventName": EVENT_NAME,
        "eventVersion": Leaf(TEXT, _S),
        "eventSource": Leaf(one_of(EVENT_SOURCE)),
        "awsRegion": Leaf(REGION, nothing=("export",)),
        "eventSourceARN": Leaf(_stream_of(table_names), _SK, _SK),
        "userIdentity": Fields(
            {"type": BY_TIME_TO_LIVE, "principalId": BY_TIME_TO_LIVE},
            Leaf(Domain("an object of type and principalId, or null through Kinesis", (None,)), _D),
        ),
        "dynamodb": Fields(DYNAMODB),
        "tableName": Leaf(one_of(*table_names) if table_names else TEXT, _DE, _DE),
        "recordFormat": Leaf(TEXT, _D),
        "kinesis": Fields(_KINESIS),
    }


def _stream_of(table_names: Sequence[str]) -> Domain:
    """Make the domain of the ARNs of the tables' streams, and of Kinesis streams.

    These are ``arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`` and
    ``arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME`` ("Actions, resources, and condition keys" of each service in
    the Service Authorization Reference).
    """
    resources = {
        "dynamodb": [f"table/{name}/stream/" for name in table_names],
        "kinesis": ["stream/"],
    }

    def has(text: str) -> bool:
        return ":kinesis:" in text or any(f":{resource}" in text for resource in resources["dynamodb"])

    def begins(text: str) -> bool:
        prefix, _, service, _, _, resource, *_ = *text.split(":", _OF_ARN), *[""] * _OF_ARN
        whole = text.count(":")
        return _leads(prefix, ["arn"], is_whole=whole > 0) and any(
            _leads(service, [name], is_whole=whole > 2)
            and any(known.startswith(resource) or resource.startswith(known) for known in known_resources)
            for name, known_resources in resources.items()
        )

    def ends(text: str) -> bool:
        start, slash, _ = text.rpartition("/")
        return not slash or any(
            known.endswith(f"{start}/") or f"{start}/".endswith(f":{known}")
            for each in resources.values()
            for known in each
        )

    return text_like(
        f"the ARN of a stream of {' or '.join(table_names)}, or of a Kinesis stream", has, begins, ends
    )


def _leads(text: str, names: Sequence[str], *, is_whole: bool) -> bool:
    """Whether text is one of some names, or may become one."""
    return any(name == text if is_whole else name.startswith(text) for name in names)
