"""Ledgers: the protocol, entries, and the ledger that a test keeps in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, overload

from typing_extensions import override

from streamfn._records import Record, flattened, is_one_change, magnitude
from streamfn._time import SecondsLeft

# What a ledger is asked and told: how far each handler has come with each record of a stretch of a stream.
#
# A *pair* is a handler and a record. An entry says that a pair is settled, or that it is still open and what
# became of it so far. Entries are facts that only add up: a ledger keeps all of them until the stream has
# forgotten their records, and whoever reads several of one pair takes what `merged` makes of them. So a ledger
# needs no locks, and writing the same entry twice does no harm.

State: TypeAlias = Literal["handled", "dead", "dropped", "open"]
"""How far a pair has come: all but `open` are settled, and a settled pair never runs again.

`dead` is a pair that became a dead letter, `dropped` one that was open and that nothing wants any more: see `Unwanted`.
"""

_RANK: Final[dict[State, int]] = {"open": 0, "dropped": 1, "dead": 2, "handled": 3}


_LONGEST: Final = 1_000
"""How many characters an identifier may have that records go by."""


class Pair(NamedTuple):
    """A handler's name, empty for a record that reached no handler, and a record's identity."""

    handler: str
    record: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a pair.

    Of one that is open: how many `attempts` failed, `since` when, and the name of the last `reason`. A failure
    together with others in a chunk is no attempt. `alone` says that it failed as a chunk of its own, or that it was
    running with others when time was up, and is to be tried alone. `letter` is the digest of the record in the dead
    letter of one that is dead, in hexadecimal: a redrive runs no other record for it. Older entries have none.
    """

    pair: Pair
    state: State
    attempts: int = 0
    since: datetime | None = None
    reason: str = ""
    alone: bool = False
    letter: str = ""

    @property
    def settled(self) -> bool:
        """Whether the pair never runs again."""
        return self.state != "open"


class Waiting(Sequence[Entry]):
    """Entries, and behind them those of pairs that are open for one reason, which are made when somebody asks.

    `waiting` has the handlers for each record. Who knows the class can go by that, and needs no entry of them.
    """

    __slots__ = ("_all", "_length", "entries", "reason", "waiting")

    def __init__(self, entries: Sequence[Entry], waiting: Mapping[str, tuple[str, ...]], reason: str) -> None:
        """Take entries, the handlers that wait for each record, and the reason why."""
        self.entries = entries
        self.waiting = waiting
        self.reason = reason
        self._length = len(entries) + sum(map(len, waiting.values()))
        self._all: list[Entry] = []

    @override
    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...

    @override
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if not self._all:  # kept, because a ledger of a user's own takes slice after slice
            self._all = list(self)
        return self._all[index]

    @override
    def __iter__(self) -> Iterator[Entry]:
        yield from self.entries
        for record, handlers in self.waiting.items():
            for handler in handlers:
                yield Entry(Pair(handler, record), "open", reason=self.reason)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a stream, from the `lowest` to the `highest` sequence number of a batch.

    `scope` tells apart the functions that share a ledger. `stream` is the stream's ARN, or empty where the
    records name none. Sequence numbers are decimal text of any length.

    `records` are the identities of all records of the batch, or empty where they are not known. Other shards and
    lanes write between the same numbers: a ledger may use the identities to leave out the entries of their records.
    They are no part of what makes two stretches equal.
    """

    scope: str
    stream: str
    lowest: str
    highest: str
    records: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def meets(self, other: Stretch) -> bool:
        """Whether a record could lie in both."""
        return (
            (self.scope, self.stream) == (other.scope, other.stream)
            and magnitude(self.lowest) <= magnitude(other.highest)
            and magnitude(other.lowest) <= magnitude(self.highest)
        )


class Ledger(Protocol):
    """Keeps entries for at least as long as a stream keeps records, which is 24 hours.

    Whatever a method raises, the ledger counts as unavailable for the invocation. Both may be called from
    several threads at once, `write` also from an alarm while a handler runs. A ledger that several processes share
    says so with an attribute ``needs_scope = True``: functions without a scope are then refused, and a process notes in
    it what it begins, for others to find if it dies. The entries of a note have records that begin with ``process-``.
    """

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Return every entry that was written for a stretch which meets this one; of one pair there may be several.

        Where the stretch names its records, the entries of other records may be left out. All that was written before,
        by whomever, has to be there: a read is consistent.
        """
        ...

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Keep entries of records of this stretch, beside all that is there. Some may be kept where it fails."""
        ...


NOTE: Final = "process-"
"""How the record of a pair begins that is no record's, but the note of a process: its name, a slash, an identity."""


_NOTED: Final = re.compile(rf"{NOTE}([0-9a-f]+\.[0-9]+|passed-[0-9]+)/")


def is_note(pair: Pair) -> bool:
    """Whether a pair is the note of a process that begins with something, and not how far a handler has come.

    An `eventID` that was made up may begin like one.

    >>> is_note(Pair("", "process-5f.1/id-1")), is_note(Pair("announce", "process-1"))
    (True, False)
    """
    return pair.record.startswith(NOTE) and _NOTED.match(pair.record) is not None


def record_meant(pair: Pair) -> str:
    """Name the record that a pair is about, which a note names behind a slash.

    >>> record_meant(Pair("announce", "id-1")), record_meant(Pair("announce", "process-5f.1/id-1"))
    ('id-1', 'id-1')
    """
    return pair.record.partition("/")[2] if is_note(pair) else pair.record


