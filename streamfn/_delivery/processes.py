"""Processes that die.

In this order: marks of the batch that a process has begun, the process with its name, and notes in the ledger.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from typing_extensions import override

from streamfn._delivery.session import DIED, LedgerSession
from streamfn._records import Record
from streamfn.ledgers._protocol import NOTE, Entry, Key, Ledger, SequenceRange, is_note, record_id

# Marks: files by which a process finds the batch that the process before it had begun. They need no request.
#
# Shards share processes: a new process may begin with a batch of another shard than the batch that the process before
# died of. So each batch is marked in the folder for temporary files. "Lambda does not clear the /tmp directory content
# prior to the next init phase", says "Understanding the Lambda execution environment lifecycle" in the AWS Lambda
# Developer Guide about a process that has died. The next process first notes the marked batch in the ledger.

_PREFIX: Final = "streamfn-begun-"


Begun: TypeAlias = tuple[str, SequenceRange, Sequence[str]]
"""A batch that a process has begun: the process' name, the range, and the identities of its first and last record."""


class ProcessMarks:
    """Keeps the mark of the batch that a process has begun, for the process after it.

    This class keeps none: outside of Lambda there is no known place for marks.
    """

    def begin(self, batch: Begun, /) -> None:
        """Mark that a batch begins."""

    def end(self) -> None:
        """Remove the mark: the batch has ended."""

    def left(self, process: str, /) -> list[Begun]:  # noqa: ARG002 (for subclasses)
        """Return the batches that other processes than this one have died of."""
        return []

    def forget(self, process: str, /) -> None:
        """Remove the marks of those batches."""


