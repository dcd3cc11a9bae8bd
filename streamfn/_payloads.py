"""The first stage: from the payload that a function receives to its stream records.

`read` checks each record once, so that nothing that is asked of a `StreamRecord` can fail later. An entry
that does not pass stays in the list as a `MalformedRecord`: it has a place in the batch, and losing sight of
it would lose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from streamfn._records import MalformedRecord, Record, StreamRecord
from streamfn._wire import (
    EVENT_NAMES,
    EVENT_SOURCE,
    RawRecord,
    as_moment,
    as_sequence_number,
    as_text,
    is_map,
)


class NotAStreamEvent(ValueError):
    """The payload as a whole is no event of a DynamoDB stream; the message says what was expected.

    It is raised, not returned: there is no record that a Result could be about. A Lambda function that lets
    it through fails the invocation, so that whoever sent the payload still has it.
    """


def read(payload: object) -> list[Record]:
    """Take the records out of a Lambda event, in the order of the batch, one element for each entry.

    `payload` is what Lambda hands to a function: ``{"Records": [record, …]}``; what GetRecords answers has
    that shape too. A batch in which no entry comes from DynamoDB is not one of ours; a single stranger is a
    `MalformedRecord`.

    Fails with `NotAStreamEvent` if the payload is of another shape or of another service.

    >>> read({"Records": []})
    []
    >>> read({"Records": [{"eventSource": "aws:sqs", "body": "…"}]})
    Traceback (most recent call last):
    ...
    streamfn._payloads.NotAStreamEvent: expected the event of a DynamoDB stream, got records of aws:sqs
    """
    entries = _entries(payload)
    sources = [_source(entry) for entry in entries]
    if (stranger := sources[0] if sources else None) and EVENT_SOURCE not in sources and None not in sources:
        raise NotAStreamEvent(f"expected the event of a DynamoDB stream, got records of {stranger}")
    return [record_of(entry, position) for position, entry in enumerate(entries)]


def _entries(payload: object) -> Sequence[object]:
    expected = 'expected the event of a DynamoDB stream, {"Records": [...]}'
    if not is_map(payload):
        raise NotAStreamEvent(f"{expected}, got {type(payload).__name__}")
    if "Records" not in payload:
        raise NotAStreamEvent(f"{expected}, got an object without Records")
    records = payload["Records"]
    if not isinstance(records, list):
        raise NotAStreamEvent(f"{expected}, got Records of type {type(records).__name__}")
    return cast("list[object]", records)  # isinstance knows the list, not what is in it


def _source(entry: object) -> str | None:
    """The service that an entry names; some spell the key with a capital."""
    return as_text(_member(entry, "eventSource") or _member(entry, "EventSource"))


def record_of(entry: object, position: int) -> Record:
    """Check one entry of a batch, at its index there; what is no stream record becomes a `MalformedRecord`."""
    if (problem := _problem(entry)) is None:
        return StreamRecord(cast("RawRecord", entry))  # _problem has just checked all that RawRecord promises
    return MalformedRecord(
        entry,
        position,
        problem,
        event_id=as_text(_member(entry, "eventID")) or None,
        sequence_number=as_sequence_number(_member(_member(entry, "dynamodb"), "SequenceNumber")),
    )


def _member(value: object, name: str) -> object:
    return value.get(name) if is_map(value) else None


def _problem(entry: object) -> str | None:
    """Say why an entry is no stream record, or None if it is one. Says what is there, never its value."""
    if not is_map(entry):
        return f"expected an object, got {type(entry).__name__}"
    change = entry.get("dynamodb")
    if not is_map(change):
        return _expected("dynamodb", "an object", change)
    if not as_text(entry.get("eventID")):
        return _expected("eventID", "text", entry.get("eventID"))
    if entry.get("eventSource", EVENT_SOURCE) != EVENT_SOURCE:
        return f"eventSource: expected {EVENT_SOURCE}"
    if entry.get("eventName") not in EVENT_NAMES:
        return _expected("eventName", "INSERT, MODIFY or REMOVE", entry.get("eventName"))
    if not is_map(change.get("Keys")):
        return _expected("dynamodb.Keys", "an object", change.get("Keys"))
    for image in ("NewImage", "OldImage"):
        if (found := change.get(image)) is not None and not is_map(found):
            return _expected(f"dynamodb.{image}", "an object", found)
    written = change.get("ApproximateCreationDateTime")
    if written is not None and as_moment(written) is None:
        return _expected("dynamodb.ApproximateCreationDateTime", "seconds since 1970", written)
    return None


def _expected(path: str, what: str, found: object) -> str:
    return (
        f"{path} is missing"
        if found is None
        else f"{path}: expected {what}, got another {type(found).__name__}"
    )
