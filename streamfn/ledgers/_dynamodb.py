"""The ledger in a DynamoDB table: open notes, waits and limits, the log of segments, and `DynamoDBLedger`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from threading import Lock
from time import sleep, time
from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import TypeVar, override

from streamfn._aws import (
    Backoff,
    LazyClient,
    LedgerClient,
    LedgerTableClient,
    Sleep,
    function_name,
    make_dynamodb,
    retry_reason,
)
from streamfn._errors import checked_ledger_name, error_code
from streamfn._records import Image
from streamfn._time import SecondsLeft
from streamfn.ledgers._index import (
    REGISTERED_FOR,
    BatchCache,
    Directory,
    IndexMarks,
    Question,
    classes_beyond,
    group_of,
    index_item,
    is_mark,
    marks_of,
    raising,
    reaches,
    text_attribute,
    window_of,
)
from streamfn.ledgers._items import (
    LIFETIME,
    LOWEST,
    MARK,
    SEGMENT,
    STREAM,
    batch_partition,
    create,
    index_partition,
    ledger_definition,
    pack_entries,
    partition_key,
    sortable,
    unpack_entries,
)
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, Waiting, is_note

if TYPE_CHECKING:
    from streamfn._aws import LedgerDefinition


# The notes of batches that this process has written, which are deleted once they have ended.

_MOST_KEYS: Final = 64
"""The number of notes that are remembered. A forgotten note is settled by an entry, like a note of another process."""


def is_of_batch(entry: Entry) -> bool:
    """Return whether an entry is the note of a batch, which names a process and no handler."""
    return not entry.pair.handler and is_note(entry.pair)


class OpenNotes:
    """Remembers the item of each note; other invocations would read the item until it expires."""

    def __init__(self) -> None:
        self._keys: dict[Key, Image] = {}
        self._lock = Lock()

    def put(self, entries: Sequence[Entry], items: Sequence[Image]) -> None:
        """Remember the item of open notes, which is one: each note names a process and a record."""
        key = {name: items[0][name] for name in (STREAM, SEGMENT)}
        with self._lock:
            for entry in entries:
                if not entry.settled:
                    self._keys[entry.pair] = key
            while len(self._keys) > _MOST_KEYS:
                del self._keys[next(iter(self._keys))]

    def ended(self, entries: Sequence[Entry]) -> dict[Key, Image]:
        """Return the settled notes among entries, whose items have no use any more."""
        if not self._keys:  # as in nearly every run
            return {}
        told = entries.entries if isinstance(entries, Waiting) else entries
        settled = {entry.pair for entry in told if entry.settled and is_of_batch(entry)}
        with self._lock:
            kept = [key for pair, key in self._keys.items() if pair not in settled]
            return {pair: key for pair, key in self._keys.items() if pair in settled and key not in kept}

    def taken(self, ended: Mapping[Key, Image]) -> None:
        """Forget notes that have been taken away."""
        with self._lock:
            for pair in ended:
                self._keys.pop(pair, None)


def without(entries: Sequence[Entry], pairs: Mapping[Key, Image]) -> Sequence[Entry]:
    """Return the entries without those of these keys."""
    if not pairs:
        return entries
    if isinstance(entries, Waiting):
        return Waiting(without(entries.entries, pairs), entries.waiting, entries.reason)
    return [entry for entry in entries if entry.pair not in pairs]


# The waits between requests, and the limits of a read or write in time.

T = TypeVar("T")

_SHORTEST: Final = 0.05
_LONGEST: Final = 2.0
_ENOUGH: Final = 60.0
"""The limit for the sum of all waits in seconds, if the time that is left has no limit."""


class LedgerThrottled(Exception):
    """Raised if no time is left for the next request.

    The message has the cause: DynamoDB throttled requests, or the ledger has too much to read for the time that is
    left, and the function needs a longer timeout.
    """


class RequestBackoff:
    """Repeats the requests of one read or one write as long as time is left."""

    def __init__(self, table_name: str, seconds_left: SecondsLeft, wait: Sleep) -> None:
        """Store the name of the ledger's table, the time that is left, and the function that waits."""
        self._table_name = table_name
        self._seconds_left = seconds_left
        self._wait = wait
        self._waits = Backoff(_SHORTEST, _LONGEST)
        self._waited = 0.0
        self._answers = 0
        self._checked = seconds_left()
        self._longest = 0.0

    def ask(self, request: Callable[[], T]) -> T:
        """Repeat a request until it has an answer. Raises `LedgerThrottled` and other exceptions of the request."""
        while True:
            try:
                answer = request()
            except Exception as error:
                reason = retry_reason(error)
                if reason is None:
                    raise
                self.pause(reason)
            else:
                self._answers += 1
                return answer

    def check_time(self) -> None:
        """Check the time before a step of a read: a request, or the unpacking of an item.

        Raises `LedgerThrottled` if no more time is left than the longest step so far has taken, except before the first
        answer.
        """
        left = self._seconds_left()
        if left == inf:
            return
        self._longest = max(self._longest, self._checked - left)
        self._checked = left
        if self._answers and left <= self._longest:
            raise LedgerThrottled(
                f"reading the ledger {self._table_name} takes longer than the time that is left: "
                f"{self._answers} requests were answered, and there are more"
            )

    def pause(self, reason: str) -> None:
        """Wait before the next request.

        Raises `LedgerThrottled` with this reason if no time would be left after the wait.
        """
        seconds = self._waits.next()
        left = self._seconds_left()
        if seconds >= (left if left < inf else _ENOUGH - self._waited):
            raise LedgerThrottled(
                f"DynamoDB turned the ledger {self._table_name} away until time was up: {reason}"
            )
        self._wait(seconds)
        self._checked = self._seconds_left()  # a wait is no step
        self._waited += seconds


