"""Ledgers: the protocol with its entries, the identity of a record, and the ledger in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, overload

from typing_extensions import override

from streamfn._records import Record, flattened, is_one_change, sequence_order
from streamfn._time import SecondsLeft

# The content of a ledger: the progress of each handler with each record of a range of a stream.
#
# A *key* is a handler and a record. An entry says that a key is settled, or that it is still open and how its attempts
# ended. Entries are facts that only add up: a ledger keeps all of them until the stream has dropped their records, and
# a reader of several entries of one key merges them with `merge`. So a ledger needs no locks, and a repeated write of
# an entry does no harm.

State: TypeAlias = Literal["handled", "dead", "dropped", "open"]
"""The progress of a key: all states but `open` are settled, and a settled key never runs again.

`dead` means that a dead letter was stored, `dropped` that an open key is no longer wanted by any handler: see
`Unwanted`.
"""

_RANK: Final[dict[State, int]] = {"open": 0, "dropped": 1, "dead": 2, "handled": 3}


_LONGEST: Final = 1_000
"""The greatest length of an identifier as a record's name, in characters."""


class Key(NamedTuple):
    """A handler's name, empty for a record that reached no handler, and a record's identity."""

    handler: str
    record: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The progress of a key.

    An open entry has the number of failed `attempts`, the time of the first as `since`, and the name of the last
    `reason`. A failure together with others in a chunk is no attempt. `alone` says that the record failed as a chunk
    of its own, or was running with others when the time was up, so that its next attempt is alone. `letter` is the
    digest of the record in the dead letter, in hexadecimal, if the state is `dead`: a redrive runs no other record for
    it. Older entries have none.
    """

    pair: Key
    state: State
    attempts: int = 0
    since: datetime | None = None
    reason: str = ""
    alone: bool = False
    letter: str = ""

    @property
    def settled(self) -> bool:
        """Whether the key never runs again."""
        return self.state != "open"


class Waiting(Sequence[Entry]):
    """Entries, followed by those of keys that are open for one reason, which are made on demand.

    `waiting` has the handlers for each record. A ledger that knows the class can use that, and needs no entry of them.
    """

    __slots__ = ("_all", "_length", "entries", "reason", "waiting")

    def __init__(self, entries: Sequence[Entry], waiting: Mapping[str, tuple[str, ...]], reason: str) -> None:
        """Store entries, the handlers that wait for each record, and the reason."""
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
                yield Entry(Key(handler, record), "open", reason=self.reason)


@dataclass(frozen=True, slots=True)
class SequenceRange:
    """A range of a stream, from the `lowest` to the `highest` sequence number of a batch.

    `scope` separates the functions that share a ledger. `stream` is the stream's ARN, or empty if the records name
    none. Sequence numbers are decimal text of any length.

    `records` are the identities of all records of the batch, or empty if unknown. Other shards and concurrent batches
    write between the same numbers: a ledger may use the identities to leave out the entries of their records. They do
    not count when two ranges are compared.
    """

    scope: str
    stream: str
    lowest: str
    highest: str
    records: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def overlaps(self, other: SequenceRange) -> bool:
        """Return whether a record could lie in both."""
        return (
            (self.scope, self.stream) == (other.scope, other.stream)
            and sequence_order(self.lowest) <= sequence_order(other.highest)
            and sequence_order(other.lowest) <= sequence_order(self.highest)
        )


class Ledger(Protocol):
    """Keeps entries for at least as long as a stream keeps records, which is 24 hours.

    After any exception of a method, the ledger counts as unavailable for the invocation. Several threads may call both
    methods at once, and an alarm may call `write` while a handler runs. A ledger that several processes share has an
    attribute ``needs_scope = True``: functions without a scope are then refused, and a process notes its first batch
    in the ledger, so that others find the note if it dies. The entries of a note have records that begin with
    ``process-``.
    """

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Return every entry that was written for a range that overlaps this one; one key may have several.

        If the range names its records, the entries of other records may be left out. The result contains all earlier
        writes of all processes: a read is consistent.
        """
        ...

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Store entries of records of this range, beside all others. A failed write may have stored some."""
        ...


NOTE: Final = "process-"
"""The beginning of the record of a key that is the note of a process: its name, a slash, an identity."""


_NOTED: Final = re.compile(rf"{NOTE}([0-9a-f]+\.[0-9]+|passed-[0-9]+)/")


def is_note(pair: Key) -> bool:
    """Return whether a key is the note of a process, rather than a handler and a record.

    An invented `eventID` may begin like a note.

    >>> is_note(Key("", "process-5f.1/id-1")), is_note(Key("announce", "process-1"))
    (True, False)
    """
    return pair.record.startswith(NOTE) and _NOTED.match(pair.record) is not None


def record_meant(pair: Key) -> str:
    """Return the record of a key; in a note it stands behind a slash.

    >>> record_meant(Key("announce", "id-1")), record_meant(Key("announce", "process-5f.1/id-1"))
    ('id-1', 'id-1')
    """
    return pair.record.partition("/")[2] if is_note(pair) else pair.record


def records_in_entries(entries: Sequence[Entry]) -> set[str]:
    """Name the records that entries are about."""
    if isinstance(entries, Waiting):
        return records_in_entries(entries.entries) | entries.waiting.keys()
    return {record_meant(entry.pair) for entry in entries}


def merge(entries: Iterable[Entry]) -> dict[Key, Entry]:
    """Merge the entries of each key: settled counts more than open, and the most attempts count.

    >>> pair = Key("announce", "id-1")
    >>> merge([Entry(pair, "handled"), Entry(pair, "open", attempts=2)])[pair].state
    'handled'
    """
    known: dict[Key, Entry] = {}
    for entry in entries:
        before = known.get(entry.pair)
        known[entry.pair] = entry if before is None else _merge_two(before, entry)
    return known


def _merge_two(one: Entry, other: Entry) -> Entry:
    # The reason takes part, so that the order of reading does not matter.
    more = max(one, other, key=lambda entry: (_RANK[entry.state], entry.attempts, entry.reason, entry.letter))
    moments = [entry.since for entry in (one, other) if entry.since is not None]
    return replace(more, since=min(moments, default=None), alone=one.alone or other.alone)


def record_id(record: Record) -> str:
    """Return a name of a record that is the same in every delivery: its `event_id`, or else its sequence number.

    A record without either has a digest of its content as its name, and so has one whose identifier is too long for a
    ledger and for the name of a letter, as none of AWS is.
    """
    if (identity := record.event_id) is not None:
        return identity if len(identity) <= _LONGEST else _digest(identity)
    if record.sequence_number is not None:
        return f"sequence-number-{record.sequence_number}"
    raw = record.raw
    try:
        content = json.dumps(raw, sort_keys=True, default=repr)
    except (RecursionError, TypeError, ValueError):  # too deep, or values that JSON cannot hold
        content = "\n".join(flattened(raw))
    return _digest(content)


def _digest(content: str) -> str:
    from hashlib import sha256  # here, because few need it and each cold start would pay

    return f"sha256-{sha256(content.encode(errors='surrogatepass')).hexdigest()}"


def namesakes_among(records: Sequence[Record]) -> tuple[Record, Record] | None:
    """Return two different records with one name, which would be taken for one another.

    AWS gives no two changes one `eventID`; sample events and fixtures do. A change that stands twice in a batch does
    not count.

    >>> from streamfn._records import parse_record
    >>> change = {"eventID": "1", "eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"N": "1"}}}}
    >>> other = change | {"dynamodb": {"Keys": {"id": {"N": "2"}}}}
    >>> namesakes_among([parse_record(change, 0), parse_record(change, 1)])
    >>> namesakes_among([parse_record(change, 0), parse_record(other, 1)])
    (StreamRecord(REMOVE, ..., event_id='1', ...), StreamRecord(REMOVE, ..., event_id='1', ...))
    """
    if len({record.event_id for record in records}) == len(records):  # as AWS sends them
        return None
    known: dict[str, Record] = {}
    for record in records:
        first = known.setdefault(record_id(record), record)
        if first is not record and not is_one_change(first, record):
            return first, record
    return None


def record_key(handler: str | None, record: Record) -> Key:
    """Return the key of a handler, None or empty for a record that reached none, and a record."""
    return Key(handler or "", record_id(record))


def range_of(scope: str, records: Sequence[Record]) -> SequenceRange:
    """Return the sequence range of a batch; records without a number do not extend it."""
    numbers = [number for record in records if (number := record.sequence_number) is not None] or ["0"]
    arns = (record.event_source_arn for record in records)
    stream = next((arn for arn in arns if arn is not None), "")
    numbers.sort(key=sequence_order)  # which they are nearly always
    return SequenceRange(scope, stream, numbers[0], numbers[-1], tuple(map(record_id, records)))


# The ledger in memory, for tests, and for functions that live in one process.


class MemoryLedger:
    """Keeps entries for as long as the object exists.

    >>> from streamfn.ledgers import Entry, Key, SequenceRange
    >>> from streamfn._time import unlimited
    >>> ledger, sequence_range = MemoryLedger(), SequenceRange("follow-cards", "", "100", "199")
    >>> ledger.write(sequence_range, [Entry(Key("announce", "id-1"), "handled")], unlimited)
    >>> [entry.state for entry in ledger.read(SequenceRange("follow-cards", "", "150", "250"), unlimited)]
    ['handled']
    >>> ledger.read(SequenceRange("another-function", "", "150", "250"), unlimited)
    []
    """

    def __init__(self) -> None:
        self._written: list[tuple[SequenceRange, tuple[Entry, ...]]] = []
        self._lock = Lock()

    def read(self, sequence_range: SequenceRange, _: SecondsLeft, /) -> list[Entry]:
        """Return every entry that was written for a range that overlaps this one."""
        with self._lock:
            return [
                entry
                for written, entries in self._written
                if written.overlaps(sequence_range)
                for entry in entries
            ]

    def write(self, sequence_range: SequenceRange, entries: Sequence[Entry], _: SecondsLeft, /) -> None:
        """Store entries."""
        with self._lock:
            self._written.append((sequence_range, tuple(entries)))
