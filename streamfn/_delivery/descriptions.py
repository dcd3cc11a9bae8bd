"""Deliveries describe themselves: what they need of an event source mapping, and where they keep what they know."""

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

    `partial_answers`: it answers with the records that have to come again. `remembers`: it has a ledger.
    `puts_aside`: it makes dead letters of what cannot succeed, once `patience` has passed since the first
    failure at the latest. `drops`: a failure of a handler is not to come again. `folds`: it keeps the state of a
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
    """A delivery's `name`, its stores, the `scope` that it was given, and the `attempts` after which it gives up.

    `attempts` is None for a delivery that gives nothing up, and `scope` for one that goes by the function's name.
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
        """What it needs of the event source mapping."""
        ...

    def describe(self) -> DeliveryDescription:
        """Name it, and its stores."""
        ...


def needs_of(delivery: object) -> MappingNeeds:
    """Ask a delivery for its needs; those of a user's own are taken for the strictest.

    >>> from streamfn import acknowledge
    >>> needs_of(acknowledge()).drops, needs_of("a delivery of a user's own") == STRICTEST
    (True, True)
    """
    return delivery.needs if isinstance(delivery, Described) else STRICTEST


def description_of(delivery: object) -> DeliveryDescription:
    """Ask a delivery for its description; a user's own goes by the name of its type, and nobody knows its stores.

    >>> from streamfn import retry
    >>> description_of(retry()).name, description_of("a delivery of a user's own").name
    ('retry', 'str')
    """
    return (
        delivery.describe()
        if isinstance(delivery, Described)
        else DeliveryDescription(type(delivery).__name__)
    )
