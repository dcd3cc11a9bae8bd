"""Descriptions of deliveries: their needs of an event source mapping, and their stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from streamfn.dead_letters._protocol import DeadLetters
    from streamfn.ledgers._protocol import Ledger


@dataclass(frozen=True, slots=True)
class MappingNeeds:
    """The part of a delivery that Lambda's settings can defeat.

    `partial_answers`: answers name the records that have to come again. `remembers`: the delivery has a ledger.
    `puts_aside`: a record that cannot succeed becomes a dead letter, at the latest once `patience` has passed since its
    first failure. `drops`: a failure of a handler does not come again. `folds`: the function keeps the state of a
    tumbling window.
    """

    partial_answers: bool
    remembers: bool = False
    puts_aside: bool = False
    drops: bool = False
    patience: timedelta = timedelta()
    folds: bool = False


STRICTEST: Final = MappingNeeds(
    partial_answers=True, remembers=True, puts_aside=True, patience=timedelta(hours=2)
)
"""The needs of `retry` with a ledger, dead letters and its own defaults."""


@dataclass(frozen=True, slots=True)
class DeliveryDescription:
    """A delivery's `name`, its stores, its `scope`, and the `attempts` after which it gives a record up.

    `attempts` is None for a delivery that gives no record up. `scope` is None for the name of the function.
    """

    name: str
    ledger: Ledger | None = None
    dead_letters: DeadLetters | None = None
    scope: str | None = None
    attempts: int | None = None


@runtime_checkable
class Described(Protocol):
    """A delivery that describes itself, as those of this library do."""

    @property
    def needs(self) -> MappingNeeds:
        """The delivery's needs of the event source mapping."""
        ...

    def describe(self) -> DeliveryDescription:
        """Return the delivery's name and its stores."""
        ...


def needs_of(delivery: object) -> MappingNeeds:
    """Return the needs of a delivery; a user's own delivery has the strictest.

    >>> from streamfn import acknowledge
    >>> needs_of(acknowledge()).drops, needs_of("a delivery of a user's own") == STRICTEST
    (True, True)
    """
    return delivery.needs if isinstance(delivery, Described) else STRICTEST


def description_of(delivery: object) -> DeliveryDescription:
    """Return the description of a delivery; a user's own has the name of its type, and unknown stores.

    >>> from streamfn import retry
    >>> description_of(retry()).name, description_of("a delivery of a user's own").name
    ('retry', 'str')
    """
    return (
        delivery.describe()
        if isinstance(delivery, Described)
        else DeliveryDescription(type(delivery).__name__)
    )
