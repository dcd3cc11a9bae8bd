"""Tables with a pattern: the entities of a single-table design, told apart before anything is made of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Result, Success

from streamfn import (
    ConfigurationError,
    Handler,
    InsertEvent,
    KeysEvent,
    PartitionKey,
    Pipeline,
    RemoveEvent,
    Table,
    concurrent,
    lambda_handler,
    on_insert,
    on_keys,
    on_remove,
    pipeline,
    router,
)
from streamfn._tables import compiled_table
from streamfn.testing import values
from tests.cards import Json, event, record


@dataclass(frozen=True, slots=True)
class Invoice:
    """One kind of item."""

    title: Annotated[str, PartitionKey]
    total: int


@dataclass(frozen=True, slots=True)
class Customer:
    """Another kind."""

    title: Annotated[str, PartitionKey]
    name: str


@dataclass(frozen=True, slots=True)
class Key:
    """What both are found by."""

    title: str


def of_kind(*kinds: str) -> Mapping[str, object]:
    """Ask for the text of one attribute."""
    return {"dynamodb": {"NewImage": {"kind": {"S": list(kinds)}}}}


invoices: Final = Table("prod-Card", Invoice, pattern=of_kind("invoice", "credit"))
customers: Final = Table("prod-Card", Customer, pattern=of_kind("customer"))
everything: Final = Table("prod-Card", Key)


def bill(event: InsertEvent[Invoice]) -> Result[str, None]:
    """Handle invoices alone."""
    return Success(f"billed {event.new_image.total}")


def greet(event: InsertEvent[Customer]) -> Result[str, None]:
    """Handle customers alone."""
    return Success(f"greeted {event.new_image.name}")


def count(event: KeysEvent[Key]) -> Result[str, None]:
    """Handle whatever there is."""
    return Success(f"counted {event.keys.title}")


def put(entity: str | None, **attributes: object) -> Json:
    """Make the record of an item that comes into the table."""
    image: Json = {"title": {"S": "hello"}, **attributes}
    if entity is not None:
        image["kind"] = {"S": entity}
    return record(change={"NewImage": image, "Keys": {"title": {"S": "hello"}}})


RECORDS: Final = [
    put("invoice", total={"N": "7"}),
    put("customer", name={"S": "ada"}),
    put("credit", total={"N": "-7"}),
    put("letter"),
    put(None),
]

single_table: Final = router(
    pipeline(invoices, on_insert(bill)),
    pipeline(customers, on_insert(greet)),
    pipeline(everything, on_keys(Key, count)),
)


def test_each_entity_goes_to_its_handlers() -> None:
    """In the order of the records, and of the handlers as declared; what no pattern wants is no failure."""
    assert values(single_table(event(*RECORDS))) == [
        "billed 7",
        "counted hello",
        "greeted ada",
        "counted hello",
        "billed -7",
        "counted hello",
        "counted hello",
        "counted hello",
    ]


def test_what_no_pattern_matches_has_no_result() -> None:
    process = router(pipeline(invoices, on_insert(bill)), pipeline(customers, on_insert(greet)))
    assert values(process(event(*RECORDS))) == ["billed 7", "greeted ada", "billed -7"]
    assert [] == process(event(put("letter"), put(None), record(event_name="REMOVE")))


def test_an_image_that_does_not_match_need_not_fit() -> None:
    """It is not structured: a customer is no broken invoice."""
    assert [] == pipeline(invoices, on_insert(bill))(event(put("customer", total={"S": "none"})))


@pytest.mark.parametrize(
    "pattern",
    [
        {"dynamodb": {"NewImage": {"total": {"N": [{"exists": True}]}}}},
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": [{"prefix": "invoice"}]}}}},
        {"$or": [of_kind("invoice"), {"dynamodb": {"Keys": {"title": {"S": ["none"]}}}}]},
    ],
    ids=["exists", "prefix", "or"],
)
def test_patterns_may_be_of_any_form(pattern: Mapping[str, object]) -> None:
    """And may differ in it from one table to the next."""
    process: Pipeline[str, None] = router(
        pipeline(Table("prod-Card", Invoice, pattern=pattern), on_insert(bill)),
        pipeline(customers, on_insert(greet)),
    )
    found = values(process(event(RECORDS[0], RECORDS[1])))
    assert found == ["billed 7", "greeted ada"]


def test_patterns_of_different_attributes_may_both_match() -> None:
    of_title = Table("prod-Card", Key, pattern={"dynamodb": {"Keys": {"title": {"S": ["hello"]}}}})
    process = router(pipeline(invoices, on_insert(bill)), pipeline(of_title, on_keys(Key, count)))
    assert values(process(event(*RECORDS[:2]))) == ["billed 7", "counted hello", "counted hello"]


def test_a_list_in_the_place_of_text_is_judged_as_lambda_does() -> None:
    """DynamoDB writes none, and a pattern matches if one of its elements does."""
    odd = put(None, kind={"S": ["letter", "invoice"]}, total={"N": "7"})
    assert values(pipeline(invoices, on_insert(bill))(event(odd))) == ["billed 7"]


@pytest.mark.parametrize("run", [single_table, router(single_table)], ids=["in series", "again in series"])
def test_lambda_gets_the_same_as_a_test(run: Pipeline[str, None]) -> None:
    assert {"batchItemFailures": []} == lambda_handler(run)(event(*RECORDS), None)


def test_removed_items_can_be_told_by_their_old_images() -> None:
    def bury(event: RemoveEvent[Invoice]) -> Result[str, None]:
        return Success(f"buried {event.old_image.total}")

    old = Table("prod-Card", Invoice, pattern={"dynamodb": {"OldImage": {"kind": {"S": ["invoice"]}}}})
    image = {"title": {"S": "a"}, "kind": {"S": "invoice"}, "total": {"N": "1"}}
    gone = record(event_name="REMOVE", change={"OldImage": image})
    process = pipeline(old, on_remove(bury), strategy=concurrent(workers=2))
    assert values(process(event(gone, RECORDS[0]))) == ["buried 1"]


KINDS: Final = st.sampled_from(
    [{"S": "invoice"}, {"S": "customer"}, {"S": ["customer", "x"]}, {"N": "1"}, {}, None]
)


@given(st.lists(KINDS, max_size=5))
def test_records_go_past_the_handlers_whose_patterns_match(kinds: list[Json | None]) -> None:
    """Whatever way the patterns are asked in."""
    tables = [
        Table("prod-Card", Key, pattern=pattern)
        for pattern in (of_kind("invoice"), of_kind("customer", "invoice"), of_kind("x"))
    ]

    def handler(number: int) -> Handler[object, int, None]:
        def handle(_: KeysEvent[Key]) -> Result[int, None]:
            return Success(number)

        return on_keys(Key, handle, name=str(number))

    one, two, three = (pipeline(table, handler(number)) for number, table in enumerate(tables))
    raw = [put(None, **({} if kind is None else {"kind": kind})) for kind in kinds]
    expected = [
        number
        for each in raw
        for number, table in enumerate(tables)
        if (matcher := compiled_table(table).matcher) is not None and matcher(each)
    ]
    assert values(router(one, two, three)(event(*raw))) == expected


def test_what_no_pattern_can_judge_is_not_lost() -> None:
    """No stream has a record that is nested so deep; if one came, it would reach whoever might want it."""
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    odd = put(None, kind=deep, total={"N": "7"})
    one = pipeline(invoices, on_insert(bill))
    two = router(one, pipeline(customers, on_insert(greet)))
    assert values(one(event(odd))) == ["billed 7"]
    assert "billed 7" in [each.unwrap().value for each in two(event(odd)) if isinstance(each, Success)]


def test_a_pattern_that_lambda_would_refuse_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"pattern, at \$\.eventName"):
        Table("prod-Card", Invoice, pattern={"eventName": "INSERT"})
