"""Notices that a reader reports, and its clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeAlias, assert_never

from streamfn._delivery.plain import call_report

# Notices: the messages of a reader, besides the records.
#
#     Notice
#     ├── ShardStarted      a shard is read from some place on
#     ├── ShardFinished     a closed shard is read to its end, and all of it is settled
#     ├── NotSettled        records of a batch come again
#     ├── RequestThrottled  a request was not answered and is made again
#     └── Trimmed           the stream has dropped records that may not have been read
#
# Notices carry identifiers alone, no data of an item. A report is a function of one notice; the default one logs.

_log: Final = logging.getLogger("streamfn.sources")


@dataclass(frozen=True, slots=True)
class ShardStarted:
    """A shard is read from here on: "trim_horizon" (its oldest record), "latest", or after a sequence number."""

    stream_arn: str
    shard_id: str
    start: str


@dataclass(frozen=True, slots=True)
class ShardFinished:
    """A shard is closed, and all its records are settled."""

    stream_arn: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class NotSettled:
    """The last `count` records of a batch come again; `reason` says why, without data."""

    stream_arn: str
    shard_id: str
    sequence_number: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class RequestThrottled:
    """A request was not answered, and is made again; `reason` is the error's code or name.

    `shard_id` is None where the shards were to be listed.
    """

    stream_arn: str
    shard_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The stream has dropped records of a shard that may not have been read: DynamoDB keeps them for 24 hours.

    All records up to the sequence number had been read; none if it is None. Later records in that shard that are older
    than 24 hours are lost; the oldest record that is still there comes next.
    """

    stream_arn: str
    shard_id: str
    sequence_number: str | None


Notice: TypeAlias = ShardStarted | ShardFinished | NotSettled | RequestThrottled | Trimmed
"""A message of a reader."""

NoticeReport: TypeAlias = Callable[[Notice], object]
"""A function of a notice; a coroutine function is awaited."""


def log_notice(notice: Notice) -> None:
    """Log a notice to ``streamfn.sources``: possible losses as errors, retries as warnings."""
    match notice:
        case Trimmed():
            level = logging.ERROR
        case NotSettled() | RequestThrottled():
            level = logging.WARNING
        case ShardStarted() | ShardFinished():
            level = logging.INFO
        case _:
            assert_never(notice)
    _log.log(level, "%s", log_line(notice))


def log_line(notice: Notice) -> str:
    """Return the text of a notice in the log.

    Users alarm on these lines, so they keep the words of the versions that first wrote them: `Reading`, `Finished` and
    `TurnedAway` for `ShardStarted`, `ShardFinished` and `RequestThrottled`, and `horizon` for `trim_horizon`.
    """
    match notice:
        case ShardStarted(stream_arn, shard_id, start):
            logged = "horizon" if start == "trim_horizon" else start
            return f"Reading(stream_arn={stream_arn!r}, shard_id={shard_id!r}, start={logged!r})"
        case ShardFinished(stream_arn, shard_id):
            return f"Finished(stream_arn={stream_arn!r}, shard_id={shard_id!r})"
        case RequestThrottled(stream_arn, shard_id, reason):
            return f"TurnedAway(stream_arn={stream_arn!r}, shard_id={shard_id!r}, reason={reason!r})"
        case NotSettled() | Trimmed():
            return repr(notice)
        case _:
            assert_never(notice)


def report_notice(report: NoticeReport, notice: Notice) -> None:
    """Pass a notice to a report, and log an exception of the report."""
    call_report(report, notice, _log, describe=log_line)


# The clock of a reader, and its waits, which `wake` ends.


class Clock(Protocol):
    """Tells the time, and waits. A reader has the machine's clock; a simulation has its own."""

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back."""
        ...

    def wait(self, seconds: float, /) -> None:
        """Wait so long, or until somebody wakes the reader."""
        ...

    def wake(self) -> None:
        """End the wait, or the next one if nobody waits; for other threads and for handlers of signals."""
        ...


class MachineClock:
    """The clock of the machine that the reader runs on."""

    def __init__(self) -> None:
        """Start without a wake-up."""
        # An Event is locked while a thread waits for it, and a handler of a signal would wait for that lock for ever.
        # The documentation of this queue allows `put` in a signal handler.
        self._bell: SimpleQueue[None] = SimpleQueue()

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float, /) -> None:
        """Wait so long, or until somebody wakes the reader."""
        with suppress(Empty):
            self._bell.get(timeout=seconds)

    def wake(self) -> None:
        """End the wait."""
        self._bell.put(None)
