"""How a lane gets on with records that are refused for good, and with a handler that is down.

``python -m tests.delivery.poison`` writes the tables of docs/delivery.md: a stream of one shard, and `retry` with a
ledger, dead letters and all its defaults, in the model of Lambda's event source mapping. Of three handlers, of which
each call takes 10 ms, one has the trouble. Rates are records a second of the model's time.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Annotated, Final

from returns.result import Failure, Result, Success

from streamfn import (
    Failed,
    InsertEvent,
    PartitionKey,
    Strategy,
    Table,
    batched_each,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import EventSourceMapping, insert_event

CALL: Final = timedelta(milliseconds=10)
RECORDS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Card:
    """A card."""

    id: Annotated[int, PartitionKey]


CARDS: Final = Table("cards", Card)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of all records: the time that it took, and how the handler in trouble was called.

    `wrong` are the letters of records that nothing is wrong with.
    """

    records: int
    seconds: float
    expired: int
    letters: int
    wrong: int
    calls: int
    repeated: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


class Service:
    """What the handlers call. It refuses some records for good to one of them, and is down for that one for a while."""

    def __init__(self, poison: frozenset[int], begins: timedelta, lasts: timedelta) -> None:
        """Take the numbers of the records that are refused, and when the outage begins."""
        self.poison = poison
        self.begins = begins
        self.lasts = lasts
        self.mapping: EventSourceMapping | None = None
        self.calls: Counter[int] = Counter()
        self.done: Counter[int] = Counter()

    def announce(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Have the trouble."""
        number = event.new_image.id
        self.calls[number] += 1
        now = self._pass()
        if number in self.poison or self.begins <= now < self.begins + self.lasts:
            return Failure("refused")
        self.done[number] += 1
        return Success(number)

    def announce_each(self, events: Sequence[InsertEvent[Card]]) -> list[Result[int, str]]:
        """Have the trouble with many at once."""
        return [self.announce(event) for event in events]

    def index(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Have none."""
        self._pass()
        return Success(event.new_image.id)

    def back_up(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Have none."""
        self._pass()
        return Success(event.new_image.id)

    def _pass(self) -> timedelta:
        assert self.mapping is not None
        self.mapping.clock.advance(CALL)
        return self.mapping.clock.now - self._start

    def put(self, mapping: EventSourceMapping) -> None:
        """Go by a mapping's clock."""
        self.mapping, self._start = mapping, mapping.clock.now


def play(
    *,
    records: int = RECORDS,
    share: float = 0.0,
    begins: timedelta = timedelta(),
    lasts: timedelta = timedelta(),
    strategy: Strategy = series,
    chunks: bool = False,
    seed: int = 1,
) -> Outcome:
    """Have records delivered, of which a share is refused for good, during an outage."""
    poison = frozenset(Random(seed).sample(range(records), round(records * share)))  # noqa: S311 (no secret)
    service, letters = Service(poison, begins, lasts), MemoryDeadLetters()
    announce = on_insert(service.announce)
    if chunks:
        announce = on_insert(batched_each(service.announce_each), name="announce")
    process = pipeline(
        CARDS, announce, on_insert(service.index), on_insert(service.back_up), strategy=strategy
    )
    handler = lambda_handler(
        process, retry(ledger=MemoryLedger(), dead_letters=letters, scope="cards", report=_quiet)
    )
    mapping = EventSourceMapping(handler)
    service.put(mapping)
    mapping.put(*(insert_event(Card(number), event_id=str(number)) for number in range(records)))
    began = mapping.clock.now
    history = mapping.run()
    given_up = {int(letter.pair.record) for letter in letters.letters}
    assert given_up | set(service.done) | {int(each.event_id) for each in history.discarded} == set(
        range(records)
    )
    return Outcome(
        records=records,
        seconds=(mapping.clock.now - began).total_seconds(),
        expired=len(history.discarded),
        letters=len(given_up),
        wrong=len(given_up - poison),
        calls=service.calls.total(),
        repeated=sum(count > 1 for count in service.done.values()),
    )


def _quiet(_: Failed[object]) -> None:
    """Report nothing."""


def poisoned(share: float) -> str:
    """Write the row of a share of records that are refused for good."""
    found = play(share=share)
    return f"| {share:.1%} | {found.rate:.1f} | {found.expired} | {found.letters:,} | {found.calls:,} |"


OUTAGES: Final = {"30 s": timedelta(seconds=30), "5 min": timedelta(minutes=5), "1 h": timedelta(hours=1)}


def down_for(name: str) -> str:
    """Write the row of an outage."""
    found = play(begins=timedelta(minutes=1), lasts=OUTAGES[name])
    minutes = f"{found.seconds / 60:.0f} min"
    return f"| {name} | {minutes} | {found.expired} | {found.letters:,} | {found.calls:,} |"


def rows() -> Iterator[str]:
    """Write the tables of docs/delivery.md."""
    yield "| refused for good | records a second | expired | dead letters | calls of the handler |"
    yield "|---|---|---|---|---|"
    yield from map(poisoned, (0, 0.001, 0.01, 0.1))
    yield ""
    yield "| one of three handlers is down for | until all is done | expired | dead letters | calls of it |"
    yield "|---|---|---|---|---|"
    yield from map(down_for, OUTAGES)


def main() -> None:
    """Print the tables."""
    argparse.ArgumentParser(prog="python -m tests.delivery.poison", description=__doc__).parse_args()
    logging.disable(logging.CRITICAL)
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
