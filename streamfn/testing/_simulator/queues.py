"""The queues of the simulator.

In this order: the settings of a mapping, tumbling windows, and the lanes of a shard with their batches.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias, get_args
from zlib import crc32

from streamfn._errors import ConfigurationError
from streamfn._records import RawRecord, is_map, sequence_number_or_none, sequence_order, text_or_none
from streamfn.windows import is_too_large

# The settings of an event source mapping, within Lambda's bounds.

Destination: TypeAlias = Literal["SQS", "SNS", "S3"]
"""The destination of discarded records: a queue and a topic get the range of the shard, a bucket the records as well.
"""


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """The settings by Lambda's names; None is Lambda's -1, without a limit."""

    batch_size: int
    maximum_batching_window: timedelta
    report_batch_item_failures: bool
    bisect_batch_on_function_error: bool
    maximum_retry_attempts: int | None
    maximum_record_age: timedelta | None
    parallelization_factor: int
    on_failure: Destination | None
    shards: int
    timeout: timedelta
    tumbling_window: timedelta

    def __post_init__(self) -> None:
        """Check the bounds: those of `CreateEventSourceMapping` in the AWS Lambda API Reference."""
        _check("batch_size", self.batch_size, 1, 10_000)
        _check("maximum_batching_window", self.maximum_batching_window, timedelta(), timedelta(minutes=5))
        _check("parallelization_factor", self.parallelization_factor, 1, 10)
        _check("shards", self.shards, 1, 10_000)
        _check("tumbling_window", self.tumbling_window, timedelta(), timedelta(minutes=15))
        if self.tumbling_window % timedelta(seconds=1):
            raise ConfigurationError(f"tumbling_window={self.tumbling_window} should be of whole seconds")
        if self.tumbling_window and self.parallelization_factor > 1:
            raise ConfigurationError("a window has one state for a shard: leave parallelization_factor at 1")
        _check("timeout", self.timeout, timedelta(seconds=1), timedelta(minutes=15))
        if self.maximum_retry_attempts is not None:
            _check("maximum_retry_attempts", self.maximum_retry_attempts, 0, 10_000)
        if self.maximum_record_age is not None:
            _check("maximum_record_age", self.maximum_record_age, timedelta(minutes=1), timedelta(days=7))
        if self.on_failure is not None and self.on_failure not in get_args(Destination):
            raise ConfigurationError(
                f"on_failure={self.on_failure!r} should be one of {get_args(Destination)}"
            )


def _check(name: str, value: int | timedelta, least: int | timedelta, most: int | timedelta) -> None:
    # Each is of the type of its bounds, which __post_init__ has made alike.
    if not least <= value <= most:  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]
        raise ConfigurationError(f"{name}={value} should be from {least} to {most}")


# Tumbling windows: the window of a record, and the window's fields in an event.
#
# The shape is the one of "Implementing stateful DynamoDB stream processing in Lambda" in the AWS Lambda Developer
# Guide. The simulator decides the points that the guide leaves open: a record belongs to the window in which it
# arrives; windows begin at whole multiples of their length since 1970; the last batch of a window ends it if it is
# delivered when the window is over, and otherwise an invocation without records does. A state of more than 1 MB ends
# its window early, with an invocation of its own.

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STREAM: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/none/stream/2024-01-01T00:00:00.000"


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """A window, from its start up to its end."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Return whether a moment lies in it."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class BatchWindow:
    """A batch's share of its window: the span, whether the window ends with the batch, and whether early."""

    span: WindowSpan
    ends: bool = False
    early: bool = False


def span_of(at: datetime, length: timedelta) -> WindowSpan:
    """Return the window of a moment."""
    start = _BEGINNING + (at - _BEGINNING) // length * length
    return WindowSpan(start, start + length)


def told(part: BatchWindow, state: Mapping[str, object], shard: str, record: object) -> Mapping[str, object]:
    """Return the window's fields of an event; the stream is the one of the record, if there is one."""
    arn = text_or_none(record.get("eventSourceARN")) if is_map(record) else None
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


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


# Batches, and the lanes in which they wait: a shard's records in their order, or those of some of its items.
#
# A lane delivers one batch at a time. Until that batch is settled or discarded, no batch behind it is delivered.

PAYLOAD: Final = 6 * 1024 * 1024
"""The maximum size of an event, in bytes."""

_AROUND: Final = len('{"Records":[]}')
_BETWEEN: Final = len(",")

RECORD_LIFETIME: Final = timedelta(hours=24)
"""The time for which a stream keeps a record."""


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """A record in the stream, since when, and how many bytes it has in an event."""

    record: RawRecord
    sequence_number: str
    at: datetime
    size: int

    @property
    def event_id(self) -> str:
        """The identifier of the record."""
        return self.record["eventID"]

    def follows(self, other: QueuedRecord | None) -> bool:
        """Return whether this record may come after another one in a shard; the first record follows None."""
        return other is None or (
            sequence_order(self.sequence_number) > sequence_order(other.sequence_number)
            and self.at >= other.at
        )


