"""Notices: what a reader tells of its way, besides the records.

    Notice
    ├── Reading       a shard is read from some place on
    ├── Finished      a closed shard is read to its end, and all of it is settled
    ├── NotSettled    records of a batch come again
    ├── TurnedAway    a request was not answered and is made again
    └── Trimmed       the stream has dropped records that may not have been read

They carry identifiers alone, no data of an item. A report is a function of one notice; the default one logs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from streamfn._reports import tell as tell_report

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
