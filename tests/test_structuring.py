"""From records to typed events: what every kind of handler gets, and what it gets instead where an image is no use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    KeysEvent,
    MissingImage,
    ModifyEvent,
    PartitionKey,
    Pipeline,
    Problem,
    Reason,
    RemoveEvent,
    StreamRecord,
    StreamViewType,
    Table,
    Undecodable,
    UpsertEvent,
    concurrent,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
    read,
    router,
    structure,
)
from streamfn._records import Image
from streamfn._tables import compiled_table
from streamfn.testing import failures, insert_event, lambda_event, modify_event, remove_event, values
from tests.cards import Card, CardKey, cards, event, record

HELLO, BYE = Card(1, "hello"), Card(1, "hello", owner="ada")
FULL = lambda_event(insert_event(HELLO), modify_event(HELLO, BYE), remove_event(BYE))

ImageName = Literal["NewImage", "OldImage"]
NEW: ImageName = "NewImage"
OLD: ImageName = "OldImage"


def inserted(event: InsertEvent[Card]) -> Result[tuple[Card, ...], None]:
    """Give what the event brings."""
    return Success((event.new_image,))


def modified(event: ModifyEvent[Card]) -> Result[tuple[Card, ...], None]:
    """Give what the event brings."""
    return Success((event.old_image, event.new_image))


def removed(event: RemoveEvent[Card]) -> Result[tuple[Card, ...], None]:
    """Give what the event brings."""
    return Success((event.old_image,))


def upserted(event: UpsertEvent[Card]) -> Result[tuple[Card, ...], None]:
    """Give what the event brings."""
    return Success((event.new_image,))


def happened(event: Event[Card]) -> Result[str, None]:
    """Give what kind of event it is."""
    return Success(type(event).__name__)


def keyed(event: KeysEvent[CardKey]) -> Result[CardKey, None]:
    """Give what the event brings."""
    return Success(event.keys)


def test_each_kind_of_handler_gets_its_events_with_their_images() -> None:
    process = pipeline(
        cards, on_insert(inserted), on_modify(modified), on_remove(removed), on_upsert(upserted)
    )
    assert values(process(FULL)) == [(HELLO,), (HELLO,), (HELLO, BYE), (BYE,), (BYE,)]


def test_on_event_gets_all_three() -> None:
    assert values(pipeline(cards, on_event(happened))(FULL)) == ["InsertEvent", "ModifyEvent", "RemoveEvent"]


def test_on_keys_gets_the_keys_as_their_own_model() -> None:
    process = pipeline(cards, on_keys(CardKey, keyed))
    assert values(process(FULL)) == [CardKey(1, "hello")] * 3


def test_a_handler_for_two_kinds_is_one_function_under_two_registrations() -> None:
    def seen(event: ModifyEvent[Card] | RemoveEvent[Card]) -> Result[Card, None]:
        return Success(event.old_image)

    assert values(pipeline(cards, on_modify(seen), on_remove(seen))(FULL)) == [HELLO, BYE]


@pytest.mark.parametrize(
    ("view_type", "missing"),
    [
        (StreamViewType.NEW_AND_OLD_IMAGES, []),
        (
            StreamViewType.NEW_IMAGE,
            [("modified", OLD), ("removed", OLD), ("happened", OLD)],
        ),
        (
            StreamViewType.OLD_IMAGE,
            [("inserted", NEW), ("modified", NEW), ("upserted", NEW), ("happened", NEW)],
        ),
        (
            StreamViewType.KEYS_ONLY,
            [
                ("inserted", NEW),
                ("modified", OLD),
                ("removed", OLD),
                ("upserted", NEW),
                ("happened", NEW),
                ("happened", OLD),
            ],
        ),
    ],
)
def test_an_image_that_the_view_type_leaves_out_fails_the_handlers_that_need_it(
    view_type: StreamViewType, missing: list[tuple[str, ImageName]]
) -> None:
    """Loud, never None and never a default; the handlers that do without it run."""
    process = pipeline(
        cards,
        on_insert(inserted),
        on_modify(modified),
        on_remove(removed),
        on_upsert(upserted),
        on_event(happened),
        on_keys(CardKey, keyed),
    )
    found = process(
        lambda_event(insert_event(HELLO), modify_event(HELLO, BYE), remove_event(BYE), view_type=view_type)
    )
    expected = {(name, MissingImage(image, view_type)) for name, image in missing}
    assert {(each.handler, each.reason) for each in failures(found)} == expected
    assert len(values(found)) + len(failures(found)) == 11


def test_a_null_image_is_missing() -> None:
    (failed,) = failures(
        pipeline(cards, on_modify(modified))(event(record(1, "MODIFY", change={"OldImage": None})))
    )
    assert failed.reason == MissingImage("OldImage", StreamViewType.NEW_AND_OLD_IMAGES)


def reason_of(process: Pipeline[object, object], raw: object) -> Reason[object]:
    """Process a payload of one record that fails."""
    (failed,) = failures(process(event(raw)))
    return failed.reason


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ({"N": "1"}, "expected S, got N"),
        ({"S": 1}, "expected text in S, got number"),
        ({}, "expected S, got an empty object"),
        ({"N": "1", "S": "x"}, "expected S, got an object of 2 types"),
        ({"X": "1"}, "expected S, got an unknown type"),
        ("text", "expected S, got no object but string"),
        (None, "expected S, got no object but null"),
    ],
)
def test_an_attribute_of_the_wrong_type_is_a_problem_at_its_path(title: object, message: str) -> None:
    image = {"id": {"N": "1"}, "title": title}
    assert reason_of(pipeline(cards, on_insert(inserted)), record(change={"NewImage": image})) == Undecodable(
        (Problem("$.title", message),), "NewImage"
    )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("abc", "expected a number in N, got other text"),
        ("", "expected a number in N, got other text"),
        ("NaN", "expected a number in N, got other text"),
        ("1_000", "expected a number in N, got other text"),
        (" 1", "expected a number in N, got other text"),
        ("1.5", "expected a whole number in N, got a fraction"),
        ("1" * 5000, "expected a number, got 5000 characters"),
        ("1" * 1000 + ".5", "expected a number, got 1002 characters"),
        (1, "expected text in N, got number"),
    ],
)
def test_what_is_no_whole_number_is_refused_for_an_int(number: object, message: str) -> None:
    image = {"id": {"N": number}, "title": {"S": "hello"}}
    reason = reason_of(pipeline(cards, on_insert(inserted)), record(change={"NewImage": image}))
    assert reason == Undecodable((Problem("$.id", message),), "NewImage")


def test_a_number_of_400_digits_is_read_exactly() -> None:
    digits = "123456789" * 44 + "1234"
    image = {"id": {"N": digits}, "title": {"S": "hello"}}
    (card,) = values(pipeline(cards, on_insert(inserted))(event(record(change={"NewImage": image}))))
    assert card == (Card(int(digits), "hello"),)


def test_all_problems_of_an_image_come_at_once() -> None:
    reason = reason_of(
        pipeline(cards, on_insert(inserted)), record(change={"NewImage": {"id": {"S": "x"}, "owner": {}}})
    )
    assert str(reason) == (
        "$.id: expected N, got S; $.title: missing; $.owner: expected an attribute value, got an empty object"
    )


@dataclass(frozen=True, slots=True)
class Tree:
    """An item with a part that says nothing of its type."""

    id: Annotated[int, PartitionKey]
    content: object


trees = Table("prod-Card", Tree)


def shown(event: InsertEvent[Tree]) -> Result[object, None]:
    """Give what came."""
    return Success(event.new_image.content)


@pytest.mark.parametrize("depth", [32, 200])
def test_deep_nesting_is_read(depth: int) -> None:
    """DynamoDB nests 32 levels deep."""
    nested: object = {"N": "1"}
    expected: object = Decimal(1)
    for _ in range(depth):
        nested, expected = {"L": [nested]}, [expected]
    image = {"id": {"N": "1"}, "content": nested}
    assert values(pipeline(trees, on_insert(shown))(event(record(change={"NewImage": image})))) == [expected]


def test_nesting_that_no_item_has_is_a_problem_and_no_traceback() -> None:
    nested: object = {"N": "1"}
    for _ in range(100_000):
        nested = {"L": [nested]}
    image = {"id": {"N": "1"}, "content": nested}
    reason = reason_of(pipeline(trees, on_insert(shown)), record(change={"NewImage": image}))
    assert reason == Undecodable((Problem("$.content", "nested too deeply"),), "NewImage")


@dataclass(slots=True)
class Mutable:
    """An item that handlers could change."""

    id: Annotated[int, PartitionKey]
    tags: list[str]


mutable = Table("prod-Card", Mutable)


def test_no_handler_sees_what_another_did_to_its_image() -> None:
    seen: list[list[str]] = []

    def spoil(event: InsertEvent[Mutable]) -> Result[None, None]:
        seen.append(list(event.new_image.tags))
        event.new_image.tags.append("spoilt")
        return Success(None)

    def spoil_too(event: InsertEvent[Mutable]) -> Result[None, None]:
        return spoil(event)

    process = pipeline(mutable, on_insert(spoil), on_insert(spoil_too))
    process(lambda_event(insert_event(Mutable(1, ["a"]))))
    assert seen == [["a"], ["a"]]


def test_frozen_images_are_structured_once_for_all_handlers() -> None:
    seen: list[Card] = []

    def keep(event: InsertEvent[Card]) -> Result[None, None]:
        seen.append(event.new_image)
        return Success(None)

    def keep_too(event: UpsertEvent[Card]) -> Result[None, None]:
        seen.append(event.new_image)
        return Success(None)

    pipeline(cards, on_insert(keep), on_upsert(keep_too))(lambda_event(insert_event(HELLO)))
    assert seen[0] is seen[1]


def test_keys_are_structured_once_for_all_handlers_of_their_model() -> None:
    seen: list[CardKey] = []

    def keep(event: KeysEvent[CardKey]) -> Result[None, None]:
        seen.append(event.keys)
        return Success(None)

    pipeline(cards, on_keys(CardKey, keep), on_keys(CardKey, keep, name="too"))(
        lambda_event(insert_event(HELLO))
    )
    assert seen == [CardKey(1, "hello")] * 2
    assert seen[0] is seen[1]


def test_strategies_share_what_is_structured() -> None:
    seen: list[Card] = []

    def keep(event: InsertEvent[Card]) -> Result[None, None]:
        seen.append(event.new_image)
        return Success(None)

    process = router(
        pipeline(cards, on_insert(keep)),
        pipeline(cards, on_insert(keep, name="too"), strategy=concurrent(workers=1)),
    )
    process(lambda_event(insert_event(HELLO)))
    assert seen == [HELLO] * 2
    assert seen[0] is seen[1]


def test_an_image_that_does_not_fit_is_looked_at_once_for_all_handlers() -> None:
    process = pipeline(cards, on_insert(inserted), on_upsert(upserted))
    one, two = failures(process(event(record(change={"NewImage": {}}))))
    assert one.reason == two.reason
    assert one.reason is two.reason


def test_what_decode_refuses_and_structure_does_not_fits() -> None:
    """It may refuse a form that is unusual, and is not asked what was wrong."""

    def refuse(_: Image) -> Card:
        raise KeyError

    table = Table("prod-Card", Card)
    compiled_table(table).decode = refuse
    assert values(pipeline(table, on_insert(inserted))(event(record(1)))) == [(HELLO,)]


def test_structure_makes_the_event_of_a_record() -> None:
    (found,) = read(event(record(1, "REMOVE")))
    assert isinstance(found, StreamRecord)
    assert structure(cards, found).unwrap() == RemoveEvent(found, HELLO)


def test_structure_says_what_is_wrong_with_an_image() -> None:
    (found,) = read(event(record(change={"NewImage": {}})))
    assert isinstance(found, StreamRecord)
    assert structure(cards, found).failure() == Undecodable(
        (Problem("$.id", "missing"), Problem("$.title", "missing")), "NewImage"
    )


def test_keys_that_do_not_fit_say_so() -> None:
    reason = reason_of(pipeline(cards, on_keys(CardKey, keyed)), record(change={"Keys": {"id": {"N": "1"}}}))
    assert reason == Undecodable((Problem("$.title", "missing"),), "Keys")


def test_events_show_identifiers_and_no_data() -> None:
    (found,) = read(event(record(7)))
    assert isinstance(found, StreamRecord)
    assert repr(structure(cards, found).unwrap()) == f"InsertEvent({found!r})"
    assert structure(cards, found).unwrap().event_id == "id-7"


def test_events_bring_an_idempotency_key_of_handler_and_change() -> None:
    """The same in every redelivery, and for each handler another."""

    def announce(given: InsertEvent[Card]) -> Result[str, None]:
        return Success(given.idempotency_key)

    def keyed_too(given: KeysEvent[CardKey]) -> Result[str, None]:
        return Success(given.idempotency_key)

    process = pipeline(
        cards, on_insert(announce), on_insert(announce, name="again"), on_keys(CardKey, keyed_too)
    )
    expected = ["announce:id-1", "again:id-1", "keyed_too:id-1"]
    assert [values(process(event(record(1)))) for _ in range(2)] == [expected] * 2


def test_an_event_that_no_pipeline_made_is_known_by_its_change() -> None:
    made = insert_event(Card(1, "hello"), event_id="id-1")
    assert (made.handler, made.idempotency_key) == ("", "id-1")
    assert made == replace(made, handler="announce"), "events compare by what they hold"
