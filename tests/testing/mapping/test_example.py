"""A function of your own under the simulator: it survives the death of its process, and you see what is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from returns.result import Result, Success

from streamfn import InsertEvent, PartitionKey, Table, lambda_handler, on_insert, pipeline, retry
from streamfn.ledgers import MemoryLedger
from streamfn.testing import Crash, EventSourceMapping, insert_event


@dataclass(frozen=True, slots=True)
class Order:
    """An item of the table."""

    id: Annotated[int, PartitionKey]
    customer: str


def send_invoice(event: InsertEvent[Order]) -> Result[str, str]:
    """Do the work that must not be lost."""
    return Success(f"invoice {event.new_image.id} for {event.new_image.customer}")


process = pipeline(Table("prod-Order", Order), on_insert(send_invoice))
handler = lambda_handler(process, retry(ledger=MemoryLedger()))


def test_each_order_gets_its_invoice_though_the_process_dies() -> None:
    orders = [insert_event(Order(number, "ann"), event_id=f"order-{number}") for number in (1, 2, 3)]
    mapping = EventSourceMapping(handler, faults=[Crash(invocation=1, after_calls=1)])
    history = mapping.deliver(*orders)
    assert [each.error for each in history.invocations] == ["ProcessDied", None], history
    assert history.discarded == []
    # The first invoice was sent, and nobody lived to tell the ledger: it is the only one that is sent again.
    assert history.successes("send_invoice") == {"order-1": 2, "order-2": 1, "order-3": 1}
