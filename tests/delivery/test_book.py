"""The session of a batch: what waits is entered at once for all, and is the same as if it were entered one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from streamfn._delivery.session import LedgerSession
from streamfn._records import Image
from streamfn.ledgers._items import pack_entries, unpack_entries
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, Waiting, merge

HANDLERS = ("announce", "back_up", "index")
MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
RANGE = SequenceRange("cards", "arn", "1", "9")
names = st.sampled_from(HANDLERS)
pairs = st.builds(Key, names, st.sampled_from("abcd"))
known = st.lists(
    st.builds(
        Entry, pairs, st.sampled_from(["open", "handled"]), st.integers(0, 2), reason=st.just("Refused")
    )
)
expected = st.lists(
    st.tuples(st.sampled_from("abcd"), st.lists(names, unique=True, min_size=1).map(tuple)),
    unique_by=lambda each: each[0],
)


def both(
    entries: list[Entry], waiting: list[tuple[str, tuple[str, ...]]]
) -> tuple[LedgerSession, LedgerSession]:
    at_once, one_by_one = LedgerSession(entries, 5), LedgerSession(entries, 5)
    at_once.all_wait(waiting, "OutOfTime")
    for record, handlers in waiting:
        for handler in handlers:
            one_by_one.add_pending(Key(handler, record), "OutOfTime")
    return at_once, one_by_one


@given(known, expected)
def test_what_waits_at_once_is_what_waits_one_by_one(
    entries: list[Entry], waiting: list[tuple[str, tuple[str, ...]]]
) -> None:
    at_once, one_by_one = both(entries, waiting)
    news = at_once.pending()
    assert merge(news) == merge(one_by_one.pending())
    assert len(news) == len(list(news)) == len(one_by_one.pending())
    for pair in {Key(handler, record) for handler in HANDLERS for record in "abcd"}:
        assert at_once.known(pair) == one_by_one.known(pair)
        assert at_once.settled(pair) == one_by_one.settled(pair)
        assert at_once.settle(pair, "handled") == one_by_one.settle(pair, "handled")
    assert merge(at_once.pending()) == merge(one_by_one.pending())
    at_once.mark_written()
    assert list(at_once.pending()) == []


@given(known, expected)
def test_a_ledger_keeps_what_waits(entries: list[Entry], waiting: list[tuple[str, tuple[str, ...]]]) -> None:
    at_once, _ = both([], waiting)
    for entry in entries:
        at_once.attempted(entry.pair, entry.reason, MOMENT)
    kept: list[Image] = pack_entries("partition", RANGE, at_once.pending(), 1)
    assert merge(each for item in kept for each in unpack_entries(item)) == merge(at_once.pending())


def test_of_two_strategies_each_names_its_handlers_of_a_record() -> None:
    session = LedgerSession([], 5)
    session.all_wait([("a", ("announce",)), ("a", ("index",)), ("b", ("announce",))], "OutOfTime")
    assert [entry.pair for entry in session.pending()] == [
        Key("announce", "a"),
        Key("index", "a"),
        Key("announce", "b"),
    ]


def test_what_was_told_once_is_no_news_however_often_it_waits() -> None:
    session = LedgerSession([], 5)
    session.all_wait([("a", ("announce",))], "OutOfTime")
    session.mark_written()
    session.add_pending(Key("announce", "a"), "OutOfTime")
    assert list(session.pending()) == []
    assert session[Key("announce", "a")] == Entry(Key("announce", "a"), "open", reason="OutOfTime")


def test_entries_of_what_waits_are_a_sequence() -> None:
    first = Entry(Key("announce", "a"), "handled")
    entries = Waiting([first], {"b": ("announce", "index")}, "OutOfTime")
    assert entries[0] == first
    assert entries[-1] == Entry(Key("index", "b"), "open", reason="OutOfTime")
    assert [entry.pair.record for entry in entries[1:]] == ["b", "b"]
    assert first in entries


def test_what_waits_is_packed_without_an_entry_of_each_pair() -> None:
    """An alarm has less than a second of a small function's CPU for tens of thousands of pairs."""

    class Uncounted(Waiting):
        @override
        def __iter__(self) -> Iterator[Entry]:
            raise AssertionError("an entry was made of each pair")

    waiting = {f"{number:032}": HANDLERS for number in range(10_000)}
    items = pack_entries("partition", RANGE, Uncounted([], waiting, "OutOfTime"), 1)
    kept = [entry for item in items for entry in unpack_entries(item)]
    assert merge(kept) == merge(Waiting([], waiting, "OutOfTime"))


def test_one_records_facts_that_are_too_much_for_an_item_are_parted() -> None:
    entries = [Entry(Key("x" * 100_000 + str(number), "a"), "handled") for number in range(5)]
    items = pack_entries("partition", RANGE, entries, 1)
    assert len(items) > 1
    assert [entry for item in items for entry in unpack_entries(item)] == entries


def test_a_ledger_that_takes_slice_after_slice_pays_for_each_entry_once() -> None:
    """A ledger of a user's own writes by twenty-five, say; tens of thousands wait in a large batch."""
    waiting = Waiting([], {str(number): ("announce",) for number in range(100)}, "OutOfTime")
    slices = [waiting[start : start + 25] for start in range(0, len(waiting), 25)]
    assert [entry for part in slices for entry in part] == list(waiting)
    assert waiting[7] is slices[0][7]
