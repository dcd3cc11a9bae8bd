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

from streamfn._delivery.plain import tell as tell_report

# Notices: what a reader tells of its way, besides the records.
#
#     Notice
#     ├── Reading       a shard is read from some place on
#     ├── Finished      a closed shard is read to its end, and all of it is settled
#     ├── NotSettled    records of a batch come again
#     ├── TurnedAway    a request was not answered and is made again
#     └── Trimmed       the stream has dropped records that may not have been read
#
# They carry identifiers alone, no data of an item. A report is a function of one notice; the default one logs.

_log: Final = logging.getLogger("streamfn.sources")


@dataclass(frozen=True, slots=True)
class Reading:
    """A shard is read from here on: "horizon" (its oldest record), "latest", or after a sequence number."""

    stream_arn: str
    shard_id: str
    start: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A shard is closed, and all its records are settled."""

    stream_arn: str
    shard_id: str


@dataclass(frozen=True, slots=True)
class NotSettled:
    """So many records of a batch, from one on to its end, come again; `reason` says why, without data."""

    stream_arn: str
    shard_id: str
    sequence_number: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A request was not answered, and is made again; `reason` is the error's code or name.

    `shard_id` is None where the shards were to be listed.
    """

    stream_arn: str
    shard_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The stream has dropped records of a shard that may not have been read: DynamoDB keeps them for 24 hours.

    Everything up to the sequence number had been read, and nothing if it is None. If more was written in that shard and
    is older than 24 hours, it is lost; the oldest record that is still there comes next.
    """

    stream_arn: str
    shard_id: str
    sequence_number: str | None


Notice: TypeAlias = Reading | Finished | NotSettled | TurnedAway | Trimmed
"""What a reader tells of its way."""

Report: TypeAlias = Callable[[Notice], object]
"""A function that is told of a notice; a coroutine function is awaited."""


def log_notice(notice: Notice) -> None:
    """Log a notice to ``streamfn.sources``: what may be lost as an error, what is tried again as a warning."""
    match notice:
        case Trimmed():
            level = logging.ERROR
        case NotSettled() | TurnedAway():
            level = logging.WARNING
        case Reading() | Finished():
            level = logging.INFO
        case _:
            assert_never(notice)
    _log.log(level, "%r", notice)


def tell(report: Report, notice: Notice) -> None:
    """Tell a report of a notice, and log if it fails."""
    tell_report(report, notice, _log)


# The time that a reader goes by, and its waits, which whoever stops it ends.


class Clock(Protocol):
    """Tells the time, and waits. A reader's is the machine's; a simulation has one of its own."""

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
        """Begin with nobody waking."""
        # An Event is locked while it is waited for, and a handler of a signal would wait for that lock for ever. To put
        # something into this queue is safe there, says its documentation.
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