# The log of segments: a ledger's requests to its table, repeated if DynamoDB throttles them.

_AT_ONCE: Final = 25
"""The number of items in a BatchWriteItem; the limit of 16 MB holds too, since an item has less than 400 KB."""

_NAMES: Final = {"#stream": STREAM, "#segment": SEGMENT, "#lowest": LOWEST}

_log: Final = logging.getLogger("streamfn")


class SegmentLog:
    """Adds segments to a table and reads them, for the protocol `Ledger`."""

    def __init__(
        self, table_name: str, client: LazyClient[LedgerClient], *, wait: Sleep, now: Callable[[], float]
    ) -> None:
        """Store the table, the function that waits, and the clock in seconds since 1970."""
        self._table_name = table_name
        self._client = client
        self._wait = wait
        self._now = now
        self._directory = Directory()
        self._batches = BatchCache()
        self._open_notes = OpenNotes()
        self._may_update = True

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Return every entry of the segments that overlap a range; see `DynamoDBLedger`."""
        backoff = RequestBackoff(self._table_name, seconds_left, self._wait)
        self._batches.forget(sequence_range)
        partition = partition_key(sequence_range)  # where earlier versions wrote, and where the marks are
        entries: list[Entry] = []
        found: list[Image] = []
        for item in self._segments(partition, sequence_range, backoff, marks=True):
            if is_mark(item):
                found.append(item)
            else:
                entries += _unpacked(item, backoff)
        marks = marks_of(found)
        self._directory.saw(partition, marks)
        for digest in self._indexed(sequence_range, marks, backoff):
            for item in self._segments(batch_partition(sequence_range, digest), sequence_range, backoff):
                entries += _unpacked(item, backoff)
        return entries

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Add entries as new segments; see `DynamoDBLedger`.

        A settled note of a batch deletes the item of the open note, if this process has written that.
        """
        backoff = RequestBackoff(self._table_name, seconds_left, self._wait)
        ended = self._open_notes.ended(entries)
        entries = without(entries, ended)
        taken = list({text_attribute(key, SEGMENT): key for key in ended.values()}.values())
        if entries:
            self._write(sequence_range, entries, taken, backoff, seconds_left)
        elif taken:
            self._put([], backoff, taken)
        self._open_notes.taken(ended)

    def _write(
        self,
        sequence_range: SequenceRange,
        entries: Sequence[Entry],
        taken: Sequence[Image],
        backoff: RequestBackoff,
        seconds_left: SecondsLeft,
    ) -> None:
        now = self._now()
        expires_at = int(now + LIFETIME.total_seconds())
        if all(is_of_batch(entry) for entry in entries):
            # The note of a new process. One item where every read begins is enough, and raises no mark.
            items = pack_entries(partition_key(sequence_range), sequence_range, entries, expires_at)
            self._open_notes.put(entries, items)
            self._put(items, backoff, taken)
            return
        batch = self._batches.of(sequence_range, entries, now)
        items = pack_entries(batch.partition, sequence_range, entries, expires_at)
        if batch.is_indexed(now):
            self._put(items, backoff, taken)
            return
        unanswered: Exception | None = None
        try:
            may_be_found = self._may_be_found(sequence_range, now, backoff)
        except Exception as error:
            if error_code(error) is not None or isinstance(error, LedgerThrottled) or seconds_left() <= 0:
                raise
            # The mark may have been raised, and only the answer lost: then readers find all entries that follow.
            may_be_found, unanswered = True, error
        if not may_be_found:
            self._put(
                pack_entries(partition_key(sequence_range), sequence_range, entries, expires_at),
                backoff,
                taken,
            )
            return
        index = index_item(batch.sequence_range, batch.digest, expires_at + REGISTERED_FOR)
        self._put([index, *items], backoff, taken)
        if unanswered is not None:
            raise unanswered
        batch.indexed_at = now

    def _segments(
        self, partition: str, sequence_range: SequenceRange, backoff: RequestBackoff, *, marks: bool = False
    ) -> Iterator[Image]:
        """Yield the segments of a partition that overlap a range, and the marks, if asked for.

        A segment overlaps a range if it ends after the range's begin, and begins before the range's end. The filter
        passes every item that does not begin after the end, so that an item without a begin is not skipped.
        """
        places = {":lowest": sortable(sequence_range.lowest), ":highest": sortable(sequence_range.highest)}
        return self._items(
            backoff,
            "#stream = :stream AND #segment >= :lowest",
            {":stream": partition, **places, **({":mark": MARK} if marks else {})},
            "NOT #lowest > :highest" + (" OR #lowest = :mark" if marks else ""),
        )

    def _indexed(
        self, sequence_range: SequenceRange, marks: IndexMarks, backoff: RequestBackoff
    ) -> list[str]:
        """Return the digests of batches that may have records of a range."""
        widest = {group_of(digits): digits for digits in sorted(classes_beyond(marks, sequence_range.lowest))}
        question = Question(sequence_range)
        digests: dict[str, None] = {}
        for group, digits in widest.items():
            begin, end = window_of(sequence_range, digits)
            batches = self._items(
                backoff,
                "#stream = :stream AND #segment BETWEEN :begin AND :end",
                {":stream": index_partition(sequence_range, group), ":begin": begin, ":end": end},
            )
            for item in batches:
                if (indexed := question.ask(item)) is None:
                    continue
                digests[indexed.digest] = None
                # The writer of the item may have died before its mark was raised.
                if indexed.leads_until is not None and reaches(marks, indexed.digits, indexed.highest):
                    indexed_at = indexed.leads_until - REGISTERED_FOR - LIFETIME.total_seconds()
                    self._batches.adopt(sequence_range, indexed.digest, indexed_at)
        return list(digests)

    def _items(
        self, backoff: RequestBackoff, condition: str, values: Mapping[str, str], wanted: str | None = None
    ) -> Iterator[Image]:
        """Yield the items of a query, page by page. Raises `LedgerThrottled` if no time is left for the next page."""
        expressions = f"{condition} {wanted}"
        page = partial(
            self._client().query,
            TableName=self._table_name,
            ConsistentRead=True,
            KeyConditionExpression=condition,
            # DynamoDB refuses a name that no expression uses.
            ExpressionAttributeNames={name: of for name, of in _NAMES.items() if name in expressions},
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
        )
        if wanted is not None:
            page = partial(page, FilterExpression=wanted)
        while True:
            backoff.check_time()
            answer = backoff.ask(page)
            yield from answer["Items"]
            if not (last := answer.get("LastEvaluatedKey")):
                return
            page = partial(page, ExclusiveStartKey=last)

    def _may_be_found(self, sequence_range: SequenceRange, now: float, backoff: RequestBackoff) -> bool:
        """Raise the mark of a range's class, if it is too low; return whether it is high enough now.

        A function that was deployed with the permissions of an earlier version may not change items. This ledger then
        writes as that version did, in a form that all versions read.
        """
        mark = self._directory.missing(sequence_range, now)
        if mark is None:
            return True
        if not self._may_update:
            return False
        update = partial(self._client().update_item, TableName=self._table_name, **raising(mark))
        try:
            backoff.ask(update)
        except Exception as error:
            code = error_code(error)
            if code == "AccessDeniedException":
                self._may_update = False
                _log.warning(_NO_UPDATES, self._table_name)
                return False
            if code != "ConditionalCheckFailedException":  # another process has raised the mark
                raise
        self._directory.raised(mark, now)
        return True

    def _put(self, items: Sequence[Image], backoff: RequestBackoff, taken: Sequence[Image] = ()) -> None:
        """Put items, and delete the items of other keys."""
        requests: list[object] = [
            *({"PutRequest": {"Item": item}} for item in items),
            *({"DeleteRequest": {"Key": key}} for key in taken),
        ]
        for start in range(0, len(requests), _AT_ONCE):
            self._add(requests[start : start + _AT_ONCE], backoff)

    def _add(self, requests: Sequence[object], backoff: RequestBackoff) -> None:
        """Send write requests until none is left: DynamoDB may do some, and return the others."""
        while requests:
            write = partial(self._client().batch_write_item, RequestItems={self._table_name: requests})
            undone = backoff.ask(write).get("UnprocessedItems", {})
            requests = [request for those in undone.values() for request in those]
            if requests:
                backoff.pause(f"{len(requests)} items were not written")


