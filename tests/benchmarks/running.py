"""What a pipeline costs beside decoding: reading, events, Results and bookkeeping, and records that nobody wants.

The function that `lambda_handler` makes comes first, because users deploy it; the bare call of a pipeline comes second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import (
    Delivery,
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


def _deployed(process: Pipeline[None, str], delivery: Delivery[str] | None = None) -> Work:
    function = lambda_handler(process, delivery or retry())

    def work(chunk: Chunk) -> None:
        function(chunk.payload, lambda_context())

    return work


_ONE: Final = pipeline(_CARDS, on_event(_first))
_THREE: Final = pipeline(_CARDS, on_event(_first), on_event(_second), on_event(_third))

WANTED: Final = {
    "retry": _deployed(_ONE),
    "retry three": _deployed(_THREE),
    "memory ledger": _deployed(_ONE, retry(ledger=MemoryLedger())),
    "one": _running(_ONE),
    "three": _running(_THREE),
    "images": _images,
    "calls": _calls,
    "read": _read,
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
"""What is measured on records that no handler wants, in the order in which it is shown; bounds and tables follow it.

Each is measured in a bare call, under its name, and deployed, under the name that `deployed` gives.
"""


def deployed(name: str) -> str:
    """Name what is measured of the function that is deployed with a pipeline."""
    return f"deployed {name}"


MEASURED: Final[Sequence[str]] = (*WANTED, *(each for name in UNWANTED for each in (deployed(name), name)))
"""The names of all that is measured."""


def measure_running(patience: Patience, *, divisor: int = 1) -> dict[str, Timing]:
    """Measure it all, in µs a record."""
    wanted = make_load("cards", "", "card", 1000 // divisor)
    unwanted = make_load("changes", "", "card", 1000 // divisor, event_names=["INSERT"])
    works = {deployed(name): _deployed(each.process) for name, each in UNWANTED.items()}
    works |= {name: _running(each.process) for name, each in UNWANTED.items()}
    return {
        **measure(WANTED, list(wanted.chunks()), len(wanted.records), patience),
        **measure(works, list(unwanted.chunks()), len(unwanted.records), patience),
    }
