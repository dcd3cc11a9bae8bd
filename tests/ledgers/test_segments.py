"""Entries in items and back: nothing is lost, no item is too large, and what cannot be read is not passed over."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfn.ledgers import Entry, Key, SequenceRange, UnreadableSegment
from streamfn.ledgers._items import pack_entries, sortable, unpack_entries
from tests.ledgers.entries import ARN, entries, names
from tests.ledgers.tables import NOW, MemoryTable, Time, key_of, log_on, size

RANGE = SequenceRange("follow-cards", ARN, "100000000000000000001", "100000000000000000999")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def unpacked(written: Sequence[Entry]) -> list[Entry]:
    """Pack entries, each item small enough, and unpack them."""
    items = pack_entries("partition", RANGE, written, NOW)
    assert all(size(item) < 400_000 for item in items)
    return [entry for item in items for entry in unpack_entries(item)]


def identities(number: int) -> list[str]:
    """Make identities like those of DynamoDB Streams: 32 digits at random."""
    random = Random(number)  # noqa: S311 (the same in every run)
    return [f"{random.getrandbits(128):032x}" for _ in range(number)]


@given(st.lists(entries(names, names)))
def test_whatever_is_packed_is_unpacked(written: list[Entry]) -> None:
    assert Counter(unpacked(written)) == Counter(written)


@given(st.lists(entries(st.sampled_from(["announce", "back_up"]), st.sampled_from("abc")), min_size=4))
def test_entries_of_the_same_pair_are_all_kept(written: list[Entry]) -> None:
    assert Counter(unpacked(written)) == Counter(written)


def test_a_moment_is_kept_whatever_its_time_zone() -> None:
    since = datetime(2026, 1, 1, 12, 0, 0, 123, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    (entry,) = unpacked([Entry(Key("announce", "id-1"), "open", 1, since)])
    assert entry.since == since


def test_many_entries_go_into_several_items() -> None:
    written = [
        Entry(Key(handler, identity), "open", place % 7, NOON + timedelta(microseconds=place * 977), "Raised")
        for place, identity in enumerate(identities(10_000))
        for handler in ("announce", "back_up", "index")
    ]
    assert len(pack_entries("partition", RANGE, written, NOW)) > 1
    assert Counter(unpacked(written)) == Counter(written)


def test_no_item_is_too_large_even_where_nothing_can_be_compressed() -> None:
    random = Random(1)  # noqa: S311 (the same in every run)
    texts = ["".join(chr(random.randrange(0xD800)) for _ in range(40_000)) for _ in range(12)]
    written = [Entry(Key(handler, record), "dead") for handler, record in pairwise(texts)]
    assert Counter(unpacked(written)) == Counter(written)


def test_an_entry_that_no_item_could_hold_is_refused_without_its_text() -> None:
    entry = Entry(Key("announce", "secret" * 100_000), "handled")
    table, time = MemoryTable(), Time()
    with pytest.raises(
        ValueError, match=r"^an entry has \d+ bytes, more than an item of the ledger can hold$"
    ):
        log_on(table, time).write(RANGE, [entry], time.seconds_left)
    assert table.batches == []


def test_a_handler_costs_little_more_than_the_records_it_is_about() -> None:
    """Of a run of a thousand records and three handlers, of which one failed for all: under ten bytes an entry."""
    states = (("announce", "handled"), ("back_up", "handled"), ("index", "open"))
    written = [
        Entry(Key(handler, identity), "handled" if state == "handled" else "open", 1, NOON, "Refused")
        for identity in identities(1_000)
        for handler, state in states
    ]
    (item,) = pack_entries("partition", RANGE, written, NOW)
    assert size(item) < 10 * len(written)


@given(*[st.integers(0, 10**6) | st.integers(0, 10**128 - 1)] * 2)
def test_texts_of_numbers_are_in_the_order_of_numbers(one: int, other: int) -> None:
    places = sortable(str(one)), sortable(f"0{other}")
    assert (places[0] < places[1], places[0] == places[1]) == (one < other, one == other)


def group(**fact: object) -> object:
    """Make the JSON of one entry, changed."""
    whole = {"handler": "secret", "state": "open", "attempts": 1, "since": None, "reason": "", "alone": False}
    return [[[list((whole | fact).values())], ["secret"]]]


def packed(told: object, form: int = 1) -> bytes:
    """Pack JSON as entries are."""
    return bytes([form]) + zlib.compress(json.dumps(told).encode())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"B": packed([], form=2)}, "its form is 2, and this version of streamfn knows 1 alone"),
        ({"B": b""}, "it is damaged"),
        ({"B": b"\x01secret"}, "it is damaged"),
        ({"B": packed(group())[:-1]}, "it is damaged"),
        ({"B": packed(group())[:20] + b"\x00" + packed(group())[21:]}, "it is damaged"),
        ({"B": b"\x01" + zlib.compress(b"secret")}, "it is damaged"),
        ({"B": b"\x01" + zlib.compress(b"\xff")}, "it is damaged"),
        ({"B": packed({"secret": 1})}, "it is damaged"),
        ({"B": packed(None)}, "it is damaged"),
        ({"B": packed([[[["secret"]], ["secret"]]])}, "it is damaged"),
        ({"B": packed(group(state="secret"))}, "it is damaged"),
        ({"B": packed(group(state=[]))}, "it is damaged"),
        ({"B": packed(group(since="secret"))}, "it is damaged"),
        ({"B": packed(group(since=1))}, "it is damaged"),
        ({"S": "secret"}, "it is damaged"),
        ({"B": "secret"}, "it is damaged"),
    ],
)
def test_an_item_that_cannot_be_read_is_named_and_its_content_is_not(
    value: dict[str, object], problem: str
) -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, [Entry(Key("secret", "secret"), "handled")], time.seconds_left)
    table.damage(entries=value)
    with pytest.raises(UnreadableSegment) as raised:
        ledger.read(RANGE, time.seconds_left)
    (item,) = table.of_kind("entries")
    stream, segment = key_of(item)
    assert str(raised.value) == f"the segment {segment} of {stream} cannot be read: {problem}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_one_damaged_item_among_others_is_not_passed_over() -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, [Entry(Key("announce", "id-1"), "handled")], time.seconds_left)
    table.damage(entries={"B": b""})
    ledger.write(RANGE, [Entry(Key("announce", "id-2"), "handled")], time.seconds_left)
    with pytest.raises(UnreadableSegment):
        ledger.read(RANGE, time.seconds_left)