def queued_record(record: RawRecord, at: datetime) -> QueuedRecord:
    """Put a record into a stream. Raises `ValueError` if an identifier that every stream record has is missing."""
    change: object = record.get("dynamodb")
    number = sequence_number_or_none(change.get("SequenceNumber")) if is_map(change) else None
    if number is None or text_or_none(record.get("eventID")) is None:
        raise ValueError(
            "a record of a stream has an eventID and a SequenceNumber, even where it is broken otherwise"
        )
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return QueuedRecord(record, number, at, len(text.encode(errors="surrogatepass")))


def shard_for(record: RawRecord, over: int) -> int:
    """Choose the shard or lane of a record's item: of several, always the same."""
    keys = json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)
    return crc32(keys.encode()) % over


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """Records delivered together, with the count of attempts, the earliest next delivery, and their window, if any."""

    records: tuple[QueuedRecord, ...]
    attempts: int
    due: datetime
    part: BatchWindow | None = None

    @property
    def sequence_numbers(self) -> list[str]:
        """The sequence numbers of the records, in order."""
        return [each.sequence_number for each in self.records]


@dataclass(slots=True)
class ShardLane:
    """The records of a shard that are delivered one batch after the other, and the open window with its state."""

    shard: str
    number: int
    arrivals: deque[QueuedRecord] = field(default_factory=deque[QueuedRecord])
    batches: deque[QueuedBatch] = field(default_factory=deque[QueuedBatch])
    span: WindowSpan | None = None
    latest: RawRecord | None = None
    """The last record written to the lane, which names the stream of a batch without records."""
    state: Mapping[str, object] = field(default_factory=dict[str, object])

    def due(self, settings: SimulatedSettings) -> datetime | None:
        """Return the time of the next batch; None if nothing is left."""
        if self.batches:
            return self.batches[0].due
        if self._ended(self.arrivals) is not None:
            return self._ended(self.arrivals)
        if not self.arrivals:
            return None
        closed = self.arrivals[0].at + settings.maximum_batching_window
        if settings.tumbling_window:
            closed = min(closed, span_of(self.arrivals[0].at, settings.tumbling_window).end)
        # A batch does not wait for the end of its window once its last record is there, or the first one that
        # there is no room for.
        full = min(self._fitting(settings), settings.batch_size - 1)
        return min(closed, self.arrivals[full].at) if full < len(self.arrivals) else closed

    def take(self, now: datetime, settings: SimulatedSettings) -> QueuedBatch:
        """Remove and return the batch that is due."""
        if self.batches:
            return self.batches.popleft()
        if self._ended(self.arrivals) is not None and self.span is not None:
            return QueuedBatch((), 0, now, BatchWindow(self.span, ends=True))
        fitting = islice(self.arrivals, self._fitting(settings))
        if not settings.tumbling_window:
            there = sum(1 for each in fitting if each.at <= now)
            return QueuedBatch(self._first(there), 0, now)
        self.span = span = span_of(self.arrivals[0].at, settings.tumbling_window)
        records = self._first(sum(1 for each in fitting if each.at <= now and span.holds(each.at)))
        return QueuedBatch(
            records,
            0,
            now,
            BatchWindow(span, ends=now >= span.end and self._ended(self.arrivals) is not None),
        )

    def answered(self, batch: QueuedBatch, state: Mapping[str, object], now: datetime) -> None:
        """Store the function's answer to a batch of a window as the window's state, or start a new state."""
        part = batch.part
        if part is None or part.ends:
            self.state = {}
            self.span = None if part is None or not part.early else self.span
        else:
            self.state = state
            if is_too_large(state):
                self.again(QueuedBatch((), 0, now, replace(part, ends=True, early=True)))

    def again(self, *batches: QueuedBatch) -> None:
        """Put batches in front of all others, in this order. Of the parts of a batch, only the last ends a window."""
        parted = [replace(each, part=each.part and replace(each.part, ends=False)) for each in batches[:-1]]
        self.batches.extendleft(reversed([*parted, *batches[-1:]]))

    def _first(self, count: int) -> tuple[QueuedRecord, ...]:
        return tuple(self.arrivals.popleft() for _ in range(count))

    def _ended(self, arrivals: Sequence[QueuedRecord]) -> datetime | None:
        """Return when the open window ends, if nothing more of it is to come."""
        if self.span is None or (arrivals and self.span.holds(arrivals[0].at)):
            return None
        return self.span.end

    def _fitting(self, settings: SimulatedSettings) -> int:
        """Count the records, from the first on, that one batch takes; the first alone, however large it is."""
        size = _AROUND - _BETWEEN
        for count, each in enumerate(islice(self.arrivals, settings.batch_size)):
            size += _BETWEEN + each.size
            if count and size > PAYLOAD:
                return count
        return min(len(self.arrivals), settings.batch_size)


def split_by_age(
    records: Sequence[QueuedRecord], now: datetime, age: timedelta
) -> tuple[tuple[QueuedRecord, ...], tuple[QueuedRecord, ...]]:
    """Part the records that have become older than an age from the others."""
    old = tuple(each for each in records if now - each.at > age)
    return old, tuple(each for each in records if now - each.at <= age)


def lanes_of(shards: int, factor: int) -> list[list[ShardLane]]:
    """Make the lanes of a mapping, by shard."""
    return [
        [ShardLane(f"shardId-{shard:020d}", number) for number in range(factor)] for shard in range(shards)
    ]
