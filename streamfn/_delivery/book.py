"""The book of a batch: what a ledger knows of its pairs, and what this invocation adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from streamfn._frozen import twin
from streamfn._ledger import Entry, Pair, merged

Settled: TypeAlias = Literal["handled", "dead", "dropped"]

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
        self._most = most

    def __getitem__(self, pair: Pair) -> Entry:
        """Look a pair up; one that nothing is known of is open."""
        return self._known.get(pair) or Entry(pair, "open")

    def known(self, pair: Pair) -> Entry | None:
        """Look a pair up, if there is an entry of it."""
        return self._known.get(pair)

    def settled(self, pair: Pair) -> bool:
        """Whether a pair is settled, by an earlier invocation or by this one."""
        entry = self._known.get(pair)
        return entry is not None and entry.settled

    def settle(self, pair: Pair, state: Settled, letter: str = "") -> bool:
        """Enter that a pair is settled, and the digest of its letter; say whether anything was known of it."""
        entry = self._known.get(pair)
        if entry is None:
            self._known[pair] = self._news[pair] = _settled(pair, state, letter)
            return False
        self._enter(replace(entry, state=state, letter=letter))
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
            self._enter(replace(entry, attempts=attempts, since=since, reason=reason, alone=alone))

    def failed_with_others(self, pair: Pair, reason: str, now: datetime, *, isolated: bool = False) -> None:
        """Enter that a pair failed in a chunk, which is no attempt of its own; one that is `isolated` stays alone."""
        entry = self[pair]
        alone = entry.alone or isolated
        if entry.since is None or alone > entry.alone:
            since = entry.since or now
            self._enter(
                replace(entry, since=since, reason=entry.reason if entry.since else reason, alone=alone)
            )

    def suspected(self, pair: Pair, reason: str, since: datetime | None) -> None:
        """Enter that a pair was running when time was up, with others: it is to be tried alone, and has not failed."""
        entry = self[pair]
        if not entry.alone:
            self._enter(replace(entry, since=entry.since or since, reason=entry.reason or reason, alone=True))

    def waits(self, pair: Pair, reason: str) -> None:
        """Enter that a pair is open, for whoever looks for open ones; what is known of it stays."""
        if pair not in self._known:
            self._enter(Entry(pair, "open", reason=reason))

    def news(self) -> list[Entry]:
        """List the entries that the ledger does not have yet."""
        return list(self._news.values())

    def written(self) -> None:
        """Take note that the ledger has all news now."""
        self._news.clear()

    def _enter(self, entry: Entry) -> None:
        self._known[entry.pair] = self._news[entry.pair] = entry


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
