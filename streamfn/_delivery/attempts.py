"""Attempts: when a failed task is tried again, and when it is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from threading import Lock
from typing import Final, NamedTuple

from streamfn._delivery.session import InFlight, LedgerSession, key_of
from streamfn._execution.policy import OrderingKey, Task
from streamfn._failures import Reason
from streamfn._records import MalformedRecord, Record
from streamfn._time import AlarmClock
from streamfn.ledgers._protocol import Entry

# Limits: when a pair has been tried often and long enough to be given up.
#
# How long depends on the handler. One that works for other records refuses this one for what it is, and nothing
# is gained by waiting. One that is down refuses whatever it gets, and records wait until it is back.

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


# The health of handlers, as far as a process has seen it: since when one is down, on what, and when it worked
# last.

_MOST_FAILING: Final = 10
"""How many records are remembered: more of them make no wait longer."""


@dataclass(slots=True)
class _Seen:
    down_since: datetime | None = None
    worked_at: datetime | None = None
    failing: set[str] = field(default_factory=set[str])


class Health:
    """Remembers, from one batch of a process to the next, the handlers that have failed.

    A handler whose outage has been waited for is not waited for again with each batch, and one that works for the
    records of one shard is not down for those of another.
    """

    def __init__(self) -> None:
        """Begin with handlers of which nothing is known."""
        self._seen: Final[dict[str, _Seen]] = {}
        self._lock = Lock()

    @property
    def watched(self) -> Collection[str]:
        """The handlers that have failed: whether they work is worth being told."""
        return self._seen.keys()

    def failed(self, handler: str, since: datetime, records: Iterable[str]) -> None:
        """Note that a handler has failed on records since a moment, and succeeded on nothing after that."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            if seen.down_since is None:
                # A record may have failed for long, and its handler have worked for others until now.
                seen.down_since = since if seen.worked_at is None else max(since, seen.worked_at)
            seen.failing |= set(islice(records, _MOST_FAILING - len(seen.failing)))

    def worked(self, handler: str, at: datetime) -> None:
        """Note that a handler has succeeded at a moment."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            seen.down_since, seen.worked_at = None, at
            seen.failing.clear()

    def down_since(self, handler: str) -> datetime | None:
        """Say since when a handler has been down; None if it is not, or nobody knows."""
        seen = self._seen.get(handler)
        return None if seen is None else seen.down_since

    def failing(self, handler: str) -> frozenset[str]:
        """Name the records that a handler has failed on since it has worked last, as far as their number counts."""
        with self._lock:
            seen = self._seen.get(handler)
            return frozenset() if seen is None else frozenset(seen.failing)

    def has_worked_since(self, handler: str, moment: datetime) -> bool:
        """Whether a handler has succeeded after a moment."""
        seen = self._seen.get(handler)
        return seen is not None and seen.worked_at is not None and seen.worked_at > moment


# Standings: whether the handlers of a run work, and what follows for the records that they have failed on.

_FEW: Final = 2
"""So many failures in a row, at the end of a batch, may be of records that are refused for what they are."""


class _Standing(NamedTuple):
    """The last position at which a handler has succeeded, and the records that it fails on behind that.

    An outage leaves nothing but failures behind the last success. `works_beside` says whether there is a success at
    all, if only on a record that is not delivered again. `failing` counts those of other batches as well.
    """

    last_success: int
    failing_behind: frozenset[str]
    failing: int
    works_beside: bool


class Standings:
    """Judges by the session of a run, and by what its process knows of handlers from other batches."""

    def __init__(
        self, session: LedgerSession, in_flight: InFlight, limits: Limits, health: Health, clock: AlarmClock
    ) -> None:
        """Begin with no handler judged."""
        self._session = session
        self._in_flight = in_flight
        self._limits = limits
        self._health = health
        self._clock = clock
        self._of: dict[str, _Standing] = {}
        # When handlers have succeeded last, and since when others fail. Nobody asks where nothing has ever failed.
        self._worked: dict[str, datetime] = {}
        self._down: dict[str, datetime] = {}

    def failed(self, task: Task) -> None:
        """Take note that a handler has failed."""
        self._down.setdefault(task.name, self._session[key_of(task)].since or self._clock.now)

    def succeeded(self, task: Task) -> None:
        """Take note that a handler has succeeded."""
        self._worked[task.name] = self._clock.now
        self._down.pop(task.name, None)

    def end(self) -> None:
        """Judge anew, by all that the run has come to."""
        self._of.clear()

    def tell(self) -> None:
        """Remember for other batches of each handler that has failed, in this one or before, whether it works."""
        for handler, at in self._worked.items():
            self._health.worked(handler, at)
        for handler, since in self._down.items():
            self._health.failed(handler, since, self._standing(handler).failing_behind)

    def waited_longest(self, task: Task) -> bool:
        """Whether a pair has reached its limits however its handler stands."""
        return self._are_reached(task, self._limits.longest)

    def gives_up(self, task: Task, entry: Entry) -> bool:
        """Whether a pair has reached its limits, where its handler has succeeded on nothing since in this run."""
        if entry.since is None or entry.attempts < self._limits.attempts:
            return False
        return self._are_reached(task, self._wait(task, entry.since))

    def _are_reached(self, task: Task, wait: timedelta) -> bool:
        entry = self._session[key_of(task)]
        # What is known from other batches of a handler that has worked in this one is over.
        down_since = None if task.name in self._worked else self._health.down_since(task.name)
        if wait == self._limits.longest and down_since is not None and entry.since is not None:
            entry = replace(entry, since=min(entry.since, down_since))  # its outage has been waited for
        return self._limits.are_reached(entry, task.record, self._clock.now, wait)

    def _wait(self, task: Task, since: datetime) -> timedelta:
        """Say for how long a pair is tried, by what is known of its handler from this batch and from others."""
        standing = self._standing(task.name)
        works = task.position < standing.last_success or self._health.has_worked_since(task.name, since)
        if works and len(standing.failing_behind) <= _FEW:
            return timedelta()
        return self._limits.wait(failing=max(standing.failing, 1), works_beside=standing.works_beside)

    def _standing(self, handler: str) -> _Standing:
        if (standing := self._of.get(handler)) is None:
            standing = self._of[handler] = self._judged(handler)
        return standing

    def _judged(self, handler: str) -> _Standing:
        failing: list[tuple[int, str]] = []
        last_success = -1
        for task in self._in_flight.expected:
            if task.name == handler and (entry := self._session.known(key_of(task))) is not None:
                if entry.state == "handled":
                    last_success = max(last_success, task.position)
                elif entry.since is not None and not entry.settled:
                    failing.append((task.position, entry.pair.record))
        behind = frozenset(record for position, record in failing if position > last_success)
        elsewhere = frozenset[str]() if handler in self._worked else self._health.failing(handler)
        return _Standing(last_success, behind, len(behind | elsewhere), self._session.has_handled(handler))


# Tasks that are tried again within a run: a handler that works for other records is asked once more.
#
# Lambda waits longer each time before it sends a batch again. A handler that succeeds meanwhile is not down, so
# the wait would be for nothing, and all records behind the batch would wait with it. A failed task is therefore
# due again once its handler has succeeded on one other record since, after the next failure on three, then on
# seven, and so on: the faster a service answers, the sooner it is asked.
#
# A task that has no attempt left is refused for good only if its handler has succeeded both before and after
# the failure, within the run. One that failed before the first success is due once more: the service may have
# been down until then.


class FailedTask(NamedTuple):
    """A task that has failed by itself, and is still open; `is_last` says that it is not tried again.

    `due` is the count of its handler's successes from which on it is to be looked at, and `number` puts those in order
    that are due at once.
    """

    due: int
    number: int
    task: Task
    reason: Reason[object]
    is_last: bool


class Again:
    """Keeps the failed tasks of a run, and those that are held back behind them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._worked: set[str] = set()
        self._successes: Counter[str] = Counter()
        self._failures: Counter[Task] = Counter()
        self._since: dict[Task, int] = {}
        self._number = 0
        self._failed: dict[str, list[FailedTask]] = {}  # heaps
        self._behind: dict[OrderingKey, list[tuple[int, int, Task]]] = {}  # heaps, by position
        self._ready: list[Task] = []

    def failed(self, task: Task, reason: Reason[object], *, is_last: bool) -> None:
        """Keep a task that has failed by itself; `is_last` says that it has no attempt left."""
        self._failures[task] += 1
        self._number += 1
        since = self._since.setdefault(task, self._successes[task.name])
        due = since + (1 if is_last else 2 ** self._failures[task] - 1)
        is_last = is_last and task.name in self._worked
        failed = FailedTask(due, self._number, task, reason, is_last)
        heappush(self._failed.setdefault(task.name, []), failed)

    def held(self, task: Task) -> None:
        """Keep a task that waits for an earlier one of its ordering key."""
        self._number += 1
        heappush(self._behind.setdefault(task.ordering_key, []), (task.position, self._number, task))

    def worked(self, handler: str) -> None:
        """Take note that a handler has succeeded, before anything has failed."""
        self._worked.add(handler)

    def succeeded(self, handler: str) -> None:
        """Count a success of a handler."""
        self._worked.add(handler)
        self._successes[handler] += 1

    def refused(self, handler: str) -> list[FailedTask]:
        """Have what is due tried again, and give what is not, though its handler works."""
        failed, refused = self._failed.get(handler, []), list[FailedTask]()
        while failed and failed[0].due <= self._successes[handler]:
            due = heappop(failed)
            if due.is_last:
                refused.append(due)
            else:
                self._ready.append(due.task)
        return refused

    def settled(self, key: OrderingKey) -> bool:
        """Have the first task tried that was held back behind one which is settled now; say whether there is one."""
        behind = self._behind.get(key)
        if not behind:
            return False
        _, _, first = heappop(behind)
        self._ready.append(first)
        return True

    def waits(self, keys: Collection[OrderingKey]) -> bool:
        """Whether a task is held back under one of these ordering keys."""
        return any(self._behind.get(key) for key in keys)

    def ready(self, tasks: Iterable[Task]) -> None:
        """Have tasks tried now."""
        self._ready += tasks

    @property
    def is_due(self) -> bool:
        """Whether a task is to be tried again now."""
        return bool(self._ready)

    def take(self) -> list[Task]:
        """Take the tasks that are to be tried again, of each ordering key one."""
        ready, self._ready = self._ready, []
        return ready

    def left(self) -> list[FailedTask]:
        """List the failed tasks that are not due."""
        return [each for failed in self._failed.values() for each in failed]
