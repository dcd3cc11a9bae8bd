"""Notes: what a process leaves in the ledger before it runs something, for others to find if it dies meanwhile.

A process that dies says nothing. So the first batch of a process is noted before it runs. A batch of which another
process has left such a note runs carefully: each call is noted before it begins, together with all that is known by
then. A note of a call that is still open tells what its process died of.

A note is entries, which ledgers keep like all others: one for each pair that a call is for, and for a batch one
without a handler for its first record and one for its last, since Lambda delivers a batch again as a whole, in halves
or from some record on. Their record is the name of the note and, behind a slash, the identity of the real record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from streamfn._delivery.book import DIED, Book
from streamfn._delivery.marks import Begun
from streamfn._delivery.processes import ThisProcess
from streamfn._ledger import NOTE, Entry, Pair, identity_of, is_note
from streamfn._records import Record

_REASON: Final = "Begun"


class Notes:
    """The notes of this run, and what those of other processes tell of its batch.

    `careful` says whether each call of the run is to be noted: another process has begun with the batch and may have
    died of it, or the ledger knows a pair of the batch that a process died of.
    """

    def __init__(self, process: ThisProcess, book: Book, records: Sequence[Record]) -> None:
        """Read what the book knows, and enter in it which calls other processes have died of."""
        self._process = process
        self._book = book
        self._of_batch: list[Pair] = []
        self._of_call: list[Pair] = []
        self._of_others: list[Pair] = []
        self._pairs: Sequence[Pair] = ()
        self.careful: bool = self._read(records)

    def note_batch(self, records: Sequence[Record], now: datetime) -> None:
        """Enter that this process begins with a batch."""
        self._of_batch = self._enter([Pair("", end) for end in ends_of(records)], now, alone=False)

    def note_call(self, pairs: Sequence[Pair], now: datetime) -> None:
        """Enter that this process calls a handler for these pairs. The call before has ended."""
        if pairs != self._pairs:
            self._settle(self._of_call)
            self._pairs = pairs
            self._of_call = self._enter(pairs, now, alone=len(pairs) == 1)

    @property
    def of_batch(self) -> Sequence[Pair]:
        """The note of this run's batch, where it has entered one and not settled it."""
        return self._of_batch

    def passes_over(self, entry: Entry) -> bool:
        """Enter that a pair is not called in this run; say no if that has been entered since its last attempt."""
        handler, record = entry.pair
        passed = Pair(handler, f"{NOTE}passed-{entry.attempts}/{record}")
        if self._book.settled(passed):
            return False
        self._book.settle(passed, "handled")
        return True

    def close(self, *, whole: bool) -> None:
        """Settle the notes of this run; if it has gone through the `whole` batch, those of other processes as well."""
        self._pairs = ()
        self._settle(self._of_call)
        self._settle(self._of_batch)
        if whole:
            self._settle(self._of_others)

    def _read(self, records: Sequence[Record]) -> bool:
        """Find out whether the run has to be careful."""
        book = self._book
        found = [pair for pair in book.owed if is_note(pair) or book[pair].reason == DIED]
        if not found:  # as in nearly every run
            return False
        here = {identity_of(record) for record in records}
        own, careful = f"{NOTE}{self._process.name}.", False
        for pair in found:
            note, _, record = pair.record.partition("/")
            if pair.record in here:
                careful = True
            elif record not in here:
                continue
            elif note.startswith(own):  # it lives
                if pair.handler:
                    book.settle(pair, "handled")
            elif not pair.handler:
                self._of_others.append(pair)
                careful = True
            else:
                self._enter_death(pair, Pair(pair.handler, record))
                careful = True
        return careful

    def _enter_death(self, note: Pair, pair: Pair) -> None:
        """Enter that a process died while it called a handler for a pair, alone or together with others."""
        entry = self._book[note]
        self._book.settle(note, "handled")
        # What the call came to may be written, and not that it has ended: nothing is counted twice.
        if self._book.settled(pair) or self._book[pair].attempts > entry.attempts:
            return
        if entry.alone:
            self._book.died(pair, entry.since)
        else:
            self._book.suspected(pair, DIED, entry.since)

    def _enter(self, pairs: Sequence[Pair], now: datetime, *, alone: bool) -> list[Pair]:
        note = self._process.new_note()
        noted = [_noted(note, pair) for pair in pairs]
        for each, pair in zip(noted, pairs, strict=True):
            attempts = self._book[pair].attempts
            self._book.enter(Entry(each, "open", attempts, now, _REASON, alone))
        return noted

    def _settle(self, noted: list[Pair]) -> None:
        for pair in noted:
            self._book.settle(pair, "handled")
        noted.clear()


def entries_of(batch: Begun, now: datetime) -> list[Entry]:
    """Make the note of a batch that another process has died of."""
    process, _, ends = batch
    return [Entry(_noted(f"{process}.0", Pair("", end)), "open", since=now, reason=_REASON) for end in ends]


def ends_of(records: Sequence[Record]) -> Sequence[str]:
    """Name the first record of a batch and the last, which may be one."""
    return list(dict.fromkeys(identity_of(record) for record in (records[0], records[-1])))


def _noted(note: str, pair: Pair) -> Pair:
    return Pair(pair.handler, f"{NOTE}{note}/{pair.record}")
