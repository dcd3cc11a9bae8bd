"""The items of a ledger's table: keys and table definition, and segments of packed entries."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias, cast, get_args
from urllib.parse import quote
from uuid import uuid4

from streamfn._aws import LedgerTableClient
from streamfn._records import Image, KeyAttribute, sequence_order
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, State, Waiting

if TYPE_CHECKING:
    from streamfn._aws import LedgerDefinition


# The table of a ledger: its attributes, the form of its keys, and its creation.
#
# The table has three kinds of items, and all expire:
#
# - *Segments*, the entries that one write added for one range of a stream. Each batch has a partition of its own for
#   them, so that readers of other records do not read them, and many batches can be written at once. Segments are
#   added, and are never changed; a process deletes its note of a batch once that has ended with a write.
# - *Index items*, one for each batch: its lowest and highest number, its records' fingerprints, and its partition.
#   They are sorted by the highest number, in a partition for each group of widths: see `streamfn.ledgers._index`.
# - *Marks* of a directory, one for each class of widths and day: the highest number in the index. A batch without
#   entries reads only these.
#
# Earlier versions wrote all segments of a scope and stream into one partition, sorted by their highest number. The
# marks lie in that partition, behind all numbers, so that one Query finds both.

STREAM: Final = "stream"
SEGMENT: Final = "segment"
LOWEST: Final = "lowest"
ENTRIES: Final = "entries"
RECORDS: Final = "records"
"""The attribute of an index item with the fingerprints of the batch's records."""
REACHES: Final = "highest"
"""The attribute of a mark with the place of the highest number of a class of widths."""
EXPIRES_AT: Final = "expires_at"

LIFETIME: Final = timedelta(hours=48)
"""The lifetime of a segment, counted from its writing: twice as long as a stream keeps its records."""


MARK: Final = "~"
"""The begin of a mark's sort key, behind all digits. A mark has this as its lowest number as well, so that earlier
versions take it for a segment that begins after the end of their range, and skip it.
"""


def ledger_definition(table_name: str) -> LedgerDefinition:
    """Describe the table as boto3's ``create_table`` and ``update_time_to_live`` take it."""
    from streamfn._aws import LedgerDefinition, table_request, time_to_live_request

    keys = (KeyAttribute(STREAM, "S"), KeyAttribute(SEGMENT, "S"))
    return LedgerDefinition(
        create_table=table_request(table_name, keys),
        update_time_to_live=time_to_live_request(table_name, EXPIRES_AT),
    )


def create(table_name: str, client: LedgerTableClient) -> None:
    """Create the table, wait for it, and enable the expiry of its items. Raises the exceptions of the client."""
    definition = ledger_definition(table_name)
    client.create_table(**definition.create_table)
    client.get_waiter("table_exists").wait(TableName=table_name)
    client.update_time_to_live(**definition.update_time_to_live)


def partition_key(sequence_range: SequenceRange) -> str:
    """Join scope and stream into a text that is unique for each combination.

    >>> partition_key(SequenceRange("follow/cards", "arn:aws:dynamodb:…:table/prod-Card/stream/…", "1", "2"))
    'follow%2Fcards/arn:aws:dynamodb:%E2%80%A6:table/prod-Card/stream/%E2%80%A6'
    """
    scope = quote(sequence_range.scope, safe="", errors="surrogatepass")
    return f"{scope}/{quote(sequence_range.stream, safe=':/', errors='surrogatepass')}"


def batch_partition(sequence_range: SequenceRange, digest: str) -> str:
    """Name the partition for the segments of a batch; a number sign is in no other part of a partition key."""
    return f"{partition_key(sequence_range)}#{digest}"


def index_partition(sequence_range: SequenceRange, group: int) -> str:
    """Name the partition of an index. Each of its items pays for the name, so the stream is in it by its digest."""
    scope = quote(sequence_range.scope, safe="", errors="surrogatepass")
    return f"{scope}/#{digest_of(sequence_range.stream)}.{group}"


def digest_of(*texts: str) -> str:
    """Return a short unique name of texts: 96 bits of their SHA-256, as sixteen characters."""
    # Imported here, because few batches need these modules: a batch without failures and later writes does not.
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    return urlsafe_b64encode(sha256(json.dumps(texts).encode()).digest()[:12]).decode()


def sortable(number: str) -> str:
    """Write a sequence number so that texts are in the order of numbers: its length in three digits, then its digits.

    >>> sortable("9"), sortable("010"), sortable("0")
    ('0019', '00210', '000')
    >>> sortable("9") < sortable("010")
    True
    """
    length, digits = sequence_order(number)
    return f"{length:03}{digits}"


def new_sort_key(sequence_range: SequenceRange) -> str:
    """Return a new unique sort key for entries of a range."""
    return f"{sortable(sequence_range.highest)}.{sortable(sequence_range.lowest)}.{uuid4().hex}"


# Segments: entries packed into a table's items, and unpacked again.
#
# The attribute `entries` is one byte with the form, followed by JSON compressed by zlib. Form 1 is a list of groups:
# ``[[fact, …], [record, …]]`` says that each of these facts holds for each of these records, and a fact is ``[handler,
# state, attempts, since, reason, alone]``, the fields of an entry. After a run most records have the same facts, so
# that each costs little more than its name. The digest of a letter follows the reason, so that versions without
# digests read the entry all the same.

SEGMENT_FORM: Final = 1
"""The version of the packed form. A reader refuses a version that it does not know."""

MAX_SEGMENT_BYTES: Final = 350_000
"""How large the JSON of an item gets before it is compressed.

DynamoDB takes items of up to 400 KB with all their names and values ("Quotas in Amazon DynamoDB", Developer
Guide). zlib makes nothing longer by more than a thousandth, and keys have 3 KB at most.
"""

