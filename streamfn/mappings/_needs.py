"""What a delivery needs of Lambda's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from streamfn._delivery.ledger_delivery import RetryWithLedger
from streamfn._delivery.plain_deliveries import Acknowledge, Retry


@dataclass(frozen=True, slots=True)
class Needs:
    """What a delivery does, as far as Lambda's settings can defeat it.

    `partial_answers`: it answers with the records that have to come again. `remembers`: it has a ledger.
    `puts_aside`: it makes dead letters of what cannot succeed, once `patience` has passed since the first
    failure at the latest. `drops`: a failure of a handler is not to come again. `folds`: it keeps the state of a
    tumbling window.
    """

    partial_answers: bool
    remembers: bool
    puts_aside: bool
    drops: bool
    patience: timedelta
    folds: bool = False


FOLDS: Final = Needs(
    partial_answers=False,
    remembers=False,
    puts_aside=False,
    drops=False,
    patience=timedelta(),
    folds=True,
)
"""What the function of a window needs, which answers for whole batches alone."""

STRICTEST: Final = Needs(
    partial_answers=True,
    remembers=True,
    puts_aside=True,
    drops=False,
    patience=timedelta(hours=2),
)
"""What `retry` needs with a ledger, dead letters and its own defaults."""


def needs_of(delivery: object, /) -> Needs:
    """Say what a delivery needs; one of a user's own is taken for the strictest."""
    match delivery:
        case Acknowledge():
            return Needs(
                partial_answers=True, remembers=False, puts_aside=False, drops=True, patience=timedelta()
            )
        case Retry(whole_batch=whole_batch):
            return Needs(
                partial_answers=not whole_batch,
                remembers=False,
                puts_aside=False,
                drops=False,
                patience=timedelta(),
            )
        case RetryWithLedger(whole_batch=whole_batch, dead_letters=dead_letters, limits=limits):
            return Needs(
                partial_answers=not whole_batch,
                remembers=True,
                puts_aside=dead_letters is not None,
                drops=False,
                patience=limits.longest,
            )
        case _:
            return STRICTEST
