"""What was reported of patterns: each report by the smallest input that shows it, with the right outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from returns.result import Failure, Result, Success

from streamfn import (
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
