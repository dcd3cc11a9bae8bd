"""What a pipeline costs beside decoding: reading, events, Results and bookkeeping, and records that nobody wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    KeysEvent,
    Pipeline,
    RemoveEvent,
    Table,
    lambda_handler,
    on_event,
    on_insert,
    on_keys,
    on_remove,
    pipeline,
    read,
    retry,
    router,
)
from streamfn._tables import compiled_table
from streamfn.ledgers import MemoryLedger
from streamfn.testing import insert_event, lambda_context
from tests.benchmarks.contenders import Work
from tests.benchmarks.interleaving import Patience, measure
from tests.benchmarks.loads import TABLE, Chunk, make_load
from tests.benchmarks.models import Card, Owner
from tests.benchmarks.results import Timing

Nothing: TypeAlias = Result[None, str]

_DONE: Final[Nothing] = Success(None)
_CARDS: Final = Table(TABLE, Card)
_DECODE: Final = compiled_table(_CARDS).decode
_OTHERS: Final = Table("prod-Other", Card)


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of a card."""

    id: int
    title: str


_EVENT: Final = insert_event(
    Card(1, "", "", 0, Decimal(0), done=False, owner=Owner("", 0), lines=(), tags=frozenset(), photo=b""),
    table=_CARDS,
)


def _first(_: Event[Card]) -> Nothing:
    return _DONE


def _second(_: Event[Card]) -> Nothing:
    return _DONE


def _third(_: Event[Card]) -> Nothing:
    return _DONE


def _inserted(_: InsertEvent[Card]) -> Nothing:
    return _DONE


def _removed(_: RemoveEvent[Card]) -> Nothing:
    return _DONE


def _keyed(_: KeysEvent[CardKey]) -> Nothing:
    return _DONE


def _never(event: KeysEvent[CardKey]) -> bool:
    return event.keys.id < 0


def _read(chunk: Chunk) -> None:
    read(chunk.payload)


def _images(chunk: Chunk) -> None:
    for image in chunk.images:
        _DECODE(image)


def _calls(chunk: Chunk) -> None:
    for _ in chunk.payload["Records"]:
        _first(_EVENT)
        _second(_EVENT)
        _third(_EVENT)


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
    "calls": _calls,
    "one": _running(_ONE),
    "three": _running(pipeline(_CARDS, on_event(_first), on_event(_second), on_event(_third))),
    "retry": _retrying,
    "memory ledger": _in_memory,
}
"""What is measured on records that handlers want."""


@dataclass(frozen=True)
class Unwanted:
    """A pipeline that wants none of the INSERTs that it gets; `limit` is what a record may cost in µs, or None."""

    title: str
    limit: float | None
    process: Pipeline[None, str]


_ON_REMOVE: Final = pipeline(_CARDS, on_remove(_removed))
_OF_OTHERS: Final = pipeline(_OTHERS, on_insert(_inserted))
_OF_A_KIND: Final = Table(TABLE, Card, pattern={"dynamodb": {"NewImage": {"title": {"S": ["none"]}}}})
_NEVER: Final = pipeline(_CARDS, on_keys(CardKey, _keyed, where=_never))

UNWANTED: Final[Mapping[str, Unwanted]] = {
    "unwanted kind": Unwanted("a record of a kind that nobody handles", 0.3, _ON_REMOVE),
    "unwanted table": Unwanted(
        "a record of a table of a router that nobody handles", 0.3, router(_OF_OTHERS, _ON_REMOVE)
    ),
    "unwanted pattern": Unwanted(
        "a record that does not match a pattern of one attribute",
        0.3,
        pipeline(_OF_A_KIND, on_insert(_inserted)),
    ),
    "refused by where": Unwanted("a record that `where` refuses by its keys", 0.8, _NEVER),
    "undeclared table": Unwanted(
        "a record of a table that nobody declared, a Failure `Unrouted` by design", None, _OF_OTHERS
    ),
}
"""What is measured on records that no handler wants, in the order in which it is shown; bounds and tables follow it."""


def measure_running(patience: Patience, *, divisor: int = 1) -> dict[str, Timing]:
    """Measure it all, in µs a record."""
    wanted = make_load("cards", "", "card", 1000 // divisor)
    unwanted = make_load("changes", "", "card", 1000 // divisor, event_names=["INSERT"])
    works = {name: _running(each.process) for name, each in UNWANTED.items()}
    return {
        **measure(WANTED, list(wanted.chunks()), len(wanted.records), patience),
        **measure(works, list(unwanted.chunks()), len(unwanted.records), patience),
    }
