"""Entries that nest deeper than Python recurses, or that no store could name: settled as letters like any other."""

from __future__ import annotations

import pytest

from streamfn import BatchFailed, acknowledge, lambda_handler, on_insert, pipeline, retry
from streamfn._payloads import read
from streamfn._records import Record, flattened, is_one_change, is_same
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import namesakes_among, record_id
from tests.cards import Json, record
from tests.delivery.jobs import Job, notes, quiet

DEPTH = 20_000

EQUAL: list[tuple[object, object]] = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1, {"a": []}], [1, {"a": []}]),
    ({1: "x", "1": "y"}, {"1": "y", 1: "x"}),
]
DIFFERENT: list[tuple[object, object]] = [
    ([[1], 2], [[1, 2]]),
    ({"a": "1"}, {"a": 1}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ([[], []], [[[]]]),
    ({}, []),
]


def deep(leaf: object, *, as_list: bool = False) -> object:
    for _ in range(DEPTH):
        leaf = [leaf] if as_list else {"a": leaf}
    return leaf


def only(entry: object) -> Record:
    (found,) = read({"Records": [entry]})
    return found


process = pipeline(notes, on_insert(Job(), name="tell"))


@pytest.mark.parametrize("as_list", [True, False], ids=["lists", "objects"])
def test_an_entry_that_nests_without_end_becomes_a_letter(as_list: bool) -> None:  # noqa: FBT001 (pytest's)
    letters = MemoryDeadLetters()
    delivery = retry(ledger=MemoryLedger(), dead_letters=letters, scope="s", report=quiet)
    entries = [deep("x", as_list=as_list), deep("y", as_list=as_list)]
    handler = lambda_handler(process, delivery)
    assert handler({"Records": entries}, None) == {"batchItemFailures": []}
    assert handler({"Records": entries}, None) == {"batchItemFailures": []}
    assert [(each.reason, each.is_truncated) for each in letters.letters] == [("Malformed", True)] * 2


@pytest.mark.parametrize("ledger", [None, MemoryLedger()], ids=["retry", "ledger"])
def test_where_no_answer_can_name_it_the_batch_fails(ledger: MemoryLedger | None) -> None:
    handler = lambda_handler(process, retry(ledger=ledger, scope="s", report=quiet))
    with pytest.raises(BatchFailed, match="a failed record has no sequence number"):
        handler({"Records": [deep("x")]}, None)


def test_where_failures_are_dropped_it_is_dropped() -> None:
    assert lambda_handler(process, acknowledge(quiet))({"Records": [deep("x")]}, None) == {
        "batchItemFailures": []
    }


def test_it_goes_by_what_it_is_in_each_delivery() -> None:
    identity = record_id(only(deep("x")))
    assert identity == record_id(only(deep("x")))
    assert identity != record_id(only(deep("y")))
    assert identity != record_id(only(deep("x", as_list=True)))


def test_one_that_stands_twice_in_a_batch_is_no_namesake() -> None:
    assert namesakes_among([only(deep("x")), only(deep("x"))]) is None


def test_records_of_one_name_are_compared_however_deep_their_images_are() -> None:
    def with_title(leaf: str) -> Record:
        image: Json = {"id": {"N": "1"}, "title": deep(leaf)}
        return only(record(1, change={"NewImage": image}))

    assert is_one_change(with_title("x"), with_title("x"))
    assert not is_one_change(with_title("x"), with_title("y"))
    assert namesakes_among([with_title("x"), with_title("y")]) is not None


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_what_is_equal_is_told_the_same(one: object, other: object) -> None:
    assert is_same(one, other)
    assert flattened(one) == flattened(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_differs_is_told_otherwise(one: object, other: object) -> None:
    assert not is_same(one, other)
    assert flattened(one) != flattened(other)


def test_what_holds_itself_comes_to_an_end() -> None:
    unending: list[object] = ["x"]
    unending.append(unending)
    assert flattened(unending) == ["[2]", "'x'", "^"]
    assert record_id(only(unending)).startswith("sha256-")


def test_names_of_different_types_do_not_keep_an_entry_from_having_a_name() -> None:
    assert record_id(only({1: "a", "b": "c"})).startswith("sha256-")


def test_an_identifier_that_no_store_could_hold_goes_by_its_digest() -> None:
    long = record_id(only(record(1, eventID="x" * 1_001)))
    assert long == record_id(only(record(2, eventID="x" * 1_001)))
    assert long != record_id(only(record(1, eventID="x" * 1_002)))
    assert len(long) < 100
    assert record_id(only(record(1, eventID="x" * 1_000))) == "x" * 1_000
    assert record_id(only(record(1, eventID="\ud800" * 2_000))).startswith("sha256-")