_MUCH: Final = 16_384
"""From this many bytes on, time counts for more than some write units: an alarm writes entries for all records of a
batch.
"""

_FAST: Final = 1
_SMALL: Final = 6
"""Levels of zlib."""

_LETTER: Final = " letter-sha256:"
"""The text between a reason, which is the name of a class, and a digest."""

_STATES: Final[Mapping[str, State]] = {state: state for state in get_args(State)}

_Fact: TypeAlias = tuple[str, str, int, str | None, str, bool]
_Groups: TypeAlias = list[tuple[tuple[_Fact, ...], list[str]]]

_handler: Final = itemgetter(0)


class UnreadableSegment(Exception):
    """Raised for an item of the table that is not this ledger's, or is damaged; names the item, without its content."""


def pack_entries(
    partition: str, sequence_range: SequenceRange, entries: Sequence[Entry], expires_at: int
) -> list[Image]:
    """Pack entries into new items of a partition, each small enough for DynamoDB.

    Raises `ValueError` for an entry whose names alone are too large.
    """
    return [
        {
            STREAM: {"S": partition},
            SEGMENT: {"S": new_sort_key(sequence_range)},
            LOWEST: {"S": sortable(sequence_range.lowest)},
            ENTRIES: {
                "B": bytes([SEGMENT_FORM]) + zlib.compress(text, _FAST if len(text) > _MUCH else _SMALL)
            },
            EXPIRES_AT: {"N": str(expires_at)},
        }
        for text in _texts(_groups(entries))
    ]


def unpack_entries(item: Image) -> list[Entry]:
    """Read the entries of an item. Raises `UnreadableSegment`."""
    try:
        return list(_unpacked(item[ENTRIES]["B"]))
    except _UnknownForm as problem:
        raise UnreadableSegment(f"{item_name(item)} cannot be read: {problem}") from None
    except (LookupError, TypeError, ValueError, zlib.error):
        # The text of these exceptions may quote data.
        raise UnreadableSegment(f"{item_name(item)} cannot be read: it is damaged") from None


class _UnknownForm(Exception):
    """A form that a later version of this library may know."""


def _texts(groups: _Groups) -> Iterator[bytes]:
    """Write groups as JSON; in halves, if it is too much for one item."""
    if not groups:
        return
    text = json.dumps(groups, ensure_ascii=False, separators=(",", ":"))
    # Payloads may hold halves of surrogate pairs, which UTF-8 proper has no bytes for.
    encoded = text.encode(errors="surrogatepass")
    if len(encoded) <= MAX_SEGMENT_BYTES:
        yield encoded
    elif len(groups) == len(groups[0][0]) == len(groups[0][1]) == 1:
        raise ValueError(f"an entry has {len(encoded)} bytes, more than an item of the ledger can hold")
    else:
        for half in _halves(groups):
            yield from _texts(half)


def _halves(groups: _Groups) -> tuple[_Groups, _Groups]:
    """Part groups in two: between groups, or else between the records of one, or else between its facts."""
    if len(groups) > 1:
        middle = len(groups) // 2
        return groups[:middle], groups[middle:]
    ((facts, records),) = groups
    if len(records) > 1:
        middle = len(records) // 2
        return [(facts, records[:middle])], [(facts, records[middle:])]
    middle = len(facts) // 2
    return [(facts[:middle], records)], [(facts[middle:], records)]


def _groups(entries: Sequence[Entry]) -> _Groups:
    """Put records of the same facts together, whichever of their entries comes first."""
    facts: dict[str, list[_Fact]] = {}
    waiting: dict[tuple[str, ...], list[str]] = {}
    reason = ""
    if isinstance(entries, Waiting):
        for record, handlers in entries.waiting.items():
            waiting.setdefault(handlers, []).append(record)
        reason, entries = entries.reason, entries.entries
    for entry in entries:
        (handler, record), since = entry.pair, entry.since
        fact = (
            handler,
            entry.state,
            entry.attempts,
            None if since is None else since.isoformat(),
            f"{entry.reason}{_LETTER}{entry.letter}" if entry.letter else entry.reason,
            entry.alone,
        )
        known = facts.get(record)
        if known is None:
            facts[record] = [fact]
        else:
            known.append(fact)
    groups: dict[tuple[_Fact, ...], list[str]] = {}
    for record, found in sorted(facts.items()):
        found.sort(key=_handler)
        groups.setdefault(tuple(found), []).append(record)
    return [
        *groups.items(),
        *(
            (tuple((handler, "open", 0, None, reason, False) for handler in handlers), records)
            for handlers, records in waiting.items()
        ),
    ]


def _unpacked(packed: object) -> Iterator[Entry]:
    if not isinstance(packed, bytes):
        raise TypeError
    if packed[0] != SEGMENT_FORM:
        raise _UnknownForm(
            f"its form is {packed[0]}, and this version of streamfn knows {SEGMENT_FORM} alone"
        )
    text = zlib.decompress(packed[1:]).decode(errors="surrogatepass")
    # The form describes the JSON, and zlib's checksum proves that it is unchanged.
    groups = cast("list[tuple[list[_Fact], list[str]]]", json.loads(text))
    for facts, records in groups:
        for handler, state, attempts, since, reason, alone in facts:
            moment = None if since is None else datetime.fromisoformat(since)
            name, _, letter = reason.partition(_LETTER)
            for record in records:
                yield Entry(Key(handler, record), _STATES[state], attempts, moment, name, alone, letter)


def item_name(item: Image) -> str:
    """Name an item by its keys."""
    stream, segment = (item[name]["S"] for name in (STREAM, SEGMENT))
    return f"the segment {segment} of {stream}"
