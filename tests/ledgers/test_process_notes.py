"""What the notes of processes cost others, who read them before their own batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from streamfn._time import unlimited
from streamfn.ledgers import Entry, Key, LedgerThrottled, SequenceRange
from streamfn.ledgers._protocol import Waiting
from tests.ledgers.tables import MemoryTable, Moody, Time, log_on, refusal

RANGE = SequenceRange("follow-cards", "arn", "100", "199", ("id-1", "id-2", "id-3"))
BEHIND = SequenceRange("follow-cards", "arn", "50", "60", ("id-0",))
OPEN = Entry(Key("announce", "id-2"), "open", 1, reason="Refused")


def note(process: int, state: Literal["open", "handled"] = "open") -> list[Entry]:
    """Make the note of a batch by its first record and its last."""
    return [Entry(Key("", f"process-{process:016x}.1/{end}"), state) for end in ("id-1", "id-3")]


def with_note(process: int, news: Sequence[Entry]) -> Sequence[Entry]:
    """Settle the note of a process together with what its batch has come to."""
    settled = note(process, "handled")
    if isinstance(news, Waiting):
        return Waiting([*settled, *news.entries], news.waiting, news.reason)
    return [*settled, *news]


@pytest.mark.parametrize(
    "news",
    [[OPEN], Waiting([], {"id-2": ("announce",)}, "OutOfTime")],
    ids=["a failure", "what waits"],
)
def test_a_thousand_processes_whose_first_batch_failed_cost_a_lane_behind_them_nothing(
    news: Sequence[Entry],
) -> None:
    """A deployment amid an outage starts as many processes as there are lanes."""
    table, time = MemoryTable(), Time()
    for process in range(1_000):
        ledger = log_on(table, time)
        ledger.write(RANGE, note(process), unlimited)
        writes = len(table.batches)
        ledger.write(RANGE, with_note(process, news), unlimited)
        assert len(table.batches) == writes + 1
    requests, units = table.requests, table.reads.total()
    assert log_on(table, time).read(BEHIND, unlimited) == []
    assert (table.requests - requests, table.reads.total() - units) == (2, 2)
    assert {entry.pair for entry in log_on(table, time).read(RANGE, unlimited)} == {OPEN.pair}


def test_a_note_that_is_settled_by_itself_is_taken_away() -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, note(1), unlimited)
    ledger.write(RANGE, note(1, "handled"), unlimited)
    assert not table.items
    ledger.write(RANGE, note(1, "handled"), unlimited)  # by somebody who does not know that it is gone
    assert ledger.read(RANGE, unlimited) == note(1, "handled")


def test_a_note_of_which_only_one_end_is_settled_stays() -> None:
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    ledger.write(RANGE, note(1), unlimited)
    ledger.write(RANGE, note(1, "handled")[:1], unlimited)
    entries = ledger.read(RANGE, unlimited)
    assert sorted(entries, key=repr) == sorted([*note(1), *note(1, "handled")[:1]], key=repr)


def test_the_note_of_another_process_is_settled_by_an_entry() -> None:
    """Whoever has read it decides by the entry; the item is not known here."""
    table, time = MemoryTable(), Time()
    log_on(table, time).write(RANGE, note(1), unlimited)
    log_on(table, time).write(RANGE, with_note(1, [OPEN]), unlimited)
    entries = log_on(table, time).read(RANGE, unlimited)
    assert [entry for entry in entries if entry.settled] == note(1, "handled")


def test_a_note_that_could_not_be_taken_away_is_taken_away_later() -> None:
    table, time = MemoryTable(), Time(0)
    client = Moody(table, [])
    ledger = log_on(client, time)
    ledger.write(RANGE, note(1), unlimited)
    client.moods = [refusal("ThrottlingException")]
    with pytest.raises(LedgerThrottled):
        ledger.write(RANGE, with_note(1, [OPEN]), time.seconds_left)
    assert ledger.read(RANGE, unlimited) == note(1)
    ledger.write(RANGE, with_note(1, [OPEN]), time.seconds_left)
    assert ledger.read(RANGE, unlimited) == [OPEN]


def test_a_process_remembers_few_notes_of_its_own() -> None:
    """More than one is there only where the ledger could not be written, or several processes have died."""
    table, time = MemoryTable(), Time()
    ledger = log_on(table, time)
    for process in range(100):
        ledger.write(RANGE, note(process), unlimited)
    for process in (99, 0):
        ledger.write(RANGE, note(process, "handled"), unlimited)
    entries = ledger.read(RANGE, unlimited)
    assert note(99)[0] not in entries
    assert note(0, "handled")[0] in entries
