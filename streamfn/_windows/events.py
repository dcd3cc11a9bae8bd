"""The event of a window: Lambda's batch, the window that it belongs to, and the state so far.

Its shape is that of "Implementing stateful DynamoDB stream processing in Lambda" in the AWS Lambda Developer Guide;
events of Kinesis streams have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from streamfn._envelopes import Envelope, NotAStreamEvent, opened
from streamfn._values import Value
from streamfn._wire import as_text, is_map


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Value):
    """A span of time of one shard, from `start` up to `end`, both in UTC.

    `terminated_early` says that it ends before `end`, because the state had become too large to keep. What comes then
    begins with a new state, so that there are several parts of the window, each emitted by itself. `watermark` is the
    highest sequence number that was folded, None if none was.
    """

    start: datetime
    end: datetime
    shard_id: str
    event_source_arn: str
    terminated_early: bool = False
    watermark: str | None = None

    @property
    def idempotency_key(self) -> str:
        """The same each time that this window, or this part of it, is emitted, and another for any other."""
        key = f"{self.event_source_arn}/{self.shard_id}/{self.start.isoformat()}"
        return f"{key}/{self.watermark}" if self.terminated_early else key


class WindowEvent(NamedTuple):
    """What an invocation is given: records, the window, the state as Lambda kept it, and whether the window ends."""

    envelope: Envelope
    window: Window
    state: Mapping[str, object]
    ends: bool


def window_event(event: object) -> WindowEvent:
    """Read the event of a window. Fails with `NotAStreamEvent` for whatever is none."""
    envelope = opened(event)
    if envelope.sender == "destination":
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got an OnFailure document: the event that failed is its payload, "
            "with the window and the state of then, and Lambda takes no state from an answer to it any more"
        )
    if envelope.sender == "pipe":
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got the list of a pipe, which has no windows: make the function "
            "with lambda_handler(), or have an event source mapping call it"
        )
    if not is_map(event) or "isFinalInvokeForWindow" not in event:
        raise NotAStreamEvent(
            "expected the event of a tumbling window: set TumblingWindowInSeconds on the event source mapping"
        )
    span = event.get("window")
    start, end = (_moment(span.get(name)) for name in ("start", "end")) if is_map(span) else (None, None)
    state = event.get("state")
    if start is None or end is None or not (state is None or is_map(state)):
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got one without its window or its state"
        )
    early = event.get("isWindowTerminatedEarly") is True
    window = Window(
        start,
        end,
        as_text(event.get("shardId")) or "",
        as_text(event.get("eventSourceARN")) or "",
        terminated_early=early,
    )
    return WindowEvent(envelope, window, state or {}, ends=early or event["isFinalInvokeForWindow"] is True)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
