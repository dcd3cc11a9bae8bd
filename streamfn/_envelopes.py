"""Envelopes: the shapes in which records reach a function, told apart by what they look like.

An event source mapping of a DynamoDB stream sends records as they are, one of a Kinesis stream sends each within an
entry of Kinesis's own, a pipe of EventBridge sends a bare list, and an OnFailure destination in S3 keeps the event of
an invocation within a document about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from streamfn._entries import member
from streamfn._wire import EVENT_SOURCE, as_text, is_map, json_type

Sender: TypeAlias = Literal["mapping", "pipe", "destination"]
"""Whose shape the payload has: an event source mapping's, a pipe's, or that of a document in an OnFailure destination.

It decides how an answer names what has to come again; a destination waits for none.
"""

KINESIS: Final = "aws:kinesis"
"""How an entry names the service that it comes from, if that is Kinesis Data Streams."""

_EXPECTED: Final = 'expected the event of a DynamoDB stream, {"Records": [...]}'


class NotAStreamEvent(ValueError):
    """The payload as a whole is no event of a DynamoDB stream; the message says what was expected.

    It is raised, not returned: there is no record that a Result could be about. A Lambda function that lets
    it through fails the invocation, so that whoever sent the payload still has it.
    """


class Envelope(NamedTuple):
    """What a payload holds: the entries of a batch, who sends such, and whether they came through Kinesis."""

    sender: Sender
    entries: list[object]
    through_kinesis: bool


def opened(payload: object) -> Envelope:
    """Find the entries of a payload. Fails with `NotAStreamEvent`, which names what the payload is instead."""
    if isinstance(payload, list):
        return _envelope("pipe", cast("object", payload))  # isinstance knows the list, not what is in it
    if not is_map(payload):
        raise NotAStreamEvent(f"{_EXPECTED}, got {json_type(payload)}")
    if "Records" not in payload:
        return _document(payload)
    return _envelope("mapping", payload["Records"])


def about_a_batch(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Find what a document of an OnFailure destination tells of the batch; None in what is no such document."""
    for name in ("DDBStreamBatchInfo", "KinesisBatchInfo"):
        if is_map(told := document.get(name)):
            return told
    return None


def is_of_a_window(document: Mapping[str, object]) -> bool:
    """Whether a document of an OnFailure destination is about a batch of a mapping with a tumbling window."""
    return is_map(document.get("timeWindowInfo")) or is_map(member(document.get("payload"), "window"))


def _document(payload: Mapping[str, object]) -> Envelope:
    """Open a document, whose shape is that of "Adding an on-failure destination" in the AWS Lambda Developer Guide."""
    if about_a_batch(payload) is None:
        what = "an event of EventBridge" if "detail-type" in payload else "an object without Records"
        raise NotAStreamEvent(f"{_EXPECTED}, got {what}")
    if "payload" not in payload:
        what = "the dead letter of a pipe" if is_map(payload.get("context")) else "an OnFailure document"
        then = "redrive() reads them from the stream"
        if is_of_a_window(payload):
            what, then = f"{what} of a tumbling window", "they have to be read from the stream again"
        elif "KinesisBatchInfo" in payload:
            what, then = f"{what} of a Kinesis stream", "they have to be read from the stream again"
        raise NotAStreamEvent(f"{_EXPECTED}, got {what} without its records: {then}")
    event = payload["payload"]
    if isinstance(event, str):
        from streamfn._texts import read_json  # few documents keep it as text

        try:
            event = read_json(event)
        except (ValueError, RecursionError):
            raise NotAStreamEvent(
                f"{_EXPECTED}, got an OnFailure document whose payload is no JSON"
            ) from None
    if not is_map(event) or "Records" not in event:
        raise NotAStreamEvent(f"{_EXPECTED}, got an OnFailure document whose payload has no Records")
    return _envelope("destination", event["Records"])


def _envelope(sender: Sender, records: object) -> Envelope:
    if not isinstance(records, list):
        raise NotAStreamEvent(f"{_EXPECTED}, got Records of type {json_type(records)}")
    entries = cast("list[object]", records)  # isinstance knows the list, not what is in it
    through_kinesis = bool(entries) and _source(entries[0]) != EVENT_SOURCE and _is_of_kinesis(entries)
    return Envelope(sender, entries, through_kinesis)


def _is_of_kinesis(entries: Iterable[object]) -> bool:
    """Tell the entries of Kinesis from those of DynamoDB. Fails with `NotAStreamEvent` for those of other services.

    A batch is of one service; entries that name none are broken ones of whichever it is.
    """
    sources = dict.fromkeys(map(_source, entries))
    if EVENT_SOURCE in sources:
        return False
    if KINESIS in sources:
        return True
    if None not in sources:
        raise NotAStreamEvent(f"{_EXPECTED}, got records of {next(iter(sources))}")
    return False


def _source(entry: object) -> str | None:
    """The service that an entry names; some spell the key with a capital."""
    return as_text(member(entry, "eventSource") or member(entry, "EventSource")) or None
