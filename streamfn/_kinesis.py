"""Changes that come through Kinesis Data Streams: records within entries of Kinesis's own, taken out of them.

What DynamoDB writes there is described in "Using Kinesis Data Streams to capture changes to DynamoDB" in the DynamoDB
Developer Guide. It is the record of a DynamoDB stream, but for its place in a shard, which is the entry's, and its
time, which is in milliseconds or microseconds. Records may come twice and out of order; their `eventID` tells which
are the same.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from typing import Final

from streamfn._entries import member, record_of
from streamfn._records import MalformedRecord, Record, is_one_change
from streamfn._wire import as_number, as_sequence_number, as_text, is_map, unit_of

_UNITS: Final[Mapping[object, int]] = {
    "MILLISECOND": 1_000,
    "MICROSECOND": 1_000_000,
    "NANOSECOND": 1_000_000_000,
}
"""How many of them a second has, by the name that a record gives the precision of its time."""


def records_of(entries: Iterable[object]) -> list[Record]:
    """Take the records out of their entries, in the order of the batch, each of those that came twice once.

    A record came twice if its `eventID` did, with the same keys and images.

    Each has the sequence number and the ARN of its entry, by which an answer and a ledger know it. What the entry
    says besides is the member ``kinesis`` of the raw record. An entry that holds no record is a `MalformedRecord`.
    """
    records: list[Record] = []
    known: dict[str, list[Record]] = {}
    for position, entry in enumerate(entries):
        record = _record_of(entry, position)
        if not isinstance(record, MalformedRecord):
            same = known.setdefault(record.event_id, [])
            if any(is_one_change(record, other) for other in same):
                continue
            same.append(record)
        records.append(record)
    return records


def _record_of(entry: object, position: int) -> Record:
    # Lambda's event has the members of Kinesis's record one level further down than the list of a pipe.
    outer = nested if is_map(nested := member(entry, "kinesis")) else entry
    number = as_sequence_number(member(outer, "sequenceNumber"))
    told = _told(member(outer, "data"))
    if not is_map(outer) or not is_map(told) or not is_map(change := told.get("dynamodb")):
        return MalformedRecord(
            entry,
            position,
            "kinesis.data: expected a record of DynamoDB",
            event_id=as_text(member(entry, "eventID")) or None,
            sequence_number=number,
        )
    written = _seconds(
        change.get("ApproximateCreationDateTime"), change.get("ApproximateCreationDateTimePrecision")
    )
    inner = {
        **told,
        "eventSourceARN": member(entry, "eventSourceARN"),
        "kinesis": {name: value for name, value in outer.items() if name != "data"},
        "dynamodb": {**change, "SequenceNumber": number, "ApproximateCreationDateTime": written},
    }
    return record_of(inner, position)


def _told(data: object) -> object:
    """Read what an entry carries; nothing where that is not JSON in base64."""
    try:
        return json.loads(a2b_base64(data, strict_mode=True)) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None


def _seconds(written: object, precision: object) -> object:
    """Give a time in seconds since 1970, by its precision, or by how large it is where the record does not say.

    What is no number, or no time, is given as it is.

    >>> _seconds(1731924555370, None), _seconds(1731924555370500, None), _seconds(1731924555370, "MILLISECOND")
    (1731924555.37, 1731924555.3705, 1731924555.37)
    """
    number = as_number(written)
    if number is None:
        return written
    unit = _UNITS.get(precision) if isinstance(precision, str) else None
    if unit is None:
        size = abs(number)
        # From 1973 to 5138 a time is in one of these alone; what is smaller than each of them is in milliseconds.
        unit = 1 if 100_000_000 <= size < 100_000_000_000 else max(1_000, unit_of(number))
    try:
        return number / unit
    except OverflowError:
        return written
