"""Deliveries describe themselves to whoever draws, checks, simulates or redrives them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamfn import Delivery, Failed, acknowledge, retry
from streamfn._delivery.descriptions import DeliveryDescription, description_of
from streamfn._delivery.plain import Process
from streamfn._records import Record
from streamfn._time import AlarmClock, Deadline
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger

LEDGER, LETTERS = MemoryLedger(), MemoryDeadLetters()


class Own:
    """A delivery that knows of no descriptions."""

    def deliver(
        self, records: Sequence[Record], process: Process[object], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("delivery", "described"),
    [
        (acknowledge(), DeliveryDescription("acknowledge")),
        (retry(), DeliveryDescription("retry")),
        (retry(whole_batch=True), DeliveryDescription("retry")),
        (retry(ledger=LEDGER, max_attempts=3), DeliveryDescription("retry", LEDGER)),
        (
            retry(ledger=LEDGER, dead_letters=LETTERS, scope="cards", max_attempts=3),
            DeliveryDescription("retry", LEDGER, LETTERS, "cards", 3),
        ),
        (Own(), DeliveryDescription("Own")),
    ],
)
def test_each_delivery_names_itself_its_stores_and_its_limit(
    delivery: Delivery[object], described: DeliveryDescription
) -> None:
    assert description_of(delivery) == described
