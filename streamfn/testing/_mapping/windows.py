"""Tumbling windows: which one a record belongs to, and what an event says of it.

The shape is that of "Implementing stateful DynamoDB stream processing in Lambda" in the AWS Lambda Developer Guide.
What it leaves open is decided here: a record belongs to the window in which it arrives; windows begin at whole
multiples of their length since 1970; the last batch of a window ends it if it is delivered when the window is over, and
otherwise an invocation without records does. A state of more than 1 MB ends its window early, with an invocation of its
own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from streamfn._wire import as_text, is_map

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BYTES: Final = 1024 * 1024
_STREAM: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/none/stream/2024-01-01T00:00:00.000"


@dataclass(frozen=True, slots=True)
class Span:
    """A window, from its start up to its end."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Part:
    """What a batch is of its window: of which, whether the window ends with it, and whether before its time."""

    span: Span
    ends: bool = False
    early: bool = False


def span_of(at: datetime, length: timedelta) -> Span:
    """Find the window of a moment."""
    start = _BEGINNING + (at - _BEGINNING) // length * length
    return Span(start, start + length)


def told(part: Part, state: Mapping[str, object], shard: str, record: object) -> Mapping[str, object]:
    """Say in an event what it is of its window; the stream is that of a record, if there is one."""
    arn = as_text(record.get("eventSourceARN")) if is_map(record) else None
    return {
        "window": {"start": _written(part.span.start), "end": _written(part.span.end)},
        "state": state,
        "shardId": shard,
        "eventSourceARN": arn or _STREAM,
        "isFinalInvokeForWindow": part.ends and not part.early,
        "isWindowTerminatedEarly": part.early,
    }


def state_in(answer: object) -> Mapping[str, object] | None:
    """Find the state in an answer; without one it counts as a failure."""
    state = answer.get("state") if is_map(answer) else None
    return state if is_map(state) else None


def is_too_large(state: Mapping[str, object]) -> bool:
    """Whether Lambda does not keep a state."""
    return len(json.dumps(state).encode()) > _MOST_BYTES


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
