"""What was reported of patterns: each report by the smallest input that shows it, with the right outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    ConfigurationError,
    Failed,
    InsertEvent,
    PartitionKey,
    RemoveEvent,
    Table,
    Unwanted,
    lambda_handler,
    on_insert,
    on_remove,
    pipeline,
    retry,
)
from streamfn._tables import compiled_table
from streamfn.ledgers import MemoryLedger
from streamfn.testing import insert_event, lambda_event


@dataclass(frozen=True, slots=True)
class Order:
    """An item of the table."""

    id: Annotated[int, PartitionKey]
    status: str = "open"


orders: Final = Table("orders", Order)
shipped: Final = Table("orders", Order, pattern={"dynamodb": {"NewImage": {"status": {"S": ["shipped"]}}}})


def charge(event: InsertEvent[Order]) -> Result[int, str]:
    """Fail, as long as the bank does."""
    return Failure(f"no answer about {event.new_image.id}")


def refund(event: RemoveEvent[Order]) -> Result[int, str]:
    """Handle another kind of change under the same name."""
    return Success(event.old_image.id)


def test_a_failure_that_a_new_pattern_or_kind_no_longer_covers_is_reported() -> None:
    """A deploy between two attempts made the open failure vanish: the batch was answered as handled.

    Now the failure is reported as `Unwanted`, as it is when `where` no longer wants it.
    """
    batch = lambda_event(insert_event(Order(1), table=orders, event_id="1"))
    for deployed in (
        pipeline(shipped, on_insert(charge)),
        pipeline(orders, on_remove(refund, name="charge")),
        pipeline(orders, on_remove(refund)),
    ):
        ledger, reported = MemoryLedger(), list[Failed[str]]()
        delivery = retry(ledger=ledger, report=reported.append)
        before = lambda_handler(pipeline(orders, on_insert(charge)), delivery)
        assert {"batchItemFailures": []} != before(batch, None)
        reported.clear()
        assert {"batchItemFailures": []} == lambda_handler(deployed, delivery)(batch, None)
        assert [("charge", "1", Unwanted())] == [
            (each.handler, each.record.event_id, each.reason) for each in reported
        ]


WRONG: Final[Mapping[str, Mapping[str, object]]] = {
    "$.eventname": {"eventname": ["INSERT"]},
    "$.eventName[0]": {"eventName": ["insert"]},
    "$.dynamodb.Keys.id": {"dynamodb": {"Keys": {"id": [1]}}},
    "$.dynamodb.Keys.id.N[0]": {"dynamodb": {"Keys": {"id": {"N": [{"numeric": [">", 1]}]}}}},
    "$.dynamodb.Keys.id.S": {"dynamodb": {"Keys": {"id": {"S": ["1"]}}}},
    "$.dynamodb.NewImage.paid.BOOL[0]": {"dynamodb": {"NewImage": {"paid": {"BOOL": ["true"]}}}},
    "$.eventSourceARN[0]": {"eventSourceARN": [{"prefix": "arn:aws:dynamodb:eu-west-1:1:table/other/"}]},
    "$.userIdentity.type": {"eventName": ["INSERT"], "userIdentity": {"type": ["Service"]}},
    "$.body": {"body": {"eventName": ["INSERT"]}},
    "$.data": {"data": {"eventName": ["INSERT"]}},
}
"""Patterns that match no record, each with the place where it is wrong."""


def test_a_pattern_that_no_record_can_match_is_refused_with_its_place() -> None:
    """Such a pattern was taken, and every record was passed over without a word.

    Now the table's declaration is refused. What a record can have is taken: an attribute that the model does not know,
    and what a deletion by time to live and a Kinesis stream add.
    """
    for place, pattern in WRONG.items():
        with pytest.raises(ConfigurationError) as refusal:
            Table("orders", Order, pattern=pattern)
        assert str(refusal.value).startswith(f"pattern, at {place}: ")
    for fitting in (
        {"dynamodb": {"NewImage": {"unknown": {"M": {"a.b": {"NS": ["1"]}}}}}},
        {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}},
        {"tableName": ["orders"], "eventName": [{"anything-but": "REMOVE"}]},
        {
            "$or": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}],
            "dynamodb": {
                "$or": [
                    {"NewImage": {"status": {"S": ["open"]}}},
                    {"OldImage": {"status": {"S": ["open"]}}},
                ]
            },
        },
    ):
        assert compiled_table(Table("orders", Order, pattern=fitting)).matcher is not None


def test_case_is_ignored_as_event_ruler_does_it_beyond_the_first_plane() -> None:
    """A character of two halves in Java matched itself here, while Lambda's filter wants two question marks for it.

    Now a table passes over what the filter would drop.
    """
    table = Table(
        "orders",
        Order,
        pattern={"dynamodb": {"NewImage": {"status": {"S": [{"equals-ignore-case": "\U00010428"}]}}}},
    )
    matcher = compiled_table(table).matcher
    assert matcher is not None
    assert [False, False, True] == [
        matcher(insert_event(Order(1, status), table=orders).record.raw)
        for status in ("\U00010428", "\U00010400", "??")
    ]
