"""The stores of a delivery as a simulated process has them: they fail where a test wishes, and end with the process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from streamfn._ledger import Entry, Ledger, Stretch
from streamfn._letters import DeadLetter, DeadLetters
from streamfn._time import SecondsLeft
from streamfn.testing._mapping.faults import Fault, HalfWritten, StoreDown


class StoreIsDown(ConnectionError):
    """A store does not answer, as the test wished."""


@dataclass(frozen=True, slots=True)
class UnreliableLedger:
    """A ledger that fails as faults say; `alive` ends whoever is dead."""

    ledger: Ledger
    faults: Sequence[Fault]
    alive: Callable[[], None]

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> Iterable[Entry]:
        """Read as the ledger does."""
        self.alive()
        _fail_if_down(self.faults, "ledger reads")
        return self.ledger.read(stretch, seconds_left)

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Write as the ledger does, or half of it."""
        self.alive()
        _fail_if_down(self.faults, "ledger writes")
        if any(isinstance(fault, HalfWritten) for fault in self.faults):
            self.ledger.write(stretch, entries[: len(entries) // 2], seconds_left)
            raise StoreIsDown("the ledger kept half of it")
        self.ledger.write(stretch, entries, seconds_left)


@dataclass(frozen=True, slots=True)
class UnreliableDeadLetters:
    """A place for dead letters that fails as faults say; `alive` ends whoever is dead."""

    dead_letters: DeadLetters
    faults: Sequence[Fault]
    alive: Callable[[], None]

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Send as the place does."""
        self.alive()
        _fail_if_down(self.faults, "dead letters")
        return self.dead_letters.send(letters, seconds_left)


def _fail_if_down(faults: Sequence[Fault], store: str) -> None:
    if any(isinstance(fault, StoreDown) and fault.store == store for fault in faults):
        raise StoreIsDown(f"the {store} are down")
