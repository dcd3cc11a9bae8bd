"""Entries of a batch: what is checked of each, so that nothing that is asked of a `StreamRecord` can fail later."""

from __future__ import annotations

from typing import cast

from streamfn._records import MalformedRecord, Record, stream_record
from streamfn._wire import (
    EVENT_NAMES,
    EVENT_SOURCE,
    RawRecord,
    as_sequence_number,
    as_text,
    is_map,
    json_type,
)


def record_of(entry: object, position: int) -> Record:
    """Check one entry of a batch, at its index there; what is no stream record becomes a `MalformedRecord`."""
    if is_map(entry) and is_map(entry.get("userIdentity")):
        from streamfn._get_records import with_identity  # few records tell who made the change

        entry = with_identity(entry)
    if (problem := _problem(entry)) is None:
        # _problem has just checked all that RawRecord promises.
        return stream_record(cast("RawRecord", entry))
    return MalformedRecord(
        entry,
        position,
        problem,
        event_id=as_text(member(entry, "eventID")) or None,
        sequence_number=as_sequence_number(member(member(entry, "dynamodb"), "SequenceNumber")),
    )


def member(value: object, name: str) -> object:
    """Take a member of a piece of a payload, or nothing."""
    return value.get(name) if is_map(value) else None


def _problem(entry: object) -> str | None:
    """Say why an entry is no stream record, or None if it is one. Says what is there, never its value."""
    if not is_map(entry):
        return f"expected an object, got {json_type(entry)}"
    change = entry.get("dynamodb")
    if not is_map(change):
        return _expected("dynamodb", "an object", change)
    if not as_text(entry.get("eventID")):
        return _expected("eventID", "text", entry.get("eventID"))
    if (source := entry.get("eventSource")) is not None and source != EVENT_SOURCE:
        return f"eventSource: expected {EVENT_SOURCE}"
    if entry.get("eventName") not in EVENT_NAMES:
        return _expected("eventName", "INSERT, MODIFY or REMOVE", entry.get("eventName"))
    if not is_map(change.get("Keys")):
        return _expected("dynamodb.Keys", "an object", change.get("Keys"))
    for image in ("NewImage", "OldImage"):
        if (found := change.get(image)) is not None and not is_map(found):
            return _expected(f"dynamodb.{image}", "an object", found)
    return None


def _expected(path: str, what: str, found: object) -> str:
    if found is None:
        return f"{path} is missing"
    got = "an empty string" if found == "" else f"another {json_type(found)}"
    return f"{path}: expected {what}, got {got}"