class FileMarks(ProcessMarks):
    """Keeps a small file for each process, in a folder that outlives the process.

    A folder that cannot be written costs the marks and nothing else.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @override
    def begin(self, batch: Begun, /) -> None:
        process, sequence_range, ends = batch
        text = json.dumps(
            [
                process,
                [sequence_range.scope, sequence_range.stream, sequence_range.lowest, sequence_range.highest],
                ends,
            ]
        )
        with suppress(OSError), open(self._path, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not loaded)
            file.write(text)

    @override
    def end(self) -> None:
        with suppress(OSError):
            os.remove(self._path)  # noqa: PTH107 (pathlib is not loaded)

    @override
    def left(self, process: str, /) -> list[Begun]:
        return [batch for _, batch in self._of_dead(process)]

    @override
    def forget(self, process: str, /) -> None:
        for path, _ in self._of_dead(process):
            with suppress(OSError):
                os.remove(path)  # noqa: PTH107 (pathlib is not loaded)

    @property
    def _path(self) -> str:
        return f"{self._folder}/{_PREFIX}{os.getpid()}"

    def _of_dead(self, process: str) -> Iterator[tuple[str, Begun]]:
        with suppress(OSError):
            for name in os.listdir(self._folder):  # noqa: PTH208 (pathlib is not loaded)
                path = f"{self._folder}/{name}"
                if name.startswith(_PREFIX) and not _is_alive(name.removeprefix(_PREFIX)):
                    batch = _read(path)
                    if batch is not None and batch[0] != process:
                        yield path, batch


def _is_alive(number: str) -> bool:
    """Return whether another process has this number; this process' own number belonged to an earlier process."""
    if not number.isdecimal() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _read(path: str) -> Begun | None:
    """Read a mark; None if it is cut short."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not loaded)
            process, (scope, stream, lowest, highest), ends = json.load(file)
    except (OSError, ValueError, TypeError):
        return None
    return process, SequenceRange(scope, stream, lowest, highest), ends


# The process of a delivery: it has a name in the ledger that no other process has.

_LATER: Final = timedelta(minutes=1)
"""How long the note of a batch that has ended without a write stays. A process of a batch or two saves the write."""


class EndedNote(NamedTuple):
    """The open note of a batch that has ended well; `since` is that end, or the last try to settle the note."""

    sequence_range: SequenceRange
    pairs: Sequence[Key]
    since: datetime


class ThisProcess:
    """Names the process and its notes, and remembers whether the ledger has a note of one of its batches.

    A fork of the process gets a name of its own, at its first use.
    """

    __slots__ = ("_count", "_ended", "_has_looked", "_has_noted", "_name", "_pid", "marks")

    def __init__(self, marks: ProcessMarks) -> None:
        self.marks: ProcessMarks = marks
        self._pid = 0
        self._name = ""
        self._count = 0
        self._has_noted = False
        self._has_looked = False
        self._ended: EndedNote | None = None

    @property
    def name(self) -> str:
        """The name of the current process."""
        if self._pid != (pid := os.getpid()):
            self._pid, self._name, self._count = pid, os.urandom(8).hex(), 0
            self._has_noted = self._has_looked = False
            self._ended = None
        return self._name

    @property
    def has_noted(self) -> bool:
        """Whether the ledger has a note of a batch that this process has begun."""
        return bool(self.name) and self._has_noted

    def noted(self) -> None:
        """Record that the ledger has a note of a batch."""
        self._has_noted = True

    def ended(self, note: EndedNote) -> None:
        """Record that a batch has ended, and its note, if there is one that is not settled."""
        if note.pairs:
            self._ended = note

    def settle_ended(self, ledger: Ledger, now: datetime) -> None:
        """Settle the note of a batch that ended a while ago: delayed readers would find it until it expires."""
        ended = self._ended if self.name else None
        if ended is None or now - ended.since < _LATER:
            return
        self._ended = None
        try:
            ledger.write(ended.sequence_range, [Entry(pair, "handled") for pair in ended.pairs], lambda: 0.0)
        except Exception:  # noqa: BLE001 (any failure: nothing is repeated for it)
            self._ended = ended._replace(since=now)

    @property
    def has_looked(self) -> bool:
        """Whether this process has looked for the marks of earlier processes in its place."""
        return bool(self.name) and self._has_looked

    def looked(self) -> None:
        """Record that this process has looked for marks."""
        self._has_looked = True

    def new_note(self) -> str:
        """Return the name of a new note of this process; each has a number of its own."""
        name = self.name
        self._count += 1
        return f"{name}.{self._count}"


# Notes: entries of a process in the ledger about work that begins, for other processes to find if it dies.
#
# The first batch of a process is noted before it runs. A batch with such a note of another process runs carefully: each
# call is noted before it begins, together with all entries until then. The note of a call that is still open tells the
# keys that its process died of.
#
# The note of a call is one entry for each key. The note of a batch is an entry without a handler for the first record,
# and one for the last record, since Lambda delivers a batch again as a whole, in halves or from some record on. The
# record of such an entry is the name of the note, a slash, and the identity of the real record.

_REASON: Final = "Begun"


class Notes:
    """The notes of this run, and those that other processes left about its batch.

    `careful` says that each call of the run is noted: another process has begun the batch and may have died of it, or
    the ledger knows a key of the batch that a process died of. The constructor enters the calls that processes died of.
    """

    def __init__(self, process: ThisProcess, session: LedgerSession, records: Sequence[Record]) -> None:
        self._process = process
        self._session = session
        self._of_batch: list[Key] = []
        self._of_call: list[Key] = []
        self._of_others: list[Key] = []
        self._pairs: Sequence[Key] = ()
        self.careful: bool = self._read(records)

    def note_batch(self, records: Sequence[Record], now: datetime) -> None:
        """Enter that this process begins a batch."""
        self._of_batch = self._enter([Key("", end) for end in ends_of(records)], now, alone=False)

    def note_call(self, pairs: Sequence[Key], now: datetime) -> None:
        """Enter that this process calls a handler for these keys. The call before has ended."""
        if pairs != self._pairs:
            self._settle(self._of_call)
            self._pairs = pairs
            self._of_call = self._enter(pairs, now, alone=len(pairs) == 1)

    @property
    def of_batch(self) -> Sequence[Key]:
        """The note of this run's batch, if it is entered and not settled."""
        return self._of_batch

    def passes_over(self, entry: Entry) -> bool:
        """Enter that a key is not called in this run; return False if so entered since its last attempt.

        So every other run calls the key's handler: another version of the function may succeed.
        """
        handler, record = entry.pair
        passed = Key(handler, f"{NOTE}passed-{entry.attempts}/{record}")
        if self._session.settled(passed):
            return False
        self._session.settle(passed, "handled")
        return True

    def close(self, *, whole: bool) -> None:
        """Settle the notes of this run; after a `whole` batch, settle those of other processes as well."""
        self._pairs = ()
        self._settle(self._of_call)
        self._settle(self._of_batch)
        if whole:
            self._settle(self._of_others)

    def _read(self, records: Sequence[Record]) -> bool:
        """Return whether the run has to be careful."""
        session = self._session
        found = [pair for pair in session.owed if is_note(pair) or session[pair].reason == DIED]
        if not found:  # as in nearly every run
            return False
        here = {record_id(record) for record in records}
        own, careful = f"{NOTE}{self._process.name}.", False
        for pair in found:
            note, _, record = pair.record.partition("/")
            if pair.record in here:
                careful = True
            elif record not in here:
                continue
            elif note.startswith(own):  # this process lives
                if pair.handler:
                    session.settle(pair, "handled")
            elif not pair.handler:
                self._of_others.append(pair)
                careful = True
            else:
                self._enter_death(pair, Key(pair.handler, record))
                careful = True
        return careful

    def _enter_death(self, note: Key, pair: Key) -> None:
        """Enter that a process died in a call for a key, alone or with other keys."""
        entry = self._session[note]
        self._session.settle(note, "handled")
        # The outcome of the call may be written, and its end not: nothing counts twice.
        if self._session.settled(pair) or self._session[pair].attempts > entry.attempts:
            return
        if entry.alone:
            self._session.died(pair, entry.since)
        else:
            self._session.isolate(pair, DIED, entry.since)

    def _enter(self, pairs: Sequence[Key], now: datetime, *, alone: bool) -> list[Key]:
        note = self._process.new_note()
        noted = [_noted(note, pair) for pair in pairs]
        for each, pair in zip(noted, pairs, strict=True):
            attempts = self._session[pair].attempts
            self._session.enter(Entry(each, "open", attempts, now, _REASON, alone))
        return noted

    def _settle(self, noted: list[Key]) -> None:
        for pair in noted:
            self._session.settle(pair, "handled")
        noted.clear()


def entries_of_dead_process(batch: Begun, now: datetime) -> list[Entry]:
    """Return the note of a batch that another process has died of."""
    process, _, ends = batch
    return [Entry(_noted(f"{process}.0", Key("", end)), "open", since=now, reason=_REASON) for end in ends]


def ends_of(records: Sequence[Record]) -> Sequence[str]:
    """Return the names of the first record and the last record of a batch, once if they are one record."""
    return list(dict.fromkeys(record_id(record) for record in (records[0], records[-1])))


def _noted(note: str, pair: Key) -> Key:
    return Key(pair.handler, f"{NOTE}{note}/{pair.record}")
