"""Segments: entries packed into a table's items, and out of them again.

The attribute `entries` is one byte that says the form, and JSON compressed by zlib after it. Its form 1 is a
list of groups: ``[[fact, …], [record, …]]`` says that each of these facts holds of each of these records, and a
fact is ``[handler, state, attempts, since, reason, alone]``, the fields of an entry. After a run most records
have the same facts, so that each costs little more than its name. The digest of a letter follows the reason, so that
versions which know of no digest read the entry all the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias, cast, get_args

from streamfn._ledger import Entry, Pair, State, Stretch
from streamfn._wire import Image
from streamfn.ledgers._table import (
    ENTRIES,
    EXPIRES_AT,
    LOWEST,
    SEGMENT,
    STREAM,
    new_segment,
    partition_of,
    place_of,
)

FORM: Final = 1
"""The form in which entries are packed. A reader refuses a form that it does not know."""

MOST_BYTES: Final = 350_000
"""How large the JSON of an item gets before it is compressed.

DynamoDB takes items of up to 400 KB with all their names and values ("Quotas in Amazon DynamoDB", Developer
Guide). zlib makes nothing longer by more than a thousandth, and keys have 3 KB at most.
"""

_LETTER: Final = " letter-sha256:"
"""What is between a reason, which is the name of a class, and a digest."""

_STATES: Final[Mapping[str, State]] = {state: state for state in get_args(State)}

_Fact: TypeAlias = tuple[str, str, int, str | None, str, bool]


class UnreadableSegment(Exception):
    """Raised where an item of the table is none of this ledger's, or is damaged; says which, and not what is in it."""


def items_of(stretch: Stretch, entries: Sequence[Entry], expires_at: int) -> list[Image]:
    """Pack entries into new items, each small enough for DynamoDB.

    Fails with `ValueError` for an entry whose names alone are too large.
    """
    return [
        {
            STREAM: {"S": partition_of(stretch)},
            SEGMENT: {"S": new_segment(stretch)},
            LOWEST: {"S": place_of(stretch.lowest)},
            ENTRIES: {"B": bytes([FORM]) + zlib.compress(text)},
            EXPIRES_AT: {"N": str(expires_at)},
        }
        for text in _texts(sorted(entries, key=attrgetter("pair.record", "pair.handler")))
    ]


def entries_of(item: Image) -> list[Entry]:
    """Read the entries of an item. Fails with `UnreadableSegment`."""
    try:
        return list(_unpacked(item[ENTRIES]["B"]))
    except _UnknownForm as problem:
        raise UnreadableSegment(f"{_name(item)} cannot be read: {problem}") from None
    except (LookupError, TypeError, ValueError, zlib.error):
        # What they say may quote what they stumbled over.
        raise UnreadableSegment(f"{_name(item)} cannot be read: it is damaged") from None


class _UnknownForm(Exception):
    """A form that a later version of this library may know."""


def _texts(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Write sorted entries as JSON; in halves, if it is too much for one item."""
    if not entries:
        return
    text = json.dumps(_groups(entries), ensure_ascii=False, separators=(",", ":"))
    # Payloads may hold halves of surrogate pairs, which UTF-8 proper has no bytes for.
    encoded = text.encode(errors="surrogatepass")
    if len(encoded) <= MOST_BYTES:
        yield encoded
    elif len(entries) == 1:
        raise ValueError(f"an entry has {len(encoded)} bytes, more than an item of the ledger can hold")
    else:
        middle = len(entries) // 2
        yield from _texts(entries[:middle])
        yield from _texts(entries[middle:])


def _groups(entries: Iterable[Entry]) -> list[tuple[tuple[_Fact, ...], list[str]]]:
    """Put records of the same facts together; the entries of a record are side by side."""
    groups: dict[tuple[_Fact, ...], list[str]] = {}
    for record, found in groupby(entries, key=attrgetter("pair.record")):
        groups.setdefault(tuple(map(_fact, found)), []).append(record)
    return list(groups.items())


def _fact(entry: Entry) -> _Fact:
    since = None if entry.since is None else entry.since.isoformat()
    reason = f"{entry.reason}{_LETTER}{entry.letter}" if entry.letter else entry.reason
    return entry.pair.handler, entry.state, entry.attempts, since, reason, entry.alone


def _unpacked(packed: object) -> Iterator[Entry]:
    if not isinstance(packed, bytes):
        raise TypeError
    if packed[0] != FORM:
        raise _UnknownForm(f"its form is {packed[0]}, and this version of streamfn knows {FORM} alone")
    text = zlib.decompress(packed[1:]).decode(errors="surrogatepass")
    # The form says what the JSON is made of, and zlib's checksum that it is what was written.
    groups = cast("list[tuple[list[_Fact], list[str]]]", json.loads(text))
    for facts, records in groups:
        for handler, state, attempts, since, reason, alone in facts:
            moment = None if since is None else datetime.fromisoformat(since)
            name, _, letter = reason.partition(_LETTER)
            for record in records:
                yield Entry(Pair(handler, record), _STATES[state], attempts, moment, name, alone, letter)


def _name(item: Image) -> str:
    stream, segment = (item[name]["S"] for name in (STREAM, SEGMENT))
    return f"the segment {segment} of {stream}"
