"""Stream records: one change to one item each, and what takes its place where an entry is no such thing.

Their properties cannot fail: `read` has checked what they rely on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

from typing_extensions import override

from streamfn._wire import (
    EventName,
    Image,
    ImageName,
    RawRecord,
    StreamViewType,
    as_moment,
    as_sequence_number,
    as_text,
    copied,
    is_map,
    is_same,
)

_VIEW_TYPES: Final = {view.value: view for view in StreamViewType}
_STREAM_ARN: Final = re.compile(r"arn:[^:]+:dynamodb:[^:]*:[^:]*:table/(?P<table>[^/]+)/stream/.+")


class StreamRecord:
    """One change to one item, as DynamoDB Streams reports it.

    Its properties hand out copies of what can be changed, so that no handler changes what another one sees.
    The fields are those of `Record` and `StreamRecord` in the DynamoDB Streams API Reference.
    """

    # No dataclass, and no __init__: there is one for each record, and those would cost more than the record's checks.
    __slots__ = ("_raw",)
    _raw: RawRecord

    @property
    def event_id(self) -> str:
        """The globally unique identifier of this change, the same in every redelivery."""
        return self._raw["eventID"]

    @property
    def event_name(self) -> EventName:
        """What happened to the item."""
        return self._raw["eventName"]

    @property
    def sequence_number(self) -> str | None:
        """The record's place in its shard: a decimal number of any length, as text; None where there is none.

        Of a record that came through Kinesis, it is the place in that shard.
        """
        return as_sequence_number(self._raw["dynamodb"].get("SequenceNumber"))

    @property
    def event_source_arn(self) -> str | None:
        """The ARN of the stream, that of Kinesis if it came through it; None in what GetRecords returns."""
        return as_text(self._raw.get("eventSourceARN"))

    @property
    def table_name(self) -> str | None:
        """The table's name: read from the ARN of its stream, or else what the record says; None if it says nothing."""
        return table_of(self.event_source_arn) or as_text(self._raw.get("tableName"))

    @property
    def region(self) -> str | None:
        """The AWS region in which the change was made."""
        return as_text(self._raw.get("awsRegion"))

    @property
    def keys(self) -> Image:
        """The item's key attributes, as attribute values; a stream carries them whatever its view type."""
        return copied(self._raw["dynamodb"]["Keys"])

    @property
    def new_image(self) -> Image | None:
        """The item after the change, as attribute values; None if it was removed or the view type leaves it out."""
        return copied(self.peek("NewImage"))

    @property
    def old_image(self) -> Image | None:
        """The item before the change, as attribute values; None if it is new or the view type leaves it out."""
        return copied(self.peek("OldImage"))

    @property
    def view_type(self) -> StreamViewType | None:
        """Which images the stream carries; None if the record does not say, or says what is not known here."""
        return _VIEW_TYPES.get(as_text(self._raw["dynamodb"].get("StreamViewType")) or "")

    @property
    def approximate_creation(self) -> datetime | None:
        """When the change was written, in UTC; None if the record does not say."""
        return as_moment(self._raw["dynamodb"].get("ApproximateCreationDateTime"))

    @property
    def size_bytes(self) -> int | None:
        """The size of the record as DynamoDB counts it, in bytes; None if the record does not say."""
        size = self._raw["dynamodb"].get("SizeBytes")
        return size if isinstance(size, int) else None

    @property
    def expired(self) -> bool:
        """Whether the item was removed by DynamoDB's time to live and not by a client.

        True only in the region where it expired: in a replica of a global table such a removal looks like a
        client's (DynamoDB Developer Guide, "DynamoDB Streams and Time to Live").
        """
        identity = self._raw.get("userIdentity")
        return (
            self.event_name == "REMOVE"
            and is_map(identity)
            and identity.get("type") == "Service"
            and identity.get("principalId") == "dynamodb.amazonaws.com"
        )

    @property
    def is_of_kinesis(self) -> bool:
        """Whether a Kinesis stream carried the change, and not the table's own stream."""
        return "kinesis" in self._raw

    @property
    def raw(self) -> RawRecord:
        """A copy of the record as it was received."""
        return copied(self._raw)

    def peek(self, image: ImageName) -> Image | None:
        """Look at a part of the record without copying it: for reading only."""
        return self._raw["dynamodb"].get(image)

    @override
    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, StreamRecord) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.event_id)

    @override
    def __repr__(self) -> str:
        return (
            f"StreamRecord({self.event_name}, table_name={self.table_name!r}, event_id={self.event_id!r}, "
            f"sequence_number={self.sequence_number!r})"
        )


def stream_record(raw: RawRecord) -> StreamRecord:
    """Make the record of what has been checked to be one."""
    record = StreamRecord()
    record._raw = raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (in place of an __init__)
    return record


@dataclass(frozen=True, slots=True, repr=False)
class MalformedRecord:
    """An entry of a batch that is no stream record, with what could still be read of it.

    `position` is its index in the batch; `event_id` and `sequence_number` are None where it has no usable
    ones.
    """

    raw: object
    position: int
    problem: str
    event_id: str | None
    sequence_number: str | None

    @property
    def event_source_arn(self) -> str | None:
        """The stream's ARN; None where the entry has no usable one."""
        return as_text(self.raw.get("eventSourceARN")) if is_map(self.raw) else None

    @property
    def table_name(self) -> str | None:
        """The table's name, as far as the entry tells it; see `StreamRecord.table_name`."""
        told = as_text(self.raw.get("tableName")) if is_map(self.raw) else None
        return table_of(self.event_source_arn) or told

    @override
    def __hash__(self) -> int:
        return hash((self.position, self.event_id, self.sequence_number))

    @override
    def __repr__(self) -> str:
        return (
            f"MalformedRecord(position={self.position}, problem={self.problem!r}, event_id={self.event_id!r}, "
            f"sequence_number={self.sequence_number!r})"
        )


Record: TypeAlias = StreamRecord | MalformedRecord
"""An entry of a batch."""


_PARTS: Final[tuple[ImageName, ...]] = ("Keys", "NewImage", "OldImage")


def is_one_change(one: Record, other: Record) -> bool:
    """Whether two records of one name tell of the same change: to the same item, in the same stream.

    Kinesis gives a change that it carries twice two numbers. In a DynamoDB stream, two numbers are two changes.
    """
    if not isinstance(one, StreamRecord) or not isinstance(other, StreamRecord):
        return is_same(one.raw, other.raw)
    return (
        one.event_name == other.event_name
        and (one.event_source_arn, one.table_name) == (other.event_source_arn, other.table_name)
        and (one.sequence_number == other.sequence_number or (one.is_of_kinesis and other.is_of_kinesis))
        and all(is_same(one.peek(part), other.peek(part)) for part in _PARTS)
    )


@lru_cache(maxsize=256)
def table_of(arn: str | None) -> str | None:
    """Read a table's name from the ARN of its stream; None if it is none."""
    match = _STREAM_ARN.fullmatch(arn or "")
    return match["table"] if match else None
