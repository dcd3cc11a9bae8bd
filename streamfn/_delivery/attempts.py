"""Attempts: when a failed task is tried again, and when it is given up.

In this order: limits, the health of handlers in a process, their standings in a run, and attempts within a run.
"""

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

# Limits: the attempts and the wait after which a key is given up.
#
# The wait depends on the handler. A handler that works for other records fails because of this record, so a wait gains
# nothing. A handler that is down fails on all records, so records wait until it works again.

_DOUBT: Final = timedelta(seconds=30)
"""How long one failing record is tried, after its handler has succeeded on other records of the batch."""

_FACTOR: Final = 4
"""The factor by which the wait grows for each further failing record: many are seldom all refused for themselves."""

_MOST_DOUBTS: Final = 9

_OLD: Final = timedelta(hours=12)
_FORGOTTEN: Final = timedelta(hours=24)
"""How long a stream keeps records ("Change data capture for DynamoDB Streams", Amazon DynamoDB Developer Guide)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits after which a key is given up: a number of `attempts`, and a wait since the first failure.

    `patience` is the wait of a record that fails alone while nothing else is known of its handler. `outage` is the
    longest wait for a handler that fails on many records. Without patience there are no waits.
    """

    attempts: int
    patience: timedelta
    outage: timedelta

    @property
    def longest(self) -> timedelta:
        """The longest wait of a key, once its attempts are used up."""
        return max(self.patience, self.outage) if self.patience else self.patience

    def are_reached(self, entry: Entry, record: Record, now: datetime, wait: timedelta) -> bool:
        """Return whether a key has used its attempts up, and has waited since its first failure.

        A record that its stream drops soon waits no longer.
        """
        if entry.since is None or entry.attempts < self.attempts:
            return False
        # Without a wait, a clock that was put back since then does not count either.
        return not wait or now - entry.since >= wait or _is_old(record, now)

    def wait(self, *, failing: int, works_beside: bool) -> timedelta:
        """Return the wait for a handler that has had no success since, by the number of `failing` records.

        `works_beside` says that the handler has succeeded on other records of the batch before.

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
    # An older record is a sample, or of a Kinesis stream that keeps records for longer.
    return _OLD <= now - created <= _FORGOTTEN


# The health of handlers, as a process has seen it: since when a handler is down, on which records, and its last
# success.

_MOST_FAILING: Final = 10
"""The most records that are remembered: further records make no wait longer."""


@dataclass(slots=True)
class _Seen:
    down_since: datetime | None = None
    worked_at: datetime | None = None
    failing: set[str] = field(default_factory=set[str])


class Health:
    """Remembers the handlers that have failed, from one batch of a process to the next.

    So a handler's outage is waited for once, and not with each batch. A handler that works for the records of one shard
    is not down for the records of another.
    """

    def __init__(self) -> None:
        self._seen: Final[dict[str, _Seen]] = {}
        self._lock = Lock()

    @property
    def watched(self) -> Collection[str]:
        """The handlers that have failed; while there are any, runs record successes."""
        return self._seen.keys()

    def failed(self, handler: str, since: datetime, records: Iterable[str]) -> None:
        """Record that a handler has failed on records since a moment, and has had no success after that."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            if seen.down_since is None:
                # A record may have failed for long, while its handler worked for others.
                seen.down_since = since if seen.worked_at is None else max(since, seen.worked_at)
            seen.failing |= set(islice(records, _MOST_FAILING - len(seen.failing)))

    def worked(self, handler: str, at: datetime) -> None:
        """Record the moment of a handler's success."""
        with self._lock:
            seen = self._seen.setdefault(handler, _Seen())
            seen.down_since, seen.worked_at = None, at
            seen.failing.clear()

    def down_since(self, handler: str) -> datetime | None:
        """Return the moment since which a handler is down; None if it works, or is unknown."""
        seen = self._seen.get(handler)
        return None if seen is None else seen.down_since

    def failing(self, handler: str) -> frozenset[str]:
        """Return the records that a handler has failed on since its last success, up to the number that counts."""
        with self._lock:
            seen = self._seen.get(handler)
            return frozenset() if seen is None else frozenset(seen.failing)

    def has_worked_since(self, handler: str, moment: datetime) -> bool:
        """Return whether a handler has succeeded after a moment."""
        seen = self._seen.get(handler)
        return seen is not None and seen.worked_at is not None and seen.worked_at > moment


# Standings: whether the handlers of a run work, and the consequences for the records that they have failed on.

_FEW: Final = 2
"""The most failures after a handler's last success that count as the fault of their records."""


class _Standing(NamedTuple):
    """The position of a handler's last success, and the records that the handler fails on behind it.

    An outage leaves only failures behind the last success. `failing` also counts the failing records of other batches.
    `works_beside` says that the handler has any success, even on a record that is not delivered again.
    """

    last_success: int
    failing_behind: frozenset[str]
    failing: int
    works_beside: bool


