"""The delivery that remembers: what failed comes again to the handler that failed, and to no other."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar

from streamfn._delivery.answers import BatchFailed, fail_whole
from streamfn._delivery.book import Book
from streamfn._delivery.delivery import Process, failures_among
from streamfn._delivery.health import Health
from streamfn._delivery.ledger_gate import ClosedGate, Ground, LedgerGate
from streamfn._delivery.limits import Limits
from streamfn._delivery.notes import entries_of
from streamfn._delivery.outbox import Outbox
from streamfn._delivery.processes import ThisProcess
from streamfn._environment import function_name
from streamfn._execution.deadline import Deadline
from streamfn._failures import Failed
from streamfn._ledger import Entry, Ledger, Stretch, namesakes_among, stretch_of
from streamfn._letters import DeadLetters
from streamfn._misuse import Misuse
from streamfn._records import Record
from streamfn._reports import Report, send, what_raised
from streamfn._time import Clock

E_contra = TypeVar("E_contra", contravariant=True)

Write: TypeAlias = Literal["failures", "always"]
"""When a ledger is written: by runs that leave failures behind, or after each success as well."""

_log: Final = logging.getLogger("streamfn")


@dataclass(frozen=True, slots=True)
class RetryWithLedger(Generic[E_contra]):
    """A delivery that has failed pairs come again, and remembers the others; `retry(ledger=…)` makes it.

    `this_process` is what the ledger knows the process by, None where the ledger ends with the process.
    """

    ledger: Ledger
    dead_letters: DeadLetters | None
    limits: Limits
    write: Write
    scope: str | None
    report: Report[E_contra]
    whole_batch: bool
    this_process: ThisProcess | None = field(default=None, repr=False, compare=False)
    health: Health = field(default_factory=Health, compare=False, repr=False)

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: Clock, /
    ) -> Sequence[Failed[object]]:
        """Run what is not settled, remember what came of it, report failures, and give those that stay open."""
        if not records:
            return []
        if (namesakes := namesakes_among(records)) is not None:
            raise BatchFailed(
                f"two records that differ have one eventID, by which a ledger knows them: {namesakes!r}"
            )
        if self.this_process is not None and not self.this_process.has_looked:
            self._tell_of_the_dead(self.this_process, deadline, clock)
        stretch = stretch_of(scope := self._scope(), records)
        delivery = self
        if len({record.event_source_arn for record in records} - {None}) > 1:
            from streamfn._delivery.streams import parted  # as no mapping sends them

            delivery = replace(self, ledger=parted(self.ledger, scope, records))
        entries = delivery._read(stretch, deadline)  # noqa: SLF001 (its own)
        if entries is None:
            failures = failures_among(process(ClosedGate(deadline)))
            return self._reported(failures, failures, deadline)
        outbox = None if self.dead_letters is None else Outbox(self.dead_letters)
        always = self.write == "always"
        ground = Ground(stretch, delivery.ledger, clock, self.limits, always, len(records), self.health)
        gate = LedgerGate(deadline, ground, Book(entries, self.limits.attempts), outbox)
        with_end = math.isfinite(seconds := deadline.seconds_left())
        call_off = clock.alarm(seconds, gate.time_is_up) if with_end else None
        try:
            if self.this_process is not None:
                gate.begins(records, self.this_process)
            failures = failures_among(process(gate))
            dropped = gate.dropped(records, failures)
            gate.finish()
        except BaseException:  # a handler ends the process, and is to use an attempt up
            gate.process_ends()
            raise
        finally:
            if call_off is not None:
                call_off()
        if self.this_process is not None and not deadline.reached:
            self.this_process.settle_ended(self.ledger, clock.now)
        still_open = [failed for failed in failures if gate.is_open(failed)]
        return self._reported([*failures, *dropped], still_open, deadline)

    def check(self) -> None:
        """Check that the function has a scope here. Fails with `Misuse` if not; see `retry`."""
        self._scope()

    def _reported(
        self, failures: Sequence[Failed[E_contra]], still_open: Sequence[Failed[object]], deadline: Deadline
    ) -> Sequence[Failed[object]]:
        send(self.report, failures, deadline.seconds_for_stores)
        if self.whole_batch:
            fail_whole(still_open)
        return still_open

    def _tell_of_the_dead(self, this_process: ThisProcess, deadline: Deadline, clock: Clock) -> None:
        """Note in the ledger what processes in the place of this one have died of."""
        this_process.looked()
        left = this_process.marks.left(this_process.name)
        try:
            for batch in left:
                self.ledger.write(batch[1], entries_of(batch, clock.now), deadline.seconds_left)
        except Exception as error:  # noqa: BLE001 (whatever it is, the batch goes on)
            _log.error("the ledger could not be told what a process died of: %s", what_raised(error))
        this_process.marks.forget(this_process.name)

    def _read(self, stretch: Stretch, deadline: Deadline) -> list[Entry] | None:
        try:
            return list(self.ledger.read(stretch, deadline.seconds_left))
        except Exception as error:  # noqa: BLE001 (whatever it is, nobody knows what is settled)
            told = "the ledger could not be read, nothing is started: %s"
            _log.error(told, what_raised(error))
            return None

    def _scope(self) -> str:
        """What was given, or else the function's name. Fails with `Misuse` where a shared ledger finds neither."""
        scope = function_name() if self.scope is None else self.scope
        if scope or not is_shared(self.ledger):
            return scope or ""
        raise Misuse(
            "outside of Lambda a function has no name that tells its entries in the ledger from those of others: "
            'name it, as in retry(ledger=…, scope="cards-worker"), or set AWS_LAMBDA_FUNCTION_NAME to act for one'
        )


def is_shared(ledger: Ledger) -> bool:
    """Whether a ledger says that several processes share it, so that it outlives this one."""
    return getattr(ledger, "needs_scope", False) is True
