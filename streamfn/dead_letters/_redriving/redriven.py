"""What became of a letter or a document in a redrive."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar

from streamfn._clients import named
from streamfn._failures import Failed, HeldBack, LedgerUnavailable, OutOfTime, Reason, Unwanted
from streamfn._ledger import Pair
from streamfn._texts import shown
from streamfn.dead_letters._sources import Received

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

Outcome: TypeAlias = Literal[
    "handled",
    "skipped",
    "failed",
    "held back",
    "out of time",
    "not wanted",
    "unknown handler",
    "another function",
    "another stream",
    "unproved",
    "unreadable",
    "forgotten",
    "unreachable",
    "ambiguous",
    "ledger unavailable",
]
"""What became of a pair::

    handled              the handler succeeded now
    skipped              the ledger says that it had succeeded already, or nothing is left to do
    failed               it failed again
    held back            not started: an earlier record of its item has yet to succeed
    out of time          not started: time was up
    not wanted           its `where` does not want the record, or it is no longer for records of this kind
    unknown handler      the pipeline has no handler of this name
    another function     it is of a function that was not asked for
    another stream       it is of a stream that the function does not follow
    unproved             neither the ledger nor a signature says that the function wrote the letter
    ledger unavailable   the ledger could not be read

    ambiguous            another letter has the same id, and another record

Some are said of a document as a whole, or of a truncated letter::

    unreadable           neither a letter of a known version nor a document that Lambda wrote of a DynamoDB stream, or a
                         letter without a record and without the place of one
    another stream       the function does not follow the stream that the document is about
    forgotten            the stream no longer has the records that the document or the letter is about
    unreachable          the stream could not be read
    ambiguous            nobody knows which records of the range were in the batch
"""

_log: Final = logging.getLogger("streamfn")


@dataclass(frozen=True, slots=True)
class Redriven(Generic[E_co]):
    """What became of a pair in a redrive; its `repr` shows identifiers alone.

    `name` is what the letter or document goes by in its source: a message's id, an object's key. `pair` is the
    handler and the record, the handler empty for a record that reaches none; None where there was no telling.
    `failed` is the failure, where there was one, and `detail` says more of other outcomes. `removed` says
    whether the source has given it up: a document goes when none of its pairs is open any more, so that what
    was `handled` may still be in one that stays.
    """

    name: str
    pair: Pair | None
    outcome: Outcome
    failed: Failed[E_co] | None = None
    detail: str = ""
    removed: bool = False


def outcome_of(reason: Reason[object]) -> Outcome:
    """Say in a word what a failure's reason comes to."""
    match reason:
        case HeldBack():
            return "held back"
        case OutOfTime():
            return "out of time"
        case Unwanted():
            return "not wanted"
        case LedgerUnavailable():
            return "ledger unavailable"
        case _:
            return "failed"


def concluded(
    received: Received, redriven: Sequence[Redriven[E]], done: Collection[Outcome]
) -> list[Redriven[E]]:
    """Remove what was received if all that came of it is `done`, and say whether it is gone.

    Where it cannot be removed, that is logged: the next redrive will find all of it settled.
    """
    if any(each.outcome not in done for each in redriven):
        return list(redriven)
    try:
        received.remove()
    except Exception as error:  # noqa: BLE001 (whatever it is, the others go on)
        _log.error("%s is done with, and was not removed: %s", shown(received.name), named(error))
        return list(redriven)
    return [replace(each, removed=True) for each in redriven]
