"""Replays that are interrupted at any moment, go on, and do nothing twice that has succeeded."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest
from returns.result import Failure, Result, Success

from streamfn import InsertEvent, Table, on_insert, pipeline
from streamfn._pipeline import Pipeline
from streamfn.exports import _replay as _workers
from streamfn.exports import _running, replay
from tests.cards import Card
from tests.sources.export.exports import item, write_export

LINES = 60


@dataclass
class Job:
    """Handlers that count their successes, refuse some cards, and interrupt the replay at others."""

    refused: set[int] = field(default_factory=set[int])
    asks_at: int | None = None
    ends_at: int | None = None
    wanted: Callable[[InsertEvent[Card]], bool] = lambda _: True
    succeeded: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])

    def announce(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Do as is said for a card."""
        return self._do("announce", event.new_image.id)

    def index(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Do the same."""
        return self._do("index", event.new_image.id)

    def _do(self, handler: str, number: int) -> Result[int, str]:
        if number == self.asks_at:
            os.kill(os.getpid(), signal.SIGINT)
        if number == self.ends_at:
            raise KeyboardInterrupt
        if number in self.refused:
            return Failure("no")
        self.succeeded[handler, number] += 1
        return Success(number)

    def process(self, *handlers: str, table: str = "prod-Card") -> Pipeline[object, object]:
        """Join the handlers of these names."""
        made = {
            "announce": on_insert(self.announce, name="announce", where=self.wanted),
            "index": on_insert(self.index, name="index", where=self.wanted),
        }
        cards = Table(table, Card)
        if len(handlers) == 1:
            return pipeline(cards, made[handlers[0]])
        return pipeline(cards, made["announce"], made["index"])


@pytest.mark.parametrize("seed", range(40))
def test_whatever_interrupts_it_each_handler_succeeds_once_on_each_record(tmp_path: Path, seed: int) -> None:
    """Runs fail, are asked to end, end at once, lack a handler and have other chunks, and the last one has it all."""
    random = Random(seed)  # noqa: S311 (a schedule)
    place = write_export(tmp_path, [[item(number) for number in range(LINES)]])
    job = Job()
    for _ in range(6):
        job.refused = {number for number in range(LINES) if random.random() < 0.2}
        job.asks_at = random.choice([None, random.randrange(LINES)])
        job.ends_at = random.choice([None, random.randrange(LINES)])
        process = job.process(*random.choice([("announce",), ("announce", "index"), ("index",)]))
        with suppress(KeyboardInterrupt):
            replay(place, process, chunk=random.choice([7, 20, 100]))
    job.refused, job.asks_at, job.ends_at = set(), None, None
    done = replay(place, job.process("announce", "index"))
    assert (done.is_complete, done.handled) == (True, {"announce": LINES, "index": LINES})
    assert {1} == set(job.succeeded.values())
    assert 2 * LINES == len(job.succeeded)


def interrupted(tmp_path: Path, job: Job) -> Path:
    """Interrupt a replay of ten cards at the fourth."""
    place = write_export(tmp_path, [[item(number) for number in range(10)]])
    job.asks_at = 3
    ran = replay(place, job.process("announce", "index"))
    assert (ran.interrupted, ran.failed, ran.is_complete) == (True, {}, False)
    job.asks_at = None
    return place


def test_what_has_not_started_is_done_with_if_its_where_refuses_it(tmp_path: Path) -> None:
    """As it would be, had the replay not been interrupted."""
    job = Job()
    place = interrupted(tmp_path, job)
    job.wanted = lambda _: False
    assert replay(place, job.process("announce", "index")).is_complete


def test_what_has_not_started_and_reaches_no_handler_now_is_told_and_runs_later(tmp_path: Path) -> None:
    """A run with the wrong table settles nothing."""
    job = Job()
    place = interrupted(tmp_path, job)
    wrong = replay(place, job.process("announce", "index", table="other"))
    assert {("announce", "Unwanted"): 6, ("index", "Unwanted"): 7} == wrong.failed
    done = replay(place, job.process("announce", "index"))
    assert (done.is_complete, done.handled) == (True, {"announce": 10, "index": 10})
    assert {1} == set(job.succeeded.values())


def test_what_has_not_started_waits_for_a_handler_that_is_not_there(tmp_path: Path) -> None:
    """And another that is there has its own."""
    job = Job()
    place = interrupted(tmp_path, job)
    assert replay(place, job.process("index")).handled["index"] == 10
    assert replay(place, job.process("announce")).handled["announce"] == 10
    assert {1} == set(job.succeeded.values())


def test_what_could_not_start_again_still_waits(tmp_path: Path) -> None:
    """Interrupted once more, a replay forgets none of it, nor what had failed."""
    job = Job(refused={1})
    place = write_export(tmp_path, [[item(number) for number in range(10)]])
    job.asks_at = 3
    replay(place, job.process("announce", "index"))
    job.asks_at = 1
    again = replay(place, job.process("announce", "index"))
    assert (again.interrupted, again.failed) == (True, {("announce", "Refused"): 1, ("index", "Refused"): 1})
    job.refused, job.asks_at = set(), None
    done = replay(place, job.process("announce", "index"))
    assert (done.is_complete, done.handled) == (True, {"announce": 10, "index": 10})
    assert {1} == set(job.succeeded.values())


def test_a_second_run_that_is_ended_within_a_chunk_keeps_both_parts_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had done is not done again, and what it had not come to still counts as failed."""
    monkeypatch.setattr(_running, "BATCH", 10)
    job = Job(refused=set(range(LINES)))
    place = write_export(tmp_path, [[item(number) for number in range(LINES)]])
    assert {("announce", "Refused"): LINES} == replay(place, job.process("announce")).failed
    job.refused, job.ends_at = set(), 35
    with pytest.raises(KeyboardInterrupt):
        replay(place, job.process("announce"))
    job.ends_at = None
    done = replay(place, job.process("announce"))
    assert (done.is_complete, done.handled) == (True, {"announce": LINES})
    assert {("announce", number): 1 for number in range(LINES)} == job.succeeded


def progress_of(folder: Path) -> list[Path]:
    """List the files of a progress, in the order of their lines."""
    return sorted(each for each in folder.rglob("*.json") if each.stem.isdecimal())


def test_a_chunk_of_an_earlier_release_is_kept_anew_with_what_is_known_of_its_end(tmp_path: Path) -> None:
    """Such a one does not say whether its file ended where it should."""
    job, progress = Job(), tmp_path / "progress"
    place = write_export(tmp_path, [[item(number) for number in range(20)]])
    replay(place, job.process("announce"), chunk=10, progress=progress)
    last = progress_of(progress)[-1]
    told = json.loads(last.read_text())
    assert told.pop("ends") is True
    last.write_text(json.dumps(told))
    assert replay(place, job.process("announce"), chunk=10, progress=progress).is_complete
    assert json.loads(last.read_text())["ends"] is True
    assert {1} == set(job.succeeded.values())


def test_of_chunks_that_share_lines_the_first_counts(tmp_path: Path) -> None:
    """The other is left over from a replay that died between two writes."""
    job, progress = Job(), tmp_path / "progress"
    place = write_export(tmp_path, [[item(number) for number in range(20)]])
    replay(place, job.process("announce"), chunk=10, progress=progress)
    first = progress_of(progress)[0]
    told = json.loads(first.read_text())
    first.write_text(json.dumps({**told, "last": 20, "handled": {"announce": 20}}))
    done = replay(place, job.process("announce"), chunk=10, progress=progress)
    assert (done.is_complete, done.handled) == (True, {"announce": 20})
    assert {1} == set(job.succeeded.values())


def test_a_worker_hears_that_all_are_to_stop_and_that_it_is_over_itself() -> None:
    for is_over in (False, True):
        stop, until_stopped = get_context("spawn").Pipe(duplex=False)
        over, until_over = get_context("spawn").Pipe(duplex=False)
        stopped = threading.Event()
        (until_over if is_over else until_stopped).close()
        # A process would not be measured; and typeshed has another class for pipes on Windows.
        _workers._listen(stop, stopped, over)  # pyright: ignore[reportPrivateUsage, reportArgumentType]
        assert stopped.is_set() is not is_over
        for each in (stop, over, until_over, until_stopped):
            each.close()
