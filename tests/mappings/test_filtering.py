"""The filters of a mapping are compared with what handlers want, by records that are made and asked about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import pytest
from returns.result import Result, Success

from streamfn import (
    EpochSeconds,
    Event,
    InsertEvent,
    KeysEvent,
    ModifyEvent,
    PartitionKey,
    Pipeline,
    RemoveEvent,
    Table,
    changed,
    lambda_handler,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    pipeline,
    router,
)
from streamfn.mappings import Finding, check_mapping, filter_criteria
from streamfn.windows import Window, window_handler
from tests.mappings.scripted import FITTING, STREAM, Lambda, mapping

KINESIS: Final = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"


class Status(StrEnum):
    """How far an order has come."""

    OPEN = "open"
    SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Address:
    """A map within an item."""

    city: str
    previous: Address | None


@dataclass(frozen=True, slots=True)
class Order:
    """An item with an attribute of each kind that samples are made of."""

    id: Annotated[int, PartitionKey]
    status: Status
    kind: Literal["order"]
    number: UUID
    at: datetime
    day: date
    address: Address
    lines: list[str]
    pair: tuple[int, Literal[True, 3] | None]
    until: Annotated[datetime, EpochSeconds] | None
    note: str | None = None
    tags: frozenset[str] = frozenset()


orders: Final = Table("prod-Card", Order)


def charge(event: InsertEvent[Order]) -> Result[int, str]:
    """Want inserts."""
    return Success(event.new_image.id)


def renew(event: ModifyEvent[Order]) -> Result[int, str]:
    """Want changes."""
    return Success(event.new_image.id)


def refund(event: RemoveEvent[Order]) -> Result[int, str]:
    """Want removals."""
    return Success(event.old_image.id)


def check(
    process: Pipeline[object, object], *patterns: object, stream: str = STREAM, **settings: object
) -> list[Finding]:
    """Check a mapping with these filters."""
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}
    client = Lambda(
        [mapping(EventSourceArn=stream, FilterCriteria=criteria, **settings)], configuration={"Timeout": 60}
    )
    return check_mapping(client, "follow-cards", lambda_handler(process))


def dropped(process: Pipeline[object, object], *patterns: object, stream: str = STREAM) -> str:
    """Say what filters drop; nothing if they drop nothing."""
    findings = check(process, *patterns, stream=stream)
    assert {"FilterCriteria"} >= {finding.setting for finding in findings}
    return " and ".join(finding.why.rpartition(": ")[2] for finding in findings)


def of_image(**attributes: object) -> Mapping[str, object]:
    """Make a pattern of the new image."""
    return {"dynamodb": {"NewImage": attributes}}


ALL: Final[Pipeline[object, object]] = pipeline(
    orders, on_insert(charge), on_modify(renew), on_remove(refund)
)
NEW: Final[Pipeline[object, object]] = pipeline(orders, on_insert(charge))

COVERED: Final[dict[str, Sequence[object]]] = {
    "absent from maps in lists in a list": [
        of_image(note={"L": {"L": {"M": {"a": {"S": [{"exists": False}]}}}}}),
        {"eventName": ["REMOVE"]},
    ],
    "no filter": [],
    "all kinds": [{"eventName": ["INSERT", "MODIFY", "REMOVE"]}],
    "each kind": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]}],
    "keys are always there": [{"dynamodb": {"Keys": {"id": {"N": [{"exists": True}]}}}}],
    "a required attribute is in one of the images": [
        of_image(status={"S": [{"exists": True}]}),
        {"dynamodb": {"OldImage": {"status": {"S": [{"exists": True}]}}}},
    ],
    "the model has no other kind": [of_image(kind={"S": ["order"]}), {"eventName": ["REMOVE"]}],
    "every status": [of_image(status={"S": ["open", "shipped"]}), {"eventName": ["REMOVE"]}],
    "either of two": [
        {"eventName": ["REMOVE"]},
        of_image(note={"S": [{"exists": True}]}),
        of_image(note={"S": [{"exists": False}]}),
    ],
    "required in a map": [
        {"eventName": ["REMOVE"]},
        of_image(address={"M": {"city": {"S": [{"exists": True}]}}}),
    ],
}


@pytest.mark.parametrize("patterns", COVERED.values(), ids=COVERED)
def test_filters_that_let_all_through_are_not_remarked_upon(patterns: Sequence[object]) -> None:
    assert dropped(ALL, *patterns) == ""


DROPPING: Final[dict[str, tuple[Sequence[object], str]]] = {
    "a kind": ([{"eventName": ["INSERT", "MODIFY"]}], "REMOVE for refund"),
    "a status": (
        [of_image(status={"S": ["open"]}), {"eventName": ["REMOVE"]}],
        "INSERT for charge, MODIFY for renew",
    ),
    "all but some text": (
        [of_image(note={"S": [{"prefix": "a"}]}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "what has a note": (
        [of_image(note={"S": [{"exists": False}]}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "what has none": (
        [of_image(note={"S": [{"exists": True}]}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "keys": (
        [{"dynamodb": {"Keys": {"id": {"N": ["1", "2"]}}}}],
        "INSERT for charge, MODIFY for renew, REMOVE for refund",
    ),
    "what no client removed": (
        [
            {"eventName": ["REMOVE"], "userIdentity": {"type": ["Service"]}},
            {"eventName": ["INSERT", "MODIFY"]},
        ],
        "REMOVE for refund",
    ),
    "in a map": (
        [of_image(address={"M": {"city": {"S": ["Bern"]}}}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "in a map in a map": (
        [
            of_image(address={"M": {"previous": {"M": {"city": {"S": ["Bern"]}}}}}),
            {"eventName": ["REMOVE", "MODIFY"]},
        ],
        "INSERT for charge",
    ),
    "in a list": (
        [of_image(lines={"L": {"S": [{"anything-but": ["a", "b"]}]}}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "a flag in a map": (
        [of_image(address={"M": {"flag": {"BOOL": [True, False]}}}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "in maps in a list that may be empty": (
        [of_image(lines={"L": {"M": {"sku": {"S": ["x"]}}}}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "in a set": (
        [of_image(tags={"SS": ["a"]}), {"eventName": ["REMOVE", "MODIFY"]}],
        "INSERT for charge",
    ),
    "some of each of several": (
        [
            of_image(status={"S": ["open"]}, note={"S": ["a"]}),
            of_image(status={"S": ["shipped"]}, note={"S": ["b"]}),
        ],
        "INSERT for charge, MODIFY for renew, REMOVE for refund",
    ),
    "what is small": (
        [
            {"dynamodb": {"SizeBytes": [{"numeric": [">", 5000]}]}, "eventName": ["INSERT"]},
            {"eventName": ["REMOVE", "MODIFY"]},
        ],
        "INSERT for charge",
    ),
}


@pytest.mark.parametrize(("patterns", "told"), DROPPING.values(), ids=DROPPING)
def test_filters_that_drop_what_is_wanted_are_found(patterns: Sequence[object], told: str) -> None:
    assert dropped(ALL, *patterns) == told


def test_a_finding_says_which_filters_would_do() -> None:
    (finding,) = check(NEW, {"eventName": ["REMOVE"]})
    assert finding == Finding(
        "m-1",
        "FilterCriteria",
        '{"eventName": ["REMOVE"]}',
        '{"eventName":["INSERT"]}',
        "they drop what handlers want, and nothing brings it back: INSERT for charge",
    )
    (finding,) = check(pipeline(orders, on_event(_any)), {"eventName": ["REMOVE", "INSERT"]})
    assert finding.wanted == "none"


def _any(event: Event[Order]) -> Result[str, str]:
    return Success(event.event_id)


SHIPPED: Final = of_image(status={"S": ["shipped"]})


def test_what_a_pattern_or_where_turns_down_may_be_dropped() -> None:
    """Only what a handler would get is wanted."""
    only = Table("prod-Card", Order, pattern=SHIPPED)
    assert dropped(pipeline(only, on_insert(charge)), {"eventName": ["INSERT"], **SHIPPED}) == ""
    noted = pipeline(orders, on_insert(charge, where=lambda event: event.new_image.note is not None))
    with_note = {"eventName": ["INSERT"], **of_image(note={"S": [{"exists": True}]})}
    assert dropped(noted, with_note) == ""
    assert dropped(NEW, with_note) == "INSERT for charge"
    of_status = pipeline(orders, on_modify(renew, where=changed(lambda order: order.status)))
    assert dropped(of_status, {"eventName": ["MODIFY"], **SHIPPED}) == "MODIFY for renew"


def test_a_kind_that_no_pattern_is_for_may_be_dropped() -> None:
    inserts = Table("prod-Card", Order, pattern={"eventName": ["INSERT"]})
    assert dropped(pipeline(inserts, on_insert(charge), on_remove(refund)), {"eventName": ["INSERT"]}) == ""


IN_AN_IMAGE: Final = {"$or": [SHIPPED["dynamodb"], {"OldImage": {"status": {"S": ["shipped"]}}}]}


def test_a_kind_that_goes_with_one_alternative_of_a_pattern_is_wanted() -> None:
    """A removed item has no new image, and the other alternative asks for the old one."""
    either = Table("prod-Card", Order, pattern={"dynamodb": IN_AN_IMAGE})
    process = pipeline(either, on_insert(charge), on_modify(renew), on_remove(refund))
    assert dropped(process, {"eventName": ["INSERT", "MODIFY"]}) == "REMOVE for refund"
    assert dropped(process, SHIPPED) == "MODIFY for renew, REMOVE for refund"
    assert dropped(process, {"dynamodb": IN_AN_IMAGE}) == ""


def test_where_is_asked_of_more_than_the_plainest_values() -> None:
    @dataclass(frozen=True)
    class Bill:
        id: Annotated[int, PartitionKey]
        status: str
        total: int
        paid: bool

    def collect(event: InsertEvent[Bill]) -> Result[int, str]:
        return Success(event.new_image.total)

    bills = Table("prod-Card", Bill)
    for handler in (
        on_insert(collect, where=lambda event: event.new_image.total > 100),
        on_insert(collect, where=lambda event: not event.new_image.paid),
    ):
        assert dropped(pipeline(bills, handler), {"eventName": ["INSERT"], **SHIPPED}) == "INSERT for collect"
        assert dropped(pipeline(bills, handler), {"eventName": ["INSERT"]}) == ""


def test_a_kind_that_is_dropped_altogether_is_wanted_whatever_where_says() -> None:
    """No record that is made may be one that `where` wants; the handler is for some all the same."""
    picky = pipeline(orders, on_insert(charge, where=lambda event: event.new_image.note == "secret"))
    assert dropped(picky, {"eventName": ["MODIFY", "REMOVE"]}) == "INSERT for charge"
    assert dropped(picky, {"eventName": ["INSERT"]}) == ""


def test_a_removed_item_has_no_new_image_that_a_pattern_could_want() -> None:
    only = Table("prod-Card", Order, pattern=SHIPPED)
    assert dropped(pipeline(only, on_insert(charge), on_remove(refund)), {"eventName": ["INSERT"]}) == ""


@pytest.mark.parametrize("process", [ALL, NEW], ids=["all", "inserts"])
@pytest.mark.parametrize("stream", [STREAM, KINESIS], ids=["stream", "kinesis"])
def test_filters_that_were_computed_fit(process: Pipeline[object, object], stream: str) -> None:
    """Those of a table with patterns too, with alternatives in them."""
    cases = [
        process,
        *(
            router(
                pipeline(Table("prod-Card", Order, pattern=pattern), on_insert(charge)),
                pipeline(orders, on_remove(refund)),
            )
            for pattern in (
                SHIPPED,
                {"$or": [SHIPPED, of_image(note={"S": [{"prefix": "a"}]})]},
                {"$or": [{"dynamodb": {"Keys": {"id": {"N": ["1"]}}}}, of_image(tags={"SS": ["x"]})]},
            )
        ),
    ]
    for each in cases:
        criteria = filter_criteria(each, through_kinesis=stream == KINESIS)
        assert (
            dropped(each, *(json.loads(one["Pattern"]) for one in criteria["Filters"]), stream=stream) == ""
        )


def test_filters_of_kinesis_are_of_data() -> None:
    assert (
        dropped(ALL, {"data": {"eventName": ["INSERT"]}}, stream=KINESIS)
        == "MODIFY for renew, REMOVE for refund"
    )
    assert dropped(ALL, {"data": {"tableName": ["prod-Card"]}}, stream=KINESIS) == ""
    assert check(ALL, {"partitionKey": ["1"], "data": {"eventName": ["INSERT"]}}, stream=KINESIS) == []
    for outside in ({"eventName": ["INSERT"]}, {"dynamodb": {"Keys": {"id": {"N": ["1"]}}}}, {"body": ["x"]}):
        (finding,) = check(ALL, outside, stream=KINESIS)
        assert "no entry of Kinesis has a field" in finding.why
        assert "write what is asked of a change within data" in finding.why
    either = {"$or": [{"partitionKey": ["1"]}, {"data": {"eventname": ["INSERT"]}}]}
    (finding,) = check(ALL, either, stream=KINESIS)
    assert "$.$or[1].data.eventname: no record has a field 'eventname' here; write eventName" in finding.why
    (finding, *_) = check(ALL, {"data": {"dynamodb": {"StreamViewType": ["KEYS_ONLY"]}}}, stream=KINESIS)
    assert "no record has a field 'StreamViewType' here" in finding.why


NEVER: Final[dict[str, tuple[object, str]]] = {
    "a name": ({"eventname": ["INSERT"]}, "write eventName"),
    "a kind": ({"eventName": ["insert"]}, 'write "INSERT"'),
    "a key's tag": ({"dynamodb": {"Keys": {"id": {"S": ["1"]}}}}, "the key 'id' is of the type N"),
    "a number": (
        {"dynamodb": {"Keys": {"id": {"N": [{"numeric": ["=", 1]}]}}}},
        "numeric sees JSON numbers alone",
    ),
    "what Kinesis has": ({"tableName": ["prod-Card"]}, "no record has a field 'tableName' here"),
    "what Kinesis has around it": ({"data": {"eventName": ["INSERT"]}}, "leave data out"),
}


@pytest.mark.parametrize(("pattern", "told"), NEVER.values(), ids=NEVER)
def test_a_filter_that_never_matches_is_found(pattern: object, told: str) -> None:
    never, drops = check(NEW, pattern)
    assert (never.mapping, never.setting, never.found) == ("m-1", "FilterCriteria", json.dumps(pattern))
    assert told in never.why
    assert drops.why.endswith(": INSERT for charge")


def test_a_filter_that_never_matches_is_found_without_a_handler_too() -> None:
    criteria = {
        "Filters": [{"Pattern": '{"eventname": ["INSERT"]}'}, {"Pattern": '{"eventName": ["INSERT"]}'}]
    }
    client = Lambda([mapping(FilterCriteria=criteria)], configuration={"Timeout": 60})
    (finding,) = check_mapping(client, "follow-cards")
    assert "write eventName" in finding.why


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{", "the pattern is no JSON"),
        ("[]", "the pattern is no object"),
        (None, "the pattern is no JSON"),
        ('{"eventName": [{"wildcard": "*"}]}', "Lambda's filters have no operator 'wildcard'"),
    ],
)
def test_a_filter_that_cannot_be_judged_is_told(pattern: str | None, told: str) -> None:
    criteria = {"Filters": [{"Pattern": pattern}]}
    client = Lambda([mapping(FilterCriteria=criteria)], configuration={"Timeout": 60})
    (finding,) = check_mapping(client, "follow-cards", lambda_handler(NEW))
    assert finding.wanted == "one that can be judged"
    assert told in finding.why


@pytest.mark.parametrize("criteria", [None, {}, {"Filters": None}, {"Filters": []}, "no object"])
def test_no_filters_are_no_finding(criteria: object) -> None:
    client = Lambda([mapping(FilterCriteria=criteria)], configuration={"Timeout": 60})
    assert [] == check_mapping(client, "follow-cards", lambda_handler(NEW))


@pytest.mark.parametrize(
    ("error", "found"),
    [({"ErrorCode": "KMSAccessDenied", "Message": "no"}, "KMSAccessDenied"), ("odd", "set")],
)
def test_filters_that_lambda_cannot_read_are_found(error: object, found: str) -> None:
    client = Lambda([mapping(FilterCriteriaError=error)], configuration={"Timeout": 60})
    (finding,) = check_mapping(client, "follow-cards")
    assert (finding.setting, finding.found) == ("FilterCriteriaError", found)


def test_models_whose_keys_are_not_marked_are_judged_by_what_is_asked_of_keys() -> None:
    @dataclass(frozen=True)
    class Note:
        pk: str
        text: str

    @dataclass(frozen=True)
    class Key:
        pk: str

    def drop(event: KeysEvent[Key]) -> Result[str, str]:
        return Success(event.keys.pk)

    notes = Table("prod-Card", Note)
    process = pipeline(notes, on_keys(Key, drop))
    assert dropped(process, {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "n#"}]}}}}) == (
        "INSERT for drop, MODIFY for drop, REMOVE for drop"
    )


def test_the_fold_of_a_window_wants_every_change() -> None:
    def count(state: Address, _: Event[Order]) -> Result[Address, str]:
        return Success(state)

    def store(_: Window, __: Address) -> Result[None, str]:
        return Success(None)

    handler = window_handler(orders, count, Address("Bern", None), store)
    criteria = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    of_window = mapping(TumblingWindowInSeconds=300, FilterCriteria=criteria)
    (finding,) = check_mapping(Lambda([of_window], configuration={"Timeout": 60}), "follow-cards", handler)
    assert finding.why.endswith(": MODIFY for count, REMOVE for count")


# Streams and tables


def stream_of(table: str) -> str:
    """Give the ARN of a table's stream."""
    return STREAM.replace("prod-Card", table)


