"""The book of a batch: what a ledger knows of its pairs, and what this invocation adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from streamfn._execution.gate import Turn
from streamfn._failures import ProcessDied
from streamfn._frozen import twin
from streamfn._ledger import Entry, Pair, Waiting, identity_of, merged

Settled: TypeAlias = Literal["handled", "dead", "dropped"]

DIED: Final = ProcessDied.__name__
"""The reason of a pair that a process died of, or may have died of."""

_entry: Final = twin(Entry)


class Book:
    """Keeps the entries of a batch's pairs, and apart from them those that the ledger does not have yet.

    Attempts are counted up to `most`, and an entry that says nothing new is none: a record that fails for
    hours costs no more writes than it has attempts. `owed` are the pairs that the ledger knew as open.
    """

    def __init__(self, entries: Iterable[Entry], most: int) -> None:
        """Open the book with what the ledger knows."""
        self._known = merged(entries)
        self.owed: tuple[Pair, ...] = tuple(pair for pair, entry in self._known.items() if not entry.settled)
        self._news: dict[Pair, Entry] = {}
        # The handlers that wait for a record, nothing else being known of the pairs; see `all_wait`.
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._waiting_for = ""
        self._tells_of_waiting = False
        self._most = most

    def __getitem__(self, pair: Pair) -> Entry:
        """Look a pair up; one that nothing is known of is open."""
        return self.known(pair) or Entry(pair, "open")

    def known(self, pair: Pair) -> Entry | None:
        """Look a pair up, if there is an entry of it."""
        entry = self._known.get(pair)
        if entry is None and self._waiting and pair.handler in self._waiting.get(pair.record, ()):
            return Entry(pair, "open", reason=self._waiting_for)
        return entry

    def settled(self, pair: Pair) -> bool:
        """Whether a pair is settled, by an earlier invocation or by this one."""
        entry = self._known.get(pair)
        return entry is not None and entry.settled

    def has_handled(self, handler: str) -> bool:
        """Whether a handler has succeeded on a record of the batch, or of one that began before it and overlaps it."""
        return any(
            pair.handler == handler and entry.state == "handled" for pair, entry in self._known.items()
        )

    def settle(self, pair: Pair, state: Settled, letter: str = "") -> bool:
        """Enter that a pair is settled, and the digest of its letter; say whether anything was known of it."""
        entry = self._known.get(pair)
        if entry is None and self._waiting:  # as only where time is up
            entry = self.known(pair)
        if entry is None:
            self._known[pair] = self._news[pair] = _settled(pair, state, letter)
            return False
        self.enter(replace(entry, state=state, letter=letter))
        return True

    def attempted(self, pair: Pair, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a pair was tried alone, and failed; one that was `isolated` from a chunk stays alone.

        Once all attempts are used up, only a reason is news that `merged` would keep: that it hangs by now, say.
        """
        entry = self[pair]
        attempts = min(entry.attempts + 1, max(self._most, entry.attempts))
        alone = entry.alone or isolated
        if attempts > entry.attempts or reason > entry.reason or alone > entry.alone:
            since = entry.since or now
            self.enter(replace(entry, attempts=attempts, since=since, reason=reason, alone=alone))

    def died(self, pair: Pair, since: datetime | None) -> None:
        """Enter that a process died of a pair, which is to be tried alone.

        This counts beyond the most attempts: that a pair which has failed so often ends the process by now is news.
        """
        entry = self[pair]
        self.enter(
            replace(entry, attempts=entry.attempts + 1, since=entry.since or since, reason=DIED, alone=True)
        )

    def failed_with_others(self, pair: Pair, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a pair failed in a chunk, which is no attempt of its own; one that is `isolated` stays alone."""
        entry = self[pair]
        alone = entry.alone or isolated
        if entry.since is None or alone > entry.alone:
            since = entry.since or now
            self.enter(
                replace(entry, since=since, reason=entry.reason if entry.since else reason, alone=alone)
            )

    def suspected(self, pair: Pair, reason: str, since: datetime | None) -> None:
        """Enter that a pair was running when time was up, with others: it is to be tried alone, and has not failed."""
        entry = self[pair]
        if not entry.alone:
            self.enter(replace(entry, since=entry.since or since, reason=entry.reason or reason, alone=True))

    def waits(self, pair: Pair, reason: str) -> None:
        """Enter that a pair is open, for whoever looks for open ones; what is known of it stays."""
        if self.known(pair) is None:
            self.enter(Entry(pair, "open", reason=reason))

    def enter(self, entry: Entry) -> None:
        """Enter what takes the place of all that was known of a pair."""
        self._known[entry.pair] = self._news[entry.pair] = entry

    def all_wait(self, records: Iterable[tuple[str, tuple[str, ...]]], reason: str) -> None:
        """Enter that pairs of records with handlers are open, of whichever nothing is known.

        `waits` does the same with each, at many times the cost. A large batch has tens of thousands of them when time
        is up, and the CPU of a small function is a tenth of a core. Entries are made only of those that are asked for.
        """
        known, waiting = self._known, self._waiting
        for record, handlers in records:
            # A plain tuple is found as the Pair is, which would have to be made.
            unknown = tuple([handler for handler in handlers if (handler, record) not in known])
            if unknown:
                waiting[record] = (*waiting[record], *unknown) if record in waiting else unknown
        self._waiting_for = reason
        self._tells_of_waiting = bool(waiting)

    def news(self) -> Sequence[Entry]:
        """List the entries that the ledger does not have yet."""
        entries = list(self._news.values())
        return Waiting(entries, self._waiting, self._waiting_for) if self._tells_of_waiting else entries

    def written(self) -> None:
        """Take note that the ledger has all news now."""
        self._news.clear()
        self._tells_of_waiting = False


def _settled(pair: Pair, state: Settled, letter: str) -> Entry:
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


def named(turn: Turn) -> Pair:
    """Name a turn's pair, once for all that is asked about it."""
    if turn.pair is None:
        turn.pair = Pair._make((turn.name, identity_of(turn.record)))  # the quickest way to a pair
    return turn.pair
