"""What is measured, each in a fresh process: the bytes that invocations leave behind, and the most that a batch takes.

Both are told by `tracemalloc`, which sees each byte that Python's objects take, and nothing that depends on chance.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from itertools import islice
from typing import Final, Literal

from streamfn import StreamRecord, on_event, on_insert, pipeline, read, structure
from tests.cards import cards
from tests.memory.functions import FUNCTIONS, announce, batch, batches, index

INVOCATIONS: Final = 10_000
RECORDS: Final = 10_000

_WARMING_UP: Final = 300
"""So many invocations are let pass first: caches that are bounded are full by then, and threads have started."""


def growth(name: str, *, misfits: bool) -> int:
    """Count the bytes that there are more after 10,000 invocations; `misfits` has half of the records fail."""
    function, each = FUNCTIONS[name](), batches(misfits=misfits)
    tracemalloc.start()
    for payload in islice(each, _WARMING_UP):
        function(payload)
    before = _held()
    for payload in islice(each, INVOCATIONS):
        function(payload)
    return _held() - before


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def peak(way: Literal["handling", "holding", "copying"]) -> int:
    """Count the most bytes that there are at once, from the text of a batch of 6 MB to what a way makes of it."""
    text = batch(10**30, RECORDS)  # with sequence numbers as long as DynamoDB's
    process = pipeline(cards, on_insert(announce), on_event(index))
    ways: dict[str, Callable[[object], object]] = {
        "handling": process,
        "holding": _events,
        "copying": lambda payload: (process(payload), json.loads(text)),
    }
    gc.collect()
    tracemalloc.start()
    payload = json.loads(text)
    made = ways[way](payload)
    most = tracemalloc.get_traced_memory()[1]
    assert made
    return most


def _events(payload: object) -> object:
    """Make the typed event of each record."""
    records = [record for record in read(payload) if isinstance(record, StreamRecord)]
    return [structure(cards, record).unwrap() for record in records]
