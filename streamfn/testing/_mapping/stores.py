"""The stores of a delivery as a simulated process has them: they fail where a test wishes, and end with the process."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from streamfn._ledger import Entry, Ledger, Stretch
from streamfn._letters import DeadLetter, DeadLetters
from streamfn._time import SecondsLeft
from streamfn.testing._mapping.faults import Fault, HalfWritten, StoreDown
from streamfn.testing._mapping.invocations import Letter, StoreFailure
from streamfn.testing._mapping.probes import Probe


class StoreIsDown(ConnectionError):
    """A store does not answer, as the test wished."""


@dataclass(frozen=True, slots=True)
class UnreliableLedger:
    """A ledger that fails as faults say, and tells a probe of it.

    A dead process can neither read nor write it.
    """

    ledger: Ledger
    faults: Sequence[Fault]
    probe: Probe

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Read as the ledger does."""
        with _told(self.probe, "ledger not read"):
            _fail_if_down(self.faults, "ledger reads")
            return list(self.ledger.read(stretch, seconds_left))

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Write as the ledger does, or half of it."""
        keeps_half = any(isinstance(fault, HalfWritten) for fault in self.faults)
        kept = entries[: len(entries) // 2] if keeps_half else entries
        with _told(self.probe, "ledger not written"):
            _fail_if_down(self.faults, "ledger writes")
            self.ledger.write(stretch, kept, seconds_left)
        if keeps_half:
            self.probe.store_failed("ledger half written")
            raise StoreIsDown("the ledger kept half of it")


@dataclass(frozen=True, slots=True)
class UnreliableDeadLetters:
    """A place for dead letters that fails as faults say, and tells a probe what it stores.

    A dead process cannot send it any.
    """

    dead_letters: DeadLetters
    faults: Sequence[Fault]
    probe: Probe

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Send as the place does."""
        with _told(self.probe, "dead letters not stored"):
            _fail_if_down(self.faults, "dead letters")
            stored = self.dead_letters.send(letters, seconds_left)
        for letter in letters:
            if letter.id in stored:
                self.probe.stored(Letter(*letter.pair, letter.reason))
            else:
                self.probe.store_failed("dead letters not stored")
        return stored


@contextmanager
def _told(probe: Probe, failure: StoreFailure) -> Generator[None]:
    """Let nobody in who is dead, and tell of what a store failed to do."""
    probe.stay_alive()
    try:
        yield
    except Exception:
        probe.store_failed(failure)
        raise


def _fail_if_down(faults: Sequence[Fault], store: str) -> None:
    if any(isinstance(fault, StoreDown) and fault.store == store for fault in faults):
        raise StoreIsDown(f"the {store} are down")
