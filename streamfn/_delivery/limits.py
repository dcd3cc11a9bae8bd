"""Limits: when a pair has been tried often and long enough to be given up.

How long depends on the handler. One that works for other records refuses this one for what it is, and nothing is gained
by waiting. One that is down refuses whatever it gets, and records wait until it is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from streamfn._ledger import Entry
from streamfn._records import MalformedRecord, Record

_DOUBT: Final = timedelta(seconds=30)
"""How long a record is tried that failed last, after its handler had succeeded on all others of the batch."""

_FACTOR: Final = 4
"""How many times longer for each further record that fails: one may be refused for what it is, many hardly are."""

_MOST_DOUBTS: Final = 9

_OLD: Final = timedelta(hours=12)
_FORGOTTEN: Final = timedelta(hours=24)
"""How long a stream keeps records ("Change data capture for DynamoDB Streams", Amazon DynamoDB Developer Guide)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long pairs are tried: for `attempts`, and for as long as a handler may be down.

    `patience` is for a record that fails alone while nothing else is known of its handler, and `outage` for a handler
    that fails on many. Without patience nothing is waited for.
    """

    attempts: int
    patience: timedelta
    outage: timedelta

    @property
    def longest(self) -> timedelta:
        """How long a pair is tried at most, once it has used its attempts up."""
        return max(self.patience, self.outage) if self.patience else self.patience

    def are_reached(self, entry: Entry, record: Record, now: datetime, wait: timedelta) -> bool:
        """Whether a pair has been tried often enough, and since its first failure for as long as a wait.

        A record that its stream forgets before long waits for nothing more.
        """
        if entry.since is None or entry.attempts < self.attempts:
            return False
        # Where nothing is waited for, a clock that was put back in between does not count either.
        return not wait or now - entry.since >= wait or _is_old(record, now)

    def wait(self, *, failing: int, works_beside: bool) -> timedelta:
        """Say how long to wait where a handler has succeeded on no record since: that depends on how many fail.

        `works_beside` says that it had succeeded on other records of the batch before.

        >>> limits = Limits(5, timedelta(minutes=5), timedelta(hours=2))
        >>> [str(limits.wait(failing=count, works_beside=True)) for count in (1, 2, 3, 4, 5)]
        ['0:00:30', '0:02:00', '0:08:00', '0:32:00', '2:00:00']
        >>> [str(limits.wait(failing=count, works_beside=False)) for count in (1, 2, 3)]
        ['0:05:00', '0:20:00', '1:20:00']
        """
        shortest = min(_DOUBT, self.patience) if works_beside else self.patience
        times: int = _FACTOR ** min(failing - 1, _MOST_DOUBTS)
        return min(shortest * times, self.longest)


def _is_old(record: Record, now: datetime) -> bool:
    if isinstance(record, MalformedRecord) or (created := record.approximate_creation) is None:
        return False
    # What is older than a stream can be is a sample, or of a Kinesis stream that keeps records for longer.
    return _OLD <= now - created <= _FORGOTTEN