class Standings:
    """Judges handlers by the session of a run, and by their health in other batches of the process."""

    def __init__(
        self, session: LedgerSession, in_flight: InFlight, limits: Limits, health: Health, clock: AlarmClock
    ) -> None:
        self._session = session
        self._in_flight = in_flight
        self._limits = limits
        self._health = health
        self._clock = clock
        self._of: dict[str, _Standing] = {}
        # The last success of each handler, and the start of its failures. Nothing is recorded where no handler ever
        # failed.
        self._worked: dict[str, datetime] = {}
        self._down: dict[str, datetime] = {}

    def failed(self, task: Task) -> None:
        """Record that a handler has failed."""
        self._down.setdefault(task.name, self._session[key_of(task)].since or self._clock.now)

    def succeeded(self, task: Task) -> None:
        """Record that a handler has succeeded."""
        self._worked[task.name] = self._clock.now
        self._down.pop(task.name, None)

    def end(self) -> None:
        """Discard the standings, so that the whole run counts from now on."""
        self._of.clear()

    def tell(self) -> None:
        """Store for other batches whether the handlers with known failures work."""
        for handler, at in self._worked.items():
            self._health.worked(handler, at)
        for handler, since in self._down.items():
            self._health.failed(handler, since, self._standing(handler).failing_behind)

    def waited_longest(self, task: Task) -> bool:
        """Return whether a key has reached the limits that hold for any standing of its handler."""
        return self._are_reached(task, self._limits.longest)

    def gives_up(self, task: Task, entry: Entry) -> bool:
        """Return whether a key has reached its limits; its handler has had no success since in this run."""
        if entry.since is None or entry.attempts < self._limits.attempts:
            return False
        return self._are_reached(task, self._wait(task, entry.since))

    def _are_reached(self, task: Task, wait: timedelta) -> bool:
        entry = self._session[key_of(task)]
        # A success in this batch ends an outage that other batches have seen.
        down_since = None if task.name in self._worked else self._health.down_since(task.name)
        if wait == self._limits.longest and down_since is not None and entry.since is not None:
            entry = replace(entry, since=min(entry.since, down_since))  # its outage has been waited for
        return self._limits.are_reached(entry, task.record, self._clock.now, wait)

    def _wait(self, task: Task, since: datetime) -> timedelta:
        """Return how long a key is tried, by the successes of its handler in this batch and in others."""
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


# Attempts within a run: a failed task is tried again while its handler works for other records.
#
# Lambda waits longer each time before it sends a batch again, and all later records of the shard wait as well. A
# handler with successes is not down, so such a wait gains nothing. A failed task is due again after one success of its
# handler on another record, then after three, after seven and so on, counted from its first failure: the faster a
# service answers, the sooner the task is tried.
#
# A task without attempts left is given up only if its handler has succeeded both before and after the failure, within
# the run. A task that failed before the first success is due once more: the service may have been down until then.


class FailedTask(NamedTuple):
    """A task that has failed by itself, and is still open; `is_last` says that it is not tried again.

    The task is due once its handler has had `due` successes in the run. `number` orders tasks that are due at once.
    """

    due: int
    number: int
    task: Task
    reason: Reason[object]
    is_last: bool


class Again:
    """Keeps the failed tasks of a run, and the tasks that are held back behind them."""

    def __init__(self) -> None:
        self._worked: set[str] = set()
        self._successes: Counter[str] = Counter()
        self._failures: Counter[Task] = Counter()
        self._since: dict[Task, int] = {}
        self._number = 0
        self._failed: dict[str, list[FailedTask]] = {}  # heaps
        self._behind: dict[OrderingKey, list[tuple[int, int, Task]]] = {}  # heaps, by position
        self._ready: list[Task] = []

    def failed(self, task: Task, reason: Reason[object], *, is_last: bool) -> None:
        """Keep a task that has failed by itself; `is_last` says that no attempt is left."""
        self._failures[task] += 1
        self._number += 1
        since = self._since.setdefault(task, self._successes[task.name])
        due = since + (1 if is_last else 2 ** self._failures[task] - 1)
        is_last = is_last and task.name in self._worked
        failed = FailedTask(due, self._number, task, reason, is_last)
        heappush(self._failed.setdefault(task.name, []), failed)

    def held(self, task: Task) -> None:
        """Keep a task that waits for an earlier task of its ordering key."""
        self._number += 1
        heappush(self._behind.setdefault(task.ordering_key, []), (task.position, self._number, task))

    def worked(self, handler: str) -> None:
        """Record that a handler has succeeded, before any failure."""
        self._worked.add(handler)

    def succeeded(self, handler: str) -> None:
        """Count a success of a handler."""
        self._worked.add(handler)
        self._successes[handler] += 1

    def refused(self, handler: str) -> list[FailedTask]:
        """Return the due tasks that are given up, though their handler works, and make the other due tasks ready."""
        failed, refused = self._failed.get(handler, []), list[FailedTask]()
        while failed and failed[0].due <= self._successes[handler]:
            due = heappop(failed)
            if due.is_last:
                refused.append(due)
            else:
                self._ready.append(due.task)
        return refused

    def settled(self, key: OrderingKey) -> bool:
        """Make the first task ready that was held back behind a settled task; return whether there is one."""
        behind = self._behind.get(key)
        if not behind:
            return False
        _, _, first = heappop(behind)
        self._ready.append(first)
        return True

    def waits(self, keys: Collection[OrderingKey]) -> bool:
        """Return whether a task is held back under one of these ordering keys."""
        return any(self._behind.get(key) for key in keys)

    def ready(self, tasks: Iterable[Task]) -> None:
        """Make tasks ready to be tried now."""
        self._ready += tasks

    @property
    def is_due(self) -> bool:
        """Whether a task is ready."""
        return bool(self._ready)

    def take(self) -> list[Task]:
        """Return the ready tasks, one for each ordering key, and forget them."""
        ready, self._ready = self._ready, []
        return ready

    def left(self) -> list[FailedTask]:
        """List the failed tasks that are not due."""
        return [each for failed in self._failed.values() for each in failed]
