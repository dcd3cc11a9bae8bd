"""The whole chain: a function, its stores at the other end of a line, and the world outside that its jobs act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from examples.demo.stream import WireRecord
from streamfn import Failed, lambda_handler, retry
from streamfn._delivery.ledger import Write
from streamfn.dead_letters import SqsDeadLetters
from streamfn.dead_letters._protocol import read_letter
from streamfn.ledgers import Key
from streamfn.testing import EventSourceMapping
from streamfn.testing._simulator.history import History
from streamfn.testing._simulator.invoking import Fault
from tests.chain.accounts import letters_in
from tests.chain.jobs import Outside, process_on, wanted
from tests.chain.lines import Line
from tests.chain.stacks import Stack
from tests.chain.watched import Outages, WatchedDeadLetters, WatchedLedger

SEED: Final = 7
MAX_ATTEMPTS: Final = 3


@dataclass
class Chain:
    """A function with its stores at the other end of a line, and all that is seen of a run of it."""

    stack: Stack
    line: Line
    ledger: WatchedLedger
    dead_letters: WatchedDeadLetters
    outages: Outages
    queue: SqsDeadLetters
    outside: Outside = field(init=False)

    def __post_init__(self) -> None:
        """Have the world outside begin outages."""
        self.outside = Outside(SEED, self.outages.refused)

    def run(self, records: Sequence[WireRecord], *faults: Fault, write: Write = "failures") -> History:
        """Deliver everything, and see that all outages have been, and that nothing is lost."""
        delivery = retry(
            ledger=self.ledger,
            dead_letters=self.dead_letters,
            max_attempts=MAX_ATTEMPTS,
            patience=timedelta(seconds=2),
            write=write,
            scope="parcels",
            report=quiet,
        )
        function = lambda_handler(process_on(self.outside), delivery)
        mapping = EventSourceMapping(function, batch_size=100, parallelization_factor=2, faults=faults)
        history = mapping.deliver(*records)
        assert not self.outages.due
        self.nothing_is_lost(history)
        return history

    def nothing_is_lost(self, history: History) -> None:
        """See that every pair was either handled or given up for good reason."""
        handled, dead = set(self.outside.effects), set(letters_in(history))
        assert not history.discarded
        assert handled | dead == wanted([*history.records.items()])
        assert not handled & dead
        assert dead == self.outside.doomed

    def letters(self) -> Counter[Key]:
        """Empty the queue, and count the letters of each pair."""
        found: Counter[Key] = Counter()
        for received in self.queue.receive():
            letter = read_letter(received.body)
            assert letter.attempts == MAX_ATTEMPTS
            found[letter.pair] += 1
            received.remove()
        return found


def quiet(_: Failed[object]) -> None:
    """Report nothing."""