def records_of(entries: Sequence[Entry]) -> set[str]:
    """Name the records that entries are about."""
    if isinstance(entries, Waiting):
        return records_of(entries.entries) | entries.waiting.keys()
    return {record_meant(entry.pair) for entry in entries}


def merged(entries: Iterable[Entry]) -> dict[Pair, Entry]:
    """Put together what is known of each pair: settled counts more than open, and the most attempts count.

    >>> pair = Pair("announce", "id-1")
    >>> merged([Entry(pair, "handled"), Entry(pair, "open", attempts=2)])[pair].state
    'handled'
    """
    known: dict[Pair, Entry] = {}
    for entry in entries:
        before = known.get(entry.pair)
        known[entry.pair] = entry if before is None else _joined(before, entry)
    return known


def _joined(one: Entry, other: Entry) -> Entry:
    # The reason comes in so that the order in which entries are read does not count.
    more = max(one, other, key=lambda entry: (_RANK[entry.state], entry.attempts, entry.reason, entry.letter))
    moments = [entry.since for entry in (one, other) if entry.since is not None]
    return replace(more, since=min(moments, default=None), alone=one.alone or other.alone)


def identity_of(record: Record) -> str:
    """Name a record so that it has the same name in every delivery: by its `event_id`, or else by what it has.

    An entry that bears no identifier at all goes by a digest of what it is, and so does one whose identifier is too
    long for a ledger and for the name of a letter, as none of AWS is.
    """
    if (identity := record.event_id) is not None:
        return identity if len(identity) <= _LONGEST else _digest(identity)
    if record.sequence_number is not None:
        return f"sequence-number-{record.sequence_number}"
    raw = record.raw
    try:
        content = json.dumps(raw, sort_keys=True, default=repr)
    except (RecursionError, TypeError, ValueError):  # too deep, or nothing that JSON could hold
        content = "\n".join(flattened(raw))
    return _digest(content)


def _digest(content: str) -> str:
    from hashlib import sha256  # here, because few need it and each cold start would pay

    return f"sha256-{sha256(content.encode(errors='surrogatepass')).hexdigest()}"


def namesakes_among(records: Sequence[Record]) -> tuple[Record, Record] | None:
    """Find two records that differ and go by one name, so that whoever goes by names takes one for the other.

    AWS gives no two changes one `eventID`; sample events and fixtures do. A change that stands twice in a batch is no
    such thing.

    >>> from streamfn._records import record_of
    >>> change = {"eventID": "1", "eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"N": "1"}}}}
    >>> other = change | {"dynamodb": {"Keys": {"id": {"N": "2"}}}}
    >>> namesakes_among([record_of(change, 0), record_of(change, 1)])
    >>> namesakes_among([record_of(change, 0), record_of(other, 1)])
    (StreamRecord(REMOVE, ..., event_id='1', ...), StreamRecord(REMOVE, ..., event_id='1', ...))
    """
    if len({record.event_id for record in records}) == len(records):  # as AWS sends them
        return None
    known: dict[str, Record] = {}
    for record in records:
        first = known.setdefault(identity_of(record), record)
        if first is not record and not is_one_change(first, record):
            return first, record
    return None


def pair_of(handler: str | None, record: Record) -> Pair:
    """Name a pair by its handler, None or empty for a record that reached none, and its record."""
    return Pair(handler or "", identity_of(record))


def stretch_of(scope: str, records: Sequence[Record]) -> Stretch:
    """Find the stretch of a batch; records without a number do not stretch it."""
    numbers = [number for record in records if (number := record.sequence_number) is not None] or ["0"]
    arns = (record.event_source_arn for record in records)
    stream = next((arn for arn in arns if arn is not None), "")
    numbers.sort(key=magnitude)  # which they are nearly always
    return Stretch(scope, stream, numbers[0], numbers[-1], tuple(map(identity_of, records)))


# A ledger in memory: for tests, and for whatever lives in one process.


class MemoryLedger:
    """Keeps entries for as long as it exists itself.

    >>> from streamfn.ledgers import Entry, Pair, Stretch
    >>> from streamfn._time import no_end
    >>> ledger, stretch = MemoryLedger(), Stretch("follow-cards", "", "100", "199")
    >>> ledger.write(stretch, [Entry(Pair("announce", "id-1"), "handled")], no_end)
    >>> [entry.state for entry in ledger.read(Stretch("follow-cards", "", "150", "250"), no_end)]
    ['handled']
    >>> ledger.read(Stretch("another-function", "", "150", "250"), no_end)
    []
    """

    def __init__(self) -> None:
        """Begin with no entry."""
        self._written: list[tuple[Stretch, tuple[Entry, ...]]] = []
        self._lock = Lock()

    def read(self, stretch: Stretch, _: SecondsLeft, /) -> list[Entry]:
        """Give every entry that was written for a stretch which meets this one."""
        with self._lock:
            return [
                entry for written, entries in self._written if written.meets(stretch) for entry in entries
            ]

    def write(self, stretch: Stretch, entries: Sequence[Entry], _: SecondsLeft, /) -> None:
        """Keep entries."""
        with self._lock:
            self._written.append((stretch, tuple(entries)))