_NO_UPDATES: Final = (
    "the function has no permission dynamodb:UpdateItem on the ledger's table %s: add it. Until then the ledger writes "
    "into one partition for the stream, as earlier versions did, and reads become slower the more is written"
)


def _unpacked(item: Image, backoff: RequestBackoff) -> list[Entry]:
    backoff.check_time()
    return unpack_entries(item)


# The ledger in a DynamoDB table, for functions on Lambda, where no memory outlives an invocation.


class DynamoDBLedger:
    """Keeps entries for 48 hours, which is twice as long as a stream keeps records.

    The entries of one run become one new item, or several if they are many, in a partition of their own, and an index
    leads to it. A batch without failures costs one consistent Query and no write. A batch behind other writes costs a
    Query or two more, however many. Entries are never changed, and none is deleted except a process's note of
    its own first batch, so parallel functions and invocations need no locks.

    The function needs the permissions ``dynamodb:Query``, ``dynamodb:BatchWriteItem`` and ``dynamodb:UpdateItem`` on
    the table. Without the last one the ledger writes as earlier versions did: see "Limits of the ledger" in the
    documentation.
    """

    needs_scope: ClassVar[bool] = True
    """The table may be shared, so that functions need a scope in it; see `retry`."""

    def __init__(self, table_name: str, *, client: LedgerClient | None = None) -> None:
        """Name the table, which several functions may share.

        `client` is ``boto3.client("dynamodb")`` with settings of your own; without one, the ledger makes a client that
        gives up within seconds: on Lambda at once, because each batch needs it and the init phase has the full CPU,
        and elsewhere at its first use. Raises `ConfigurationError` for a name that no table has.
        """
        self.table_name: str = checked_ledger_name(table_name)
        the_client: LazyClient[LedgerClient] = LazyClient(make_dynamodb, client)
        if function_name() is not None:
            the_client.prepare()
        self._log = SegmentLog(table_name, the_client, wait=sleep, now=time)

    def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Return every entry that was written for a range that overlaps this one.

        If the range names its records, most entries of other records are left out. Raises `UnreadableSegment` for an
        item that cannot be read, `LedgerThrottled` if DynamoDB throttles the ledger until the time is up or if the time
        is too short to read all, and the other exceptions of the client.
        """
        return self._log.read(sequence_range, seconds_left)

    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        """Store entries.

        Raises `LedgerThrottled` if DynamoDB throttles the ledger until the time is up, `ValueError` for an entry whose
        names have more than 350 KB, and the other exceptions of the client. Some entries may be stored despite an
        exception.
        """
        self._log.write(sequence_range, entries, seconds_left)

    def definition(self) -> LedgerDefinition:
        """Return the arguments of boto3's ``create_table`` and ``update_time_to_live``; billing is by request.

        Both parts are typed as boto3's stubs type the calls.

        >>> [key["AttributeName"] for key in DynamoDBLedger("card-ledger").definition().create_table["KeySchema"]]
        ['stream', 'segment']
        """
        return ledger_definition(self.table_name)

    def create(self, client: LedgerTableClient) -> None:
        """Create the table with ``boto3.client("dynamodb")``, and wait until it can be used.

        For scripts and tests; a stack uses `examples/ledger.template.yaml`. Raises the exceptions of the client, such
        as ``ResourceInUseException`` if there is a table of this name.
        """
        create(self.table_name, client)

    @property
    def location(self) -> str:
        """Name the table, by which ``streamfn graph`` shows the ledger."""
        return self.table_name

    @override
    def __repr__(self) -> str:
        return f"DynamoDBLedger({self.table_name!r})"
