"""What a pipeline costs beside decoding: reading, events, Results and bookkeeping, and records that nobody wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    KeysEvent,
    Pipeline,
    Table,
    lambda_handler,
    on_event,
    on_insert,
    on_keys,
    pipeline,
    read,
    retry,
)
from streamfn.ledgers import MemoryLedger
from streamfn.testing import lambda_context
from tests.benchmarks.contenders import Work
from tests.benchmarks.interleaving import Patience, measure
from tests.benchmarks.loads import TABLE, Chunk, make_load
from tests.benchmarks.models import Card
from tests.benchmarks.results import Timing

Nothing: TypeAlias = Result[None, str]

_DONE: Final[Nothing] = Success(None)
_CARDS: Final = Table(TABLE, Card)


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of a card."""

    id: int
    title: str


def _first(_: Event[Card]) -> Nothing:
    return _DONE


def _second(_: Event[Card]) -> Nothing:
    return _DONE


def _third(_: Event[Card]) -> Nothing:
    return _DONE


def _inserted(_: InsertEvent[Card]) -> Nothing:
    return _DONE


def _keyed(_: KeysEvent[CardKey]) -> Nothing:
    return _DONE


def _never(event: KeysEvent[CardKey]) -> bool:
    return event.keys.id < 0


def _read(chunk: Chunk) -> None:
    read(chunk.payload)


def _images(chunk: Chunk) -> None:
    for image in chunk.images:
        _CARDS.structure(image)


def _running(process: Pipeline[None, str]) -> Work:
    def work(chunk: Chunk) -> None:
        process(chunk.payload)

    return work


_ONE: Final = pipeline(_CARDS, on_event(_first))
_IN_MEMORY: Final = lambda_handler(_ONE, retry(ledger=MemoryLedger()))
_RETRYING: Final = lambda_handler(_ONE, retry())


def _retrying(chunk: Chunk) -> None:
    _RETRYING(chunk.payload, lambda_context())


def _in_memory(chunk: Chunk) -> None:
    _IN_MEMORY(chunk.payload, lambda_context())


WANTED: Final = {
    "read": _read,
    "images": _images,
    "one": _running(_ONE),
    "three": _running(pipeline(_CARDS, on_event(_first), on_event(_second), on_event(_third))),
    "retry": _retrying,
    "memory ledger": _in_memory,
}
"""What is measured on records that handlers want."""

UNWANTED: Final = {
    "unwanted kind": _running(pipeline(_CARDS, on_insert(_inserted))),
    "unwanted table": _running(pipeline(Table("prod-Other", Card), on_insert(_inserted))),
    "refused by where": _running(pipeline(_CARDS, on_keys(CardKey, _keyed, where=_never))),
}
"""What is measured on records that no handler wants."""


def measure_running(patience: Patience, *, divisor: int = 1) -> dict[str, Timing]:
    """Measure it all, in µs a record."""
    wanted = make_load("cards", "", "card", 1000 // divisor)
    unwanted = make_load("changes", "", "card", 1000 // divisor, event_names=["MODIFY"])
    return {
        **measure(WANTED, list(wanted.chunks()), len(wanted.records), patience),
        **measure(UNWANTED, list(unwanted.chunks()), len(unwanted.records), patience),
    }
