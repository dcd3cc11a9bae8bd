"""Events for tests: the item that was given, and the record that a stream would carry."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, NotRequired, TypedDict

import pytest
from typing_extensions import TypeVar

from streamfn import ConfigurationError, StreamViewType, Table
from streamfn.testing import insert_event, keys_event, modify_event, remove_event, upsert_event
from tests.cards import Card, CardKey
from tests.testing.models import Board, Label, Note, Visit, past_visits

T = TypeVar("T")

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def test_an_insert_carries_the_item_and_its_image() -> None:
    event = insert_event(Card(1, "hello", "ann"))
    record = event.record
    assert event.new_image == Card(1, "hello", "ann")
    assert record.event_name == "INSERT"
    assert record.table_name == "prod-Card"
    assert record.keys == {"id": {"N": "1"}, "title": {"S": "hello"}}
    assert record.new_image == {"id": {"N": "1"}, "title": {"S": "hello"}, "owner": {"S": "ann"}}
    assert record.old_image is None
    assert record.view_type is StreamViewType.NEW_AND_OLD_IMAGES


def test_a_modification_carries_both_images() -> None:
    event = modify_event(Card(1, "hello"), Card(1, "hello", "ann"))
    assert (event.old_image.owner, event.new_image.owner) == (None, "ann")
    assert event.record.event_name == "MODIFY"
    assert event.record.old_image == {"id": {"N": "1"}, "title": {"S": "hello"}}
    assert event.record.new_image == {"id": {"N": "1"}, "title": {"S": "hello"}, "owner": {"S": "ann"}}


def test_an_item_does_not_change_its_keys() -> None:
    """DynamoDB would report a removal and an insert."""
    with pytest.raises(ValueError, match="make a remove_event of the one and an insert_event of the other"):
        modify_event(Card(1, "hello"), Card(2, "hello"))


@pytest.mark.parametrize("expired", [False, True])
def test_a_removal_is_a_clients_or_that_of_the_time_to_live(expired: bool) -> None:  # noqa: FBT001
    event = remove_event(Card(1, "hello"), expired=expired)
    assert event.old_image == Card(1, "hello")
    assert event.expired is expired
    assert event.record.new_image is None
    assert event.record.old_image == {"id": {"N": "1"}, "title": {"S": "hello"}}


def test_events_for_handlers_of_new_images_and_of_keys() -> None:
    assert upsert_event(Card(1, "hello")).new_image == Card(1, "hello")
    event = keys_event(CardKey(1, "hello"), table_name="prod-Card")
    assert (event.keys, event.record.table_name) == (CardKey(1, "hello"), "prod-Card")
    assert event.record.keys["id"] == {"N": "1"}
    assert keys_event(CardKey(1, "hello")).record.table_name == "CardKey"


def test_a_record_is_known_by_what_the_test_says() -> None:
    event = insert_event(Card(1, "hello"), at=MOMENT, event_id="id-7", sequence_number="700")
    record = event.record
    assert (event.event_id, record.sequence_number) == ("id-7", "700")
    assert record.approximate_creation == MOMENT


def test_records_of_which_nothing_is_said_differ_and_ascend() -> None:
    events = [insert_event(Card(1, "hello")) for _ in range(5)]
    numbers = [event.record.sequence_number or "" for event in events]
    assert len({event.event_id for event in events}) == 5
    assert sorted(numbers, key=int) == numbers
    assert {event.record.approximate_creation for event in events} == {datetime(2024, 1, 1, tzinfo=UTC)}


def test_sequence_numbers_grow_in_length() -> None:
    """Or a handler that compares them as text would pass its test."""
    program = (
        "from dataclasses import dataclass\n"
        "from streamfn.testing import insert_event\n"
        "@dataclass\n"
        "class Card:\n"
        "    id: int\n"
        "print(*(len(insert_event(Card(1)).record.sequence_number) for _ in range(4)))\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["20", "20", "21", "21"]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="at= should have a time zone"):
        insert_event(Card(1, "hello"), at=MOMENT.replace(tzinfo=None))


def test_a_value_that_dynamodb_does_not_store_is_refused_by_its_field() -> None:
    with pytest.raises(ValueError, match="version"):
        insert_event(Board("a", 10**40 + 1))


def test_an_item_is_written_as_its_table_writes_it() -> None:
    expiry = datetime(2030, 1, 1, tzinfo=UTC)
    event = insert_event(Board("a", 1, labels=[Label("red", b"\xff")], expires_at=expiry))
    assert event.record.keys == {"PK": {"S": "a"}, "version": {"N": "1"}}
    image = event.record.new_image
    assert image is not None
    assert image["expires_at"] == {"N": str(int(expiry.timestamp()))}
    assert image["labels"] == {"L": [{"M": {"name": {"S": "red"}, "colour": {"B": "/w=="}}}]}


def test_a_model_of_no_table_has_its_name_and_its_first_possible_key() -> None:
    record = insert_event(Note(done=True, id=7, text="milk")).record
    assert (record.table_name, record.keys) == ("Note", {"id": {"N": "7"}})


def test_a_model_of_several_tables_needs_one_named() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Visit is the model of several tables \(prod-PastVisit, prod-Visit\)"
    ):
        insert_event(Visit(1))
    assert insert_event(Visit(1), table=past_visits).record.table_name == "prod-PastVisit"
    assert modify_event(Visit(1), Visit(1), table=past_visits).record.table_name == "prod-PastVisit"
    assert remove_event(Visit(1), table=past_visits).record.table_name == "prod-PastVisit"
    assert upsert_event(Visit(1), table=past_visits).record.table_name == "prod-PastVisit"


@dataclass(frozen=True, slots=True)
class Deed(Generic[T]):
    id: int
    holder: T


@dataclass(frozen=True, slots=True)
class Estate(Deed[int]):
    """A model with a field more."""

    rooms: int = 1


class Guest(TypedDict):
    name: str
    note: NotRequired[str]


deeds = [Table("prod-Deed", Deed[int]), Table("prod-Deed", Deed[str])]


@dataclass(frozen=True, slots=True)
class Host:
    house: str


guests = [Table("prod-Guest", Guest), Table("prod-Guest", Host | Guest)]


def test_only_tables_that_can_write_an_item_count() -> None:
    assert insert_event(Deed(1, "ann")).record.table_name == "prod-Deed"
    with pytest.raises(ValueError, match="holder"):
        insert_event(Deed(1, 10**50 + 1))


def test_a_dict_is_an_item_of_the_typed_dict_whose_keys_it_has() -> None:
    assert insert_event(Guest(name="ann", note="late")).record.table_name == "prod-Guest"
    assert insert_event({"name": "ann", "age": "7"}).record.table_name == "dict"
    assert insert_event({"note": "late"}).record.table_name == "dict"


def test_an_item_with_a_field_more_is_of_no_table() -> None:
    assert insert_event(Estate(1, 2)).record.table_name == "Estate"


def test_keys_are_of_the_table_that_has_their_class_for_its_model() -> None:
    assert keys_event(Label("red", b"")).record.table_name == "Label"
    assert keys_event(Board("a", 1)).record.table_name == insert_event(Board("a", 1)).record.table_name
    assert keys_event(Visit(1)).record.table_name == "Visit"


# What each item has: names in bytes (PK 2, version 7, photo 5, open 4), and PK "a" 1, version 2, photo 0, open 1.
BARE = 2 + 1 + 7 + 2 + 5 + 0 + 4 + 1


@pytest.mark.parametrize(
    ("board", "size"),
    [
        (Board("a", 1), BARE),
        (Board("ä", 1), BARE + 1),
        (Board("a", 1, photo=b"123"), BARE + 3),
        (Board("a", 1, price=Decimal("-12.345")), BARE + 5 + 4),
        (Board("a", 1, members=frozenset({"ann", "bo"})), BARE + 7 + 5),
        (Board("a", 1, votes=frozenset({1, 22})), BARE + 5 + 4),
        (Board("a", 1, digests=frozenset({b"1", b"22"})), BARE + 7 + 3),
        (Board("a", 1, labels=[Label("r", b"1")]), BARE + 6 + 3 + 1 + (3 + 1 + 4 + 1 + 1 + 6 + 1)),
    ],
    ids=["bare", "UTF-8", "binary", "number", "text set", "number set", "binary set", "list of maps"],
)
def test_a_record_is_as_large_as_its_keys_and_images(board: Board, size: int) -> None:
    """3 bytes for a list or map and 1 for each entry; for numbers, 1 for 2 digits and 1 more."""
    keys = 2 + len(board.pk.encode()) + 7 + 2
    assert insert_event(board).record.size_bytes == keys + size
    assert modify_event(board, board).record.size_bytes == keys + 2 * size


def test_a_model_without_any_attribute_that_could_be_a_key() -> None:
    @dataclass(frozen=True)
    class Switch:
        on: bool

    with pytest.raises(
        ConfigurationError,
        match=r"Switch has nothing that could be an item's key: annotate a field with PartitionKey",
    ):
        insert_event(Switch(on=True))
