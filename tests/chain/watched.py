"""What a test sees of the stores while a function uses them, and the outages that it makes them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from streamfn._time import SecondsLeft, unlimited
from streamfn.dead_letters._protocol import DeadLetter, DeadLetters
from streamfn.ledgers import Entry, Key, Ledger, SequenceRange


class Due(NamedTuple):
    """When an outage begins: at the first refusal after so many effects, of a pair that was tried so often."""

    effects: int
    tries: int = 1


@dataclass(slots=True)
class Outages:
    """Outages that begin in the middle of an invocation, and are over when the ledger could not be read.

    They begin at a refusal, because an invocation that nothing fails in may write nothing, and miss nothing.
    """

    due: list[Due]
    begin: Callable[[], object]
    end: Callable[[], object]
    _lasts: bool = False

    def refused(self, effects: int, tries: int) -> None:
        """Begin one, if it is due."""
        if not self._lasts and self.due and effects >= self.due[0].effects and tries >= self.due[0].tries:
            del self.due[0]
            self._lasts = True
            self.begin()

    def noticed(self) -> None:
        """End the one that lasts; whoever reads a ledger fails for no other reason."""
        assert self._lasts
        self._lasts = False
        self.end()


@dataclass(slots=True)
class WatchedLedger:
    """A ledger, and for each invocation the pairs that are in it as settled because of that.

    `direct` is the same ledger on a line that nobody breaks. It tells of a write that failed whether it was done.
    `forgot_at` is the first invocation that finds nothing of what was recorded before.
    """

    ledger: Ledger
    direct: Ledger
    outages: Outages
    recorded: list[set[Key]] = field(default_factory=list[set[Key]])
    forgot_at: int = 0

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> Sequence[Entry]:
        """Read as the ledger does: what each invocation begins with."""
        self.recorded.append(set())
        try:
            return list(self.ledger.read(sequence_range, seconds_left))
        except Exception:
            self.outages.noticed()
            raise

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Write as the ledger does."""
        pairs = {entry.pair for entry in entries if entry.settled}
        try:
            self.ledger.write(sequence_range, entries, seconds_left)
        except Exception:
            with suppress(Exception):  # it is not there at all, and then it was not written
                self.recorded[-1] |= pairs & {
                    entry.pair for entry in self.direct.read(sequence_range, unlimited) if entry.settled
                }
            raise
        self.recorded[-1] |= pairs

    def forget(self) -> None:
        """Take note that all is lost that was recorded up to this invocation."""
        self.forgot_at = len(self.recorded)


@dataclass(slots=True)
class WatchedDeadLetters:
    """A place for dead letters, and how often a letter was sent to it without an answer."""

    dead_letters: DeadLetters
    unanswered: Counter[Key] = field(default_factory=Counter[Key])

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Send as the place does."""
        try:
            return self.dead_letters.send(letters, seconds_left)
        except Exception:
            self.unanswered.update(letter.pair for letter in letters)
            raise
