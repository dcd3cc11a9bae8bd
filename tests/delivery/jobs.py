"""Jobs that fail where a test wishes, and ledgers and letters that can be looked into."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from returns.result import Failure, Result, Success

from streamfn import Event, Failed, InsertEvent, PartitionKey, Table
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Entry, SequenceRange, is_note
from streamfn.testing import insert_event

START: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Note:
    """An item with several records: its key is `id`, and `text` tells the records apart."""

    id: Annotated[int, PartitionKey]
    text: str


notes: Final = Table("notes", Note)


def written(*texts: str) -> list[InsertEvent[Note]]:
    """Make events of notes: ``a1`` is the first of item ``a``, and its identifier is ``a1``."""
    return [insert_event(Note(ord(text[0]), text), event_id=text) for text in texts]


class Job:
    """A handler that fails on some texts, as often as it is told to, and keeps all that it is called with."""

    def __init__(self, **failures: int) -> None:
        """Fail on each text so many times."""
        self.failures = failures
        self.seen: list[str] = []

    def __call__(self, event: Event[Note]) -> Result[str, str]:
        """Do the job, or fail."""
        text = event.event_id
        self.seen.append(text)
        if self.failures.get(text, 0) > 0:
            self.failures[text] -= 1
            return Failure(text)
        return Success(text)

    def each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Do it for each event of a chunk."""
        return [self(event) for event in events]

    def all(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """Do it for a whole chunk."""
        failures = [result for result in self.each(events) if isinstance(result, Failure)]
        return failures[0] if failures else Success("all")

    def again(self) -> list[str]:
        """Tell what was seen since the last time that somebody asked."""
        seen, self.seen = self.seen, []
        return seen


@dataclass
class WatchedLedger:
    """A ledger that counts what it is asked, but for the notes of processes, and can be told not to answer."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    reads: list[SequenceRange] = field(default_factory=list[SequenceRange])
    writes: list[list[Entry]] = field(default_factory=list[list[Entry]])
    cannot_read: bool = False
    cannot_write: bool = False

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Read, unless it cannot."""
        self.reads.append(sequence_range)
        if self.cannot_read:
            raise ConnectionError("secret")
        return self.ledger.read(sequence_range, seconds_left)

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Write, unless it cannot."""
        if self.cannot_write:
            raise ConnectionError("secret")
        if told := [entry for entry in entries if not is_note(entry.pair)]:
            self.writes.append(told)
        self.ledger.write(sequence_range, entries, seconds_left)

    def told(self) -> list[tuple[str, str, str]]:
        """List what was written, by handler, record and state."""
        return [
            (entry.pair.handler, entry.pair.record, entry.state) for write in self.writes for entry in write
        ]


@dataclass
class Letterbox:
    """A place for dead letters that can be told to refuse some."""

    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    sendings: list[int] = field(default_factory=list[int])
    refused: set[str] = field(default_factory=set[str])
    is_down: bool = False

    def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> Collection[str]:
        """Store letters, but those that are refused."""
        self.sendings.append(len(letters))
        if self.is_down:
            raise ConnectionError("secret")
        stored = [letter for letter in letters if letter.pair.record not in self.refused]
        self.letters += stored
        return {letter.id for letter in stored}

    def told(self) -> list[tuple[str, str, str]]:
        """List what was stored, by handler, record and reason."""
        return [(letter.pair.handler, letter.pair.record, letter.reason) for letter in self.letters]


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = START

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Never ring."""
        raise AssertionError(f"no alarm was expected, least of all in {seconds} s: {ring}")

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def quiet(_: Failed[object]) -> None:
    """Report nothing."""
