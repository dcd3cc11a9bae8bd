"""One run with a ledger: known and new entries, running calls, buffered letters, writes, ledgers of several streams."""

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

# The session of a batch: what a ledger knows of its pairs, and what this invocation adds.

FinalState: TypeAlias = Literal["handled", "dead", "dropped"]

DIED: Final = ProcessDied.__name__
"""The reason of a pair that a process died of, or may have died of."""

_entry: Final = unguarded(Entry)


class LedgerSession:
    """Keeps the entries of a batch's pairs, and apart from them those that the ledger does not have yet.

    Attempts are counted up to `most`, and an entry that says nothing new is none: a record that fails for
    hours costs no more writes than it has attempts. `owed` are the pairs that the ledger knew as open.
    """

    def __init__(self, entries: Iterable[Entry], most: int) -> None:
        """Open the session with what the ledger knows."""
        self._known = merge(entries)
        self.owed: tuple[Key, ...] = tuple(pair for pair, entry in self._known.items() if not entry.settled)
        self._news: dict[Key, Entry] = {}
        # The handlers that wait for a record, nothing else being known of the pairs; see `all_wait`.
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._waiting_for = ""
        self._tells_of_waiting = False
        self._most = most

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any pair."""
        return not self._known

    def __getitem__(self, pair: Key) -> Entry:
        """Look a pair up; one that nothing is known of is open."""
        return self.known(pair) or Entry(pair, "open")

    def known(self, pair: Key) -> Entry | None:
        """Look a pair up, if there is an entry of it."""
        entry = self._known.get(pair)
        if entry is None and self._waiting and pair.handler in self._waiting.get(pair.record, ()):
            return Entry(pair, "open", reason=self._waiting_for)
        return entry

    def settled(self, pair: Key) -> bool:
        """Whether a pair is settled, by an earlier invocation or by this one."""
        entry = self._known.get(pair)
        return entry is not None and entry.settled

    def has_handled(self, handler: str) -> bool:
        """Whether a handler has succeeded on a record of the batch, or of one that began before it and overlaps it."""
        return any(
            pair.handler == handler and entry.state == "handled" for pair, entry in self._known.items()
        )

    def settle(self, pair: Key, state: FinalState, letter: str = "") -> bool:
        """Enter that a pair is settled, and the digest of its letter; say whether anything was known of it."""
        entry = self._known.get(pair)
        if entry is None and self._waiting:  # as only where time is up
            entry = self.known(pair)
        if entry is None:
            self._known[pair] = self._news[pair] = _settled(pair, state, letter)
            return False
        self.enter(replace(entry, state=state, letter=letter))
        return True

    def attempted(self, pair: Key, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a pair was tried alone, and failed; one that was `isolated` from a chunk stays alone.

        Once all attempts are used up, only a reason is news that `merge` would keep: that it hangs by now, say.
        """
        entry = self[pair]
        attempts = min(entry.attempts + 1, max(self._most, entry.attempts))
        alone = entry.alone or isolated
        if attempts > entry.attempts or reason > entry.reason or alone > entry.alone:
            since = entry.since or now
            self.enter(replace(entry, attempts=attempts, since=since, reason=reason, alone=alone))

    def died(self, pair: Key, since: datetime | None) -> None:
        """Enter that a process died of a pair, which is to be tried alone.

        This counts beyond the most attempts: that a pair which has failed so often ends the process by now is news.
        """
        entry = self[pair]
        self.enter(
            replace(entry, attempts=entry.attempts + 1, since=entry.since or since, reason=DIED, alone=True)
        )

    def failed_with_others(self, pair: Key, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a pair failed in a chunk, which is no attempt of its own; one that is `isolated` stays alone."""
        entry = self[pair]
        alone = entry.alone or isolated
        if entry.since is None or alone > entry.alone:
            since = entry.since or now
            self.enter(
                replace(entry, since=since, reason=entry.reason if entry.since else reason, alone=alone)
            )

    def isolate(self, pair: Key, reason: str, since: datetime | None) -> None:
        """Enter that a pair was running when time was up, with others: it is to be tried alone, and has not failed."""
        entry = self[pair]
        if not entry.alone:
            self.enter(replace(entry, since=entry.since or since, reason=entry.reason or reason, alone=True))

    def add_pending(self, pair: Key, reason: str) -> None:
        """Enter that a pair is open, for whoever looks for open ones; what is known of it stays."""
        if self.known(pair) is None:
            self.enter(Entry(pair, "open", reason=reason))

    def enter(self, entry: Entry) -> None:
        """Enter what takes the place of all that was known of a pair."""
        self._known[entry.pair] = self._news[entry.pair] = entry

    def all_wait(self, records: Iterable[tuple[str, tuple[str, ...]]], reason: str) -> None:
        """Enter that pairs of records with handlers are open, of whichever nothing is known.

        `add_pending` does the same with each, at many times the cost. A large batch has tens of thousands of them when
        time is up, and the CPU of a small function is a tenth of a core. Entries are made only of those that are asked
        for.
        """
        known, waiting = self._known, self._waiting
        for record, handlers in records:
            # A plain tuple is found as the Pair is, which would have to be made.
            unknown = tuple([handler for handler in handlers if (handler, record) not in known])
            if unknown:
                waiting[record] = (*waiting[record], *unknown) if record in waiting else unknown
        self._waiting_for = reason
        self._tells_of_waiting = bool(waiting)

    def pending(self) -> Sequence[Entry]:
        """List the entries that the ledger does not have yet."""
        entries = list(self._news.values())
        return Waiting(entries, self._waiting, self._waiting_for) if self._tells_of_waiting else entries

    def mark_written(self) -> None:
        """Take note that the ledger has all news now."""
        self._news.clear()
        self._tells_of_waiting = False


def _settled(pair: Key, state: FinalState, letter: str) -> Entry:
    """Make the entry of a pair that nothing was known of: the one that nearly each pair gets."""
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
    """Name a task's pair, once for all that is asked about it."""
    if task.pair is None:
        task.pair = Key._make((task.name, record_id(task.record)))  # the quickest way to a pair
    return task.pair


# What is in flight in a run: what an alarm finds begun and not ended, and what it finds not begun.


class InFlight:
    """Follows the tasks of a run: expected, `prepared` for a call or called by itself, and in a call that runs."""

    def __init__(self) -> None:
        """Begin with nothing in flight."""
        self._expected: list[PlannedTasks] = []
        self.prepared: Task | None = None
        self._running: dict[int, tuple[Task, ...]] = {}

    @property
    def expected(self) -> Iterator[Task]:
        """All tasks of the run, whatever has become of them."""
        return chain.from_iterable(self._expected)

    def by_record(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Name each record of the run, and the handlers that have a task on it, whatever has become of that."""
        for tasks in self._expected:
            for record, handlers in tasks.by_record():
                yield record_id(record), handlers

    @property
    def calls(self) -> list[tuple[Task, ...]]:
        """The tasks of each call that runs; one that is prepared (by its `where`, say) counts as a call."""
        task = self.prepared  # which another thread may set
        prepared = [] if task is None else [(task,)]
        return [*self._running.values(), *prepared]

    def expect(self, tasks: PlannedTasks) -> None:
        """Take note of tasks that are going to come; they are gone through when somebody asks."""
        self._expected.append(tasks)

    def begin(self, call: int, tasks: Iterable[Task]) -> None:
        """Take note that a call begins, by a number that no other running one has."""
        self.prepared = None
        self._running[call] = tuple(tasks)

    def end(self, call: int) -> None:
        """Take note that a call has ended."""
        del self._running[call]


# The letter buffer: dead letters that wait to be sent, a few together.

_TOGETHER: Final = 10
"""How many letters an SQS batch takes ("SendMessageBatch" in the Amazon SQS API Reference)."""

_log: Final = logging.getLogger("streamfn")


class LetterBuffer:
    """Holds letters back until there are enough of them, or until it matters whether they are stored."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        """Begin with no letter."""
        self._dead_letters = dead_letters
        self._waiting: list[tuple[Task, DeadLetter]] = []
        self.keys: set[OrderingKey] = set()

    def put(self, task: Task, letter: DeadLetter) -> None:
        """Put a letter in."""
        self._waiting.append((task, letter))
        self.keys.add(task.ordering_key)

    @property
    def full(self) -> bool:
        """Whether it holds as many letters as are sent together."""
        return len(self._waiting) >= _TOGETHER

    def holds(self, task: Task) -> bool:
        """Whether a letter of this handler and item waits: whether it is stored decides what may start."""
        return bool(self.keys) and task.ordering_key in self.keys

    def empty(self, seconds_left: SecondsLeft) -> list[tuple[Task, DeadLetter, bool]]:
        """Send all letters, and say of each whether it is stored."""
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
            )  # a user's may return anything
            if not isinstance(returned, Collection | Iterator):
                return self._complain(returned)
            stored = frozenset(cast("Iterable[str]", returned))  # isinstance drops the type
        except Exception as error:  # noqa: BLE001 (whatever it is, the failures stay failures)
            _log.error("dead letters could not be sent: %s", what_raised(error))
            return ()
        for letter in letters:
            if letter.id in stored:
                _log.warning("%s", json.dumps(_told(letter)))
        return stored

    def _complain(self, returned: object) -> Collection[str]:
        """Say what came instead of the ids of letters; nobody knows then what is stored."""
        place, kind = type(self._dead_letters).__name__, kind_of(returned)
        if isinstance(returned, Coroutine):
            returned.close()  # or it would be warned of as never awaited
        _log.error(
            "dead letters could not be sent: send() of %s returned %s, expected the ids of what is stored",
            place,
            kind,
        )
        return ()


def _told(letter: DeadLetter) -> dict[str, object]:
    """Describe a letter by what identifies it, and by places in code."""
    return {
        "deadLetter": letter.id,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        **letter.places,
    }


# Writing: what the session of a run has for the ledger, and how often a ledger is asked that does not take it.

_LONGER: Final = 4
"""By how much the pause after a failed write grows."""


class LedgerWriter:
    """Writes the news of a session. A failure is logged, and the batch goes on."""

    def __init__(self, session: LedgerSession, ledger: Ledger, sequence_range: SequenceRange) -> None:
        """Begin with a ledger that takes what it is told."""
        self._session = session
        self._ledger = ledger
        self._sequence_range = sequence_range
        # How many successes pass without a write, and how many have yet to.
        self._pause = self._to_pass = 0

    @property
    def pauses(self) -> bool:
        """Whether the last write has failed."""
        return self._pause > 0

    def write_success(self) -> None:
        """Write a success, and what could not be written before, without waiting for the ledger.

        After a write that failed some successes pass without one, and more of them after each further: a ledger that
        is down does not take its timeouts at each success, and one that was busy for a moment is soon told again.
        """
        if self._to_pass:
            self._to_pass -= 1
        else:
            self.write(at_once)

    def write(self, seconds_left: SecondsLeft) -> bool:
        """Write what the ledger does not have yet, and say whether it has all of it now."""
        entries = self._session.pending()
        if not entries:
            return True
        try:
            self._ledger.write(self._sequence_range, entries, seconds_left)
        except Exception as error:  # noqa: BLE001 (whatever it is, the batch goes on)
            self._pause = self._to_pass = self._pause * _LONGER or 1
            told = "the ledger could not be written, what succeeded may be repeated: %s"
            _log.error(told, what_raised(error))
            return False
        self._pause = 0
        self._session.mark_written()
        return True


def at_once() -> float:
    """Leave no time to wait in: what is written after each success must not take the time of the next one."""
    return 0.0


# Batches that join the records of several streams, as no mapping sends them: each stream keeps a ledger of its
# own.


def split_by_stream(ledger: Ledger, scope: str, records: Sequence[Record]) -> Ledger:
    """Have a ledger know each record of a batch under its own stream; one that names none is of the first.

    Whoever joins streams (a test of two tables, a worker of one's own) may part them otherwise the next time, and
    nobody would look for what the one knows under the name of the other.
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
    """Reads and writes a ledger range by range, each with the identities of the records that are of it."""

    def __init__(self, ledger: Ledger, parts: Sequence[tuple[SequenceRange, frozenset[str]]]) -> None:
        """Take the ledger and the parts of the batch."""
        self._ledger = ledger
        self._parts = parts

    def read(self, _: SequenceRange, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Give what is known of each part."""
        return [
            entry
            for sequence_range, _ in self._parts
            for entry in self._ledger.read(sequence_range, seconds_left)
        ]

    def write(self, _: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Keep the entries of each part under its own range."""
        for sequence_range, identities in self._parts:
            if of_it := [entry for entry in entries if record_meant(entry.pair) in identities]:
                self._ledger.write(sequence_range, of_it, seconds_left)
