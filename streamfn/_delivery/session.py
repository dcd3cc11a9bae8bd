"""The session of a run with a ledger.

In this order: entries, tasks in flight, dead letters to send, writes to the ledger, and batches of several streams.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Final, Literal, TypeAlias, cast

from streamfn._dataclasses import unguarded
from streamfn._delivery.plain import what_raised
from streamfn._errors import kind_of
from streamfn._execution.policy import OrderingKey, PlannedTasks, Task
from streamfn._failures import ProcessDied
from streamfn._records import Record
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, DeadLetters
from streamfn.ledgers._protocol import (
    Entry,
    Key,
    Ledger,
    SequenceRange,
    Waiting,
    merge,
    range_of,
    record_id,
    record_meant,
)

# The session: the entries that a ledger has of a batch's keys, and the entries that this invocation adds.

FinalState: TypeAlias = Literal["handled", "dead", "dropped"]

DIED: Final = ProcessDied.__name__
"""The reason of a key that a process died of, or may have died of."""

_entry: Final = unguarded(Entry)


class LedgerSession:
    """Keeps the entries of a batch's keys, and apart from them the new entries, which the ledger does not have yet.

    Attempts are counted up to `most`, and an entry that adds nothing is not made: a record that fails for hours costs
    no more writes than it has attempts. `owed` are the keys that the ledger knew as open.
    """

    def __init__(self, entries: Iterable[Entry], most: int) -> None:
        self._known = merge(entries)
        self.owed: tuple[Key, ...] = tuple(pair for pair, entry in self._known.items() if not entry.settled)
        self._news: dict[Key, Entry] = {}
        # The handlers that wait for each record, without entries of their own; see `all_wait`.
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._waiting_for = ""
        self._tells_of_waiting = False
        self._most = most

    @property
    def is_empty(self) -> bool:
        """Whether no key has an entry."""
        return not self._known

    def __getitem__(self, pair: Key) -> Entry:
        """Return the entry of a key; a key without one is open."""
        return self.known(pair) or Entry(pair, "open")

    def known(self, pair: Key) -> Entry | None:
        """Return the entry of a key, if there is one."""
        entry = self._known.get(pair)
        if entry is None and self._waiting and pair.handler in self._waiting.get(pair.record, ()):
            return Entry(pair, "open", reason=self._waiting_for)
        return entry

    def settled(self, pair: Key) -> bool:
        """Return whether a key is settled, by an earlier invocation or by this one."""
        entry = self._known.get(pair)
        return entry is not None and entry.settled

    def has_handled(self, handler: str) -> bool:
        """Return whether a handler has succeeded on a record of the batch, or of an earlier batch that overlaps it."""
        return any(
            pair.handler == handler and entry.state == "handled" for pair, entry in self._known.items()
        )

    def settle(self, pair: Key, state: FinalState, letter: str = "") -> bool:
        """Settle a key, with the digest of its dead letter; return whether the key had an entry."""
        entry = self._known.get(pair)
        if entry is None and self._waiting:  # only once time is up
            entry = self.known(pair)
        if entry is None:
            self._known[pair] = self._news[pair] = _settled(pair, state, letter)
            return False
        self.enter(replace(entry, state=state, letter=letter))
        return True

    def attempted(self, pair: Key, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a key was tried alone, and failed; a key that was `isolated` from a chunk stays alone.

        Once all attempts are used up, the only new fact is a reason that `merge` keeps, such as `TimedOut` after
        `Refused`.
        """
        entry = self[pair]
        attempts = min(entry.attempts + 1, max(self._most, entry.attempts))
        alone = entry.alone or isolated
        if attempts > entry.attempts or reason > entry.reason or alone > entry.alone:
            since = entry.since or now
            self.enter(replace(entry, attempts=attempts, since=since, reason=reason, alone=alone))

    def died(self, pair: Key, since: datetime | None) -> None:
        """Enter that a process died of a key, which is tried alone from now on.

        The attempt counts beyond the most: after so many failures, the end of a process is a new fact.
        """
        entry = self[pair]
        self.enter(
            replace(entry, attempts=entry.attempts + 1, since=entry.since or since, reason=DIED, alone=True)
        )

    def failed_with_others(self, pair: Key, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a key failed in a chunk, which is no attempt; a key that was `isolated` stays alone."""
        entry = self[pair]
        alone = entry.alone or isolated
        if entry.since is None or alone > entry.alone:
            since = entry.since or now
            self.enter(
                replace(entry, since=since, reason=entry.reason if entry.since else reason, alone=alone)
            )

    def isolate(self, pair: Key, reason: str, since: datetime | None) -> None:
        """Enter that a key was running with others when time was up: it runs alone next, and has not failed."""
        entry = self[pair]
        if not entry.alone:
            self.enter(replace(entry, since=entry.since or since, reason=entry.reason or reason, alone=True))

    def add_pending(self, pair: Key, reason: str) -> None:
        """Enter that a key is open, unless it has an entry."""
        if self.known(pair) is None:
            self.enter(Entry(pair, "open", reason=reason))

    def enter(self, entry: Entry) -> None:
        """Enter an entry in place of the key's earlier one."""
        self._known[entry.pair] = self._news[entry.pair] = entry

    def all_wait(self, records: Iterable[tuple[str, tuple[str, ...]]], reason: str) -> None:
        """Enter that the keys of records and handlers are open, unless they have entries.

        To enter each with `add_pending` costs many times as much. A large batch has tens of thousands of keys when time
        is up, and the CPU of a small function is a tenth of a core. Entries are made only on demand.
        """
        known, waiting = self._known, self._waiting
        for record, handlers in records:
            # A plain tuple equals a Key, which costs more to make.
            unknown = tuple([handler for handler in handlers if (handler, record) not in known])
            if unknown:
                waiting[record] = (*waiting[record], *unknown) if record in waiting else unknown
        self._waiting_for = reason
        self._tells_of_waiting = bool(waiting)

    def pending(self) -> Sequence[Entry]:
        """List the new entries, which the ledger does not have yet."""
        entries = list(self._news.values())
        return Waiting(entries, self._waiting, self._waiting_for) if self._tells_of_waiting else entries

    def mark_written(self) -> None:
        """Record that the ledger has all new entries now."""
        self._news.clear()
        self._tells_of_waiting = False


def _settled(pair: Key, state: FinalState, letter: str) -> Entry:
    """Make the first entry of a key: for nearly each key it is the only one."""
    entry = _entry()
    entry.pair = pair
    entry.state = state
    entry.attempts = 0
    entry.since = None
    entry.reason = ""
    entry.alone = False
    entry.letter = letter
    entry.__class__ = Entry
    finished: Entry = entry
    return finished


def key_of(task: Task) -> Key:
    """Return a task's key, which is made once."""
    if task.pair is None:
        task.pair = Key._make((task.name, record_id(task.record)))  # the quickest way to a key
    return task.pair


# Tasks in flight: when an alarm rings, some have begun and not ended, and others have not begun.


class InFlight:
    """Follows the tasks of a run: planned, `prepared` for a call or called alone, and in running calls."""

    def __init__(self) -> None:
        self._expected: list[PlannedTasks] = []
        self.prepared: Task | None = None
        self._running: dict[int, tuple[Task, ...]] = {}

    @property
    def expected(self) -> Iterator[Task]:
        """All tasks of the run, with and without an outcome."""
        return chain.from_iterable(self._expected)

    def by_record(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the identity of each record, and the handlers that have a task on it, with or without an outcome."""
        for tasks in self._expected:
            for record, handlers in tasks.by_record():
                yield record_id(record), handlers

    @property
    def calls(self) -> list[tuple[Task, ...]]:
        """The tasks of each running call; a prepared task, such as one whose `where` runs, counts as a call."""
        task = self.prepared  # which another thread may set
        prepared = [] if task is None else [(task,)]
        return [*self._running.values(), *prepared]

    def expect(self, tasks: PlannedTasks) -> None:
        """Add planned tasks, which are made on demand."""
        self._expected.append(tasks)

    def begin(self, call: int, tasks: Iterable[Task]) -> None:
        """Record that a call begins, by a number that no other running call has."""
        self.prepared = None
        self._running[call] = tuple(tasks)

    def end(self, call: int) -> None:
        """Record that a call has ended."""
        del self._running[call]


# Dead letters that wait to be sent, a few together.

_TOGETHER: Final = 10
"""The most letters of one batch in SQS ("SendMessageBatch" in the Amazon SQS API Reference)."""

_log: Final = logging.getLogger("streamfn")


class LetterBuffer:
    """Holds dead letters back until there are enough of them, or until a task depends on whether one is stored."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        self._dead_letters = dead_letters
        self._waiting: list[tuple[Task, DeadLetter]] = []
        self.keys: set[OrderingKey] = set()

    def put(self, task: Task, letter: DeadLetter) -> None:
        """Add a dead letter."""
        self._waiting.append((task, letter))
        self.keys.add(task.ordering_key)

    @property
    def full(self) -> bool:
        """Whether there are as many letters as are sent together."""
        return len(self._waiting) >= _TOGETHER

    def holds(self, task: Task) -> bool:
        """Return whether a letter of this handler and item waits; the task may start only if it is stored."""
        return bool(self.keys) and task.ordering_key in self.keys

    def empty(self, seconds_left: SecondsLeft) -> list[tuple[Task, DeadLetter, bool]]:
        """Send all letters, and return whether each is stored."""
        waiting, self._waiting = self._waiting, []
        self.keys.clear()
        stored: Collection[str] = (
            self._send([letter for _, letter in waiting], seconds_left) if waiting else ()
        )
        return [(task, letter, letter.id in stored) for task, letter in waiting]

    def _send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft) -> Collection[str]:
        try:
            returned = cast(
                "object", self._dead_letters.send(letters, seconds_left)
            )  # a user's store may return anything
            if not isinstance(returned, Collection | Iterator):
                return self._complain(returned)
            stored = frozenset(cast("Iterable[str]", returned))  # isinstance drops the type
        except Exception as error:  # noqa: BLE001 (any failure: the failures stay failures)
            _log.error("dead letters could not be sent: %s", what_raised(error))
            return ()
        for letter in letters:
            if letter.id in stored:
                _log.warning("%s", json.dumps(_told(letter)))
        return stored

    def _complain(self, returned: object) -> Collection[str]:
        """Log that `send` returned no ids: the stored letters are unknown."""
        place, kind = type(self._dead_letters).__name__, kind_of(returned)
        if isinstance(returned, Coroutine):
            returned.close()  # otherwise Python warns that it was never awaited
        _log.error(
            "dead letters could not be sent: send() of %s returned %s, expected the ids of what is stored",
            place,
            kind,
        )
        return ()


def _told(letter: DeadLetter) -> dict[str, object]:
    """Describe a dead letter by identifiers and places in code."""
    return {
        "deadLetter": letter.id,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        **letter.places,
    }


# Writes: the session's new entries go to the ledger, and pauses follow a failed write.

_LONGER: Final = 4
"""The factor by which the pause after a failed write grows."""


class LedgerWriter:
    """Writes the new entries of a session. A failure is logged, and the batch goes on."""

    def __init__(self, session: LedgerSession, ledger: Ledger, sequence_range: SequenceRange) -> None:
        self._session = session
        self._ledger = ledger
        self._sequence_range = sequence_range
        # The number of successes that pass without a write, and the number that have yet to pass.
        self._pause = self._to_pass = 0

    @property
    def pauses(self) -> bool:
        """Whether the last write has failed."""
        return self._pause > 0

    def write_success(self) -> None:
        """Write all new entries after a success, without waiting for the ledger.

        After a failed write, some successes pass without a write, and more of them after each further failure. So a
        ledger that is down does not cost a timeout at each success, and a ledger that was busy for a moment is soon
        written again.
        """
        if self._to_pass:
            self._to_pass -= 1
        else:
            self.write(at_once)

    def write(self, seconds_left: SecondsLeft) -> bool:
        """Write all new entries; return whether the ledger has all of them now."""
        entries = self._session.pending()
        if not entries:
            return True
        try:
            self._ledger.write(self._sequence_range, entries, seconds_left)
        except Exception as error:  # noqa: BLE001 (any failure: the batch goes on)
            self._pause = self._to_pass = self._pause * _LONGER or 1
            told = "the ledger could not be written, what succeeded may be repeated: %s"
            _log.error(told, what_raised(error))
            return False
        self._pause = 0
        self._session.mark_written()
        return True


def at_once() -> float:
    """Return no time to wait: a write after a success must not take time from the next record."""
    return 0.0


# Batches with records of several streams, as no mapping sends them: each stream has a range of its own.


def split_by_stream(ledger: Ledger, scope: str, records: Sequence[Record]) -> Ledger:
    """Return a ledger that stores each record under its own stream; one without a stream is of the first.

    A user who joins streams, in a test of two tables or a worker, may split them otherwise the next time. Entries under
    the name of another stream would not be found then.
    """
    first = next(filter(None, (record.event_source_arn for record in records)), "")
    parts: dict[str, list[Record]] = {}
    for record in records:
        parts.setdefault(record.event_source_arn or first, []).append(record)
    return _Apart(
        ledger,
        [(range_of(scope, part), frozenset(record_id(record) for record in part)) for part in parts.values()],
    )


class _Apart:
    """Reads and writes a ledger range by range, each with the identities of its records."""

    def __init__(self, ledger: Ledger, parts: Sequence[tuple[SequenceRange, frozenset[str]]]) -> None:
        self._ledger = ledger
        self._parts = parts

    def read(self, _: SequenceRange, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Return the entries of all parts."""
        return [
            entry
            for sequence_range, _ in self._parts
            for entry in self._ledger.read(sequence_range, seconds_left)
        ]

    def write(self, _: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Store the entries of each part under its own range."""
        for sequence_range, identities in self._parts:
            if of_it := [entry for entry in entries if record_meant(entry.pair) in identities]:
                self._ledger.write(sequence_range, of_it, seconds_left)