def test_the_stream_of_a_table_that_nobody_handles_is_found() -> None:
    client = Lambda(
        [FITTING, mapping(UUID="m-2", EventSourceArn=stream_of("prod-Deck"))], configuration={"Timeout": 60}
    )
    assert [] == check_mapping(client, "follow-cards")
    (finding,) = check_mapping(client, "follow-cards", lambda_handler(NEW))
    assert (finding.mapping, finding.setting, finding.wanted) == (
        "m-2",
        "EventSourceArn",
        "a stream of prod-Card",
    )


def test_a_table_whose_stream_nobody_reads_is_found() -> None:
    both: Pipeline[object, object] = router(NEW, pipeline(Table("prod-Deck", Order), on_remove(refund)))
    one = Lambda([FITTING], configuration={"Timeout": 60})
    (finding,) = check_mapping(one, "follow-cards", lambda_handler(both))
    assert (finding.mapping, finding.found) == (None, "without a stream of prod-Deck")
    through_kinesis = Lambda(
        [FITTING, mapping(UUID="m-2", EventSourceArn=KINESIS)], configuration={"Timeout": 60}
    )
    assert [] == check_mapping(through_kinesis, "follow-cards", lambda_handler(both))


def test_a_handler_of_ones_own_is_judged_by_its_delivery_alone() -> None:
    class Own:
        delivery: object = None
        margin = lambda_handler(NEW).margin

    client = Lambda([mapping(EventSourceArn=stream_of("prod-Deck"))], configuration={"Timeout": 60})
    assert [] == check_mapping(client, "follow-cards", Own())


@pytest.mark.parametrize(
    ("position", "told"), [("LATEST", "takes minutes"), ("AT_TIMESTAMP", "before that moment")]
)
def test_a_mapping_that_begins_later_than_the_stream_is_found(position: str, told: str) -> None:
    (finding,) = check(ALL, StartingPosition=position)
    assert (finding.setting, finding.found, finding.wanted) == ("StartingPosition", position, "TRIM_HORIZON")
    assert told in finding.why
    assert check(ALL, StartingPosition="TRIM_HORIZON") == []


@pytest.mark.parametrize(
    ("result", "is_found"),
    [
        ("OK", False),
        ("No records processed", False),
        ("PROBLEM: Function call failed", False),
        ("PROBLEM: The role lacks dynamodb:GetRecords", True),
    ],
)
def test_a_mapping_that_cannot_read_is_found(result: str, is_found: bool) -> None:  # noqa: FBT001 (of a table)
    assert is_found == bool(check(ALL, LastProcessingResult=result))
