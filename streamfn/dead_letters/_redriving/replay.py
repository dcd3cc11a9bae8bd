"""Running pairs again, outside of any batch of Lambda's."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic

from returns.result import Failure
from typing_extensions import TypeVar

from streamfn._clients import named
from streamfn._delivery.book import Book
from streamfn._delivery.delivery import failures_among
from streamfn._delivery.health import Health
from streamfn._delivery.ledger_gate import Ground
from streamfn._delivery.limits import Limits
from streamfn._execution.deadline import Deadline
from streamfn._failures import Failed
from streamfn._ledger import Entry, Ledger, Pair, Stretch, pair_of
from streamfn._pipeline import Pipeline
from streamfn._records import Record
from streamfn._reports import Report, send
from streamfn._routes import handler_names
from streamfn._time import MACHINE_CLOCK
from streamfn.dead_letters._redriving.gate import Holds, RedriveGate
from streamfn.dead_letters._redriving.trust import Trust

A = TypeVar("A")
E = TypeVar("E")

_log: Final = logging.getLogger("streamfn")

_NO_LIMITS: Final = Limits(0, timedelta(), timedelta())
"""The gate asks for limits where letters are written, and none are."""

_NO_ATTEMPTS: Final = 0
"""A redrive uses up no attempt of the function's own."""


@dataclass(frozen=True, slots=True)
class Replayed(Generic[E]):
    """What came of a run.

    `results` has an entry for each pair that ran, or might have but for its failure, which is None for a
    success. `skipped` are the pairs that were settled before.
    """

    results: Mapping[Pair, Failed[E] | None]
    skipped: Sequence[Pair]


@dataclass(slots=True)
class Replay(Generic[A, E]):
    """What all runs of a redrive have in common.

    `is_over` is set once the ledger could not be read: what has to be kept then may have to come before whatever
    else there is.
    """

    process: Pipeline[A, E]
    ledger: Ledger
    deadline: Deadline
    trust: Trust
    report: Report[E]
    holds: Holds = field(default_factory=Holds)
    is_over: bool = False

    @property
    def handlers(self) -> list[str]:
        """The names of the pipeline's handlers, in their order."""
        return handler_names(self.process.routes)

    def known(self, stretch: Stretch) -> list[Entry] | None:
        """Read what the ledger knows of a stretch; None from when on it could not be read, which is logged."""
        if self.is_over:
            return None
        try:
            return list(self.ledger.read(stretch, self.deadline.seconds_left))
        except Exception as error:  # noqa: BLE001 (whatever it is, nobody knows what is settled)
            _log.error("the ledger could not be read, nothing more is redriven: %s", named(error))
            self.is_over = True
            return None

    def run(
        self,
        stretch: Stretch,
        records: Sequence[Record],
        entries: Iterable[Entry],
        due: Collection[Pair] | None = None,
    ) -> Replayed[E]:
        """Run the pairs of records that are due and that the entries do not say to be settled.

        Each success is written to the ledger at once; where that fails, it is logged.
        """
        book = Book(entries, _NO_ATTEMPTS)
        ground = Ground(
            stretch,
            self.ledger,
            MACHINE_CLOCK,
            _NO_LIMITS,
            writes_always=True,
            records=len(records),
            health=Health(),
        )
        gate = RedriveGate(self.deadline, ground, book, self.holds, due)
        results = self.process.run(records, gate)
        failures = failures_among(results)
        dropped = gate.dropped(records, failures)
        gate.finish()
        send(self.report, [*failures, *dropped], self.deadline.seconds_for_stores)
        found: dict[Pair, Failed[E] | None] = {}
        for result in results:
            if isinstance(result, Failure):
                failed = result.failure()
                found.setdefault(pair_of(failed.handler, failed.record), failed)
            else:
                handled = result.unwrap()
                found.setdefault(pair_of(handled.handler, handled.record), None)
        found |= {pair_of(failed.handler, failed.record): failed for failed in dropped}
        skipped = (pair for pair in dict.fromkeys(gate.expected) if pair not in found and book.settled(pair))
        return Replayed(found, list(skipped))
