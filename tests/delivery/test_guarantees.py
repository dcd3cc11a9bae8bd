"""Each cell of the table in docs/guarantees.md: what becomes of a fault under a delivery, seen and not claimed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Delivery,
    Event,
    Failed,
    OutOfTime,
    Pipeline,
    acknowledge,
    lambda_handler,
    on_event,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import Crash, EventSourceMapping, HalfWritten, LostAnswer, Repeated, StoreDown
from streamfn.testing._events import DEFAULT_TIME
from streamfn.testing._simulator.invoking import Fault
from tests.delivery.jobs import Note, notes, written

TABLE: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
RECORDS: Final = ("a1", "b1", "c1", "b2")
SECOND: Final = timedelta(seconds=1)
FOR_EVER: Final = 10**9


@dataclass
class Scene:
    """Two handlers on four records of three items; `tell` has trouble with b1, `store` has none.

    `fails` is in how many invocations `tell` refuses b1, `hangs` how often it takes longer than there is time, and
    `slow` is how long each call takes; it `kills` the process each time if it is told to. It is `down` at first, for so
    long.
    """

    fails: int = 0
    hangs: int = 0
    kills: bool = False
    slow: timedelta = timedelta()
    down: timedelta = timedelta()
    decodable: bool = True
    faults: Sequence[Fault] = ()
    mapping: EventSourceMapping | None = None
    reported: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def tell(self, event: Event[Note]) -> Result[str, str]:
        """Have trouble with b1."""
        assert self.mapping is not None
        self.mapping.clock.advance(self.slow)
        if event.event_id == "b1" and self.hangs:
            self.hangs -= 1
            self.mapping.clock.advance(timedelta(minutes=20))
        if event.event_id == "b1" and self.kills:
            self.mapping.end_process()
        if self.mapping.clock.now - DEFAULT_TIME < self.down:
            return Failure("down")
        if event.event_id == "b1" and len(self.mapping.history.invocations) < self.fails:
            return Failure("no")
        return Success(event.event_id)

    def store(self, event: Event[Note]) -> Result[str, str]:
        """Have none."""
        assert self.mapping is not None
        self.mapping.clock.advance(self.slow)
        return Success(event.event_id)

    def report(self, failed: Failed[object]) -> None:
        """Keep what is reported as failed."""
        if not isinstance(failed.reason, OutOfTime):
            self.reported.add((failed.handler or "", failed.record.event_id or ""))


Make: TypeAlias = Callable[[Scene, MemoryDeadLetters], Delivery[object]]

MODES: Final[Mapping[str, Make]] = {
    "`acknowledge()`": lambda scene, _: acknowledge(scene.report),
    "`retry()`": lambda scene, _: retry(report=scene.report),
    "`retry(ledger=…)`": lambda scene, _: retry(ledger=MemoryLedger(), report=scene.report),
    "`…, dead_letters=…`": lambda scene, box: retry(
        ledger=MemoryLedger(), dead_letters=box, report=scene.report
    ),
    '`…, write="always"`': lambda scene, box: retry(
        ledger=MemoryLedger(), dead_letters=box, write="always", report=scene.report
    ),
}
"""Deliveries, by the heads of the columns."""

STORES: Final[Mapping[str, set[str]]] = dict(
    zip(MODES, (set[str](), set[str](), {"ledger"}, {"ledger", "dead"}, {"ledger", "dead"}), strict=True)
)
"""Which stores each of them has."""

SCENES: Final[Mapping[str, Callable[[], Scene]]] = {
    "nothing goes wrong": Scene,
    "a handler fails for a while": lambda: Scene(fails=2),
    "a handler is down for an hour": lambda: Scene(down=timedelta(hours=1)),
    "a handler fails on a record for ever": lambda: Scene(fails=FOR_EVER),
    "an image does not fit the model": lambda: Scene(decodable=False),
    "a handler hangs on a record for ever": lambda: Scene(hangs=FOR_EVER),
    "time runs out": lambda: Scene(slow=14 * SECOND),
    "the process dies amid the batch": lambda: Scene(faults=[Crash(1, after_calls=5)]),
    "the process dies each time that a handler has a record": lambda: Scene(kills=True),
    "the process dies before it answers": lambda: Scene(faults=[Crash(1)]),
    "the answer gets lost after a clean run": lambda: Scene(faults=[LostAnswer(1)]),
    "the answer gets lost after a run with a failure": lambda: Scene(fails=1, faults=[LostAnswer(1)]),
    "Lambda repeats a batch that it had accepted": lambda: Scene(faults=[Repeated(1)]),
    "the ledger cannot be read": lambda: Scene(fails=1, faults=[StoreDown(2, "ledger reads")]),
    "the ledger cannot be written": lambda: Scene(fails=1, faults=[StoreDown(1, "ledger writes")]),
    "the ledger keeps half of it": lambda: Scene(fails=1, faults=[HalfWritten(1)]),
    "the dead letters cannot be stored": lambda: Scene(
        decodable=False, faults=[StoreDown(1, "dead letters")]
    ),
}
"""Faults, by the heads of the rows."""


def outcome(row: str, column: str) -> str:
    """Play a scene under a delivery, and put into words what came of it; a dash where it has no such store."""
    scene, box = SCENES[row](), MemoryDeadLetters()
    stores = {fault.store.split()[0] for fault in scene.faults if isinstance(fault, StoreDown)}
    stores |= {"ledger" for fault in scene.faults if isinstance(fault, HalfWritten)}
    if not stores <= STORES[column]:
        return "-"
    process: Pipeline[object, object] = pipeline(
        notes, on_event(scene.tell, name="tell"), on_event(scene.store, name="store")
    )
    handler = lambda_handler(process, MODES[column](scene, box))
    mapping = scene.mapping = EventSourceMapping(handler, faults=scene.faults)
    records = [event.record.raw for event in written(*RECORDS)]
    if not scene.decodable:
        records[1]["dynamodb"]["NewImage"] = {"id": {"S": "one"}}
    history = mapping.deliver(*records)
    wanted = {(handler, record) for handler in ("tell", "store") for record in RECORDS}
    done = {(name, record) for name in ("tell", "store") for record in history.successes(name)}
    dead = {tuple(letter.pair) for letter in box.letters}
    lost = wanted - done - dead
    again = {
        (name, record)
        for name in ("tell", "store")
        for record, count in history.successes(name).items()
        if count > 1
    }
    blocked = any(each.condition == "Expired" for each in history.discarded)
    return ", ".join(_words(again, dead, lost, blocked=blocked)) or "each once"


def _words(
    again: set[tuple[str, str]], dead: set[tuple[str, ...]], lost: set[tuple[str, str]], *, blocked: bool
) -> list[str]:
    words = [f"{len(again)} repeated"] if again else []
    words += [f"{len(dead)} dead letters" if len(dead) > 1 else "1 dead letter"] if dead else []
    words += ["blocks"] if blocked else []
    words += [f"{len(lost)} lost"] if lost else []
    return words


def cells() -> list[tuple[str, str, str]]:
    """Read the table: row, column, and what the cell says."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in lines[: 2 + len(SCENES)]]
    return [(row[0], column, cell) for row in rows for column, cell in zip(head[1:], row[1:], strict=True)]


@pytest.mark.parametrize(("row", "column", "cell"), cells())
def test_a_cell_of_the_table_says_what_happens(row: str, column: str, cell: str) -> None:
    assert cell == outcome(row, column)


def test_the_table_has_a_row_for_each_fault_and_a_column_for_each_delivery() -> None:
    assert [(row, column) for row, column, _ in cells()] == [
        (row, column) for row in SCENES for column in MODES
    ]
