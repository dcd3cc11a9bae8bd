"""Replays: everything once, what failed again, and no more repeated than was under way when a process died."""

# What a worker does is looked at in this process, too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import Annotated, Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    ConfigurationError,
    InsertEvent,
    KeysEvent,
    PartitionKey,
    Table,
    UpsertEvent,
    batched,
    concurrent,
    on_insert,
    on_keys,
    on_upsert,
    pipeline,
)
from streamfn.exports import NotAnExport, OutcomeRow, Progress, open_export, progress_at, replay, replay_file
from streamfn.exports._progress import ProgressChunk
from streamfn.exports._replay import Unfinished, WorkerJob, _work, run_files
from tests.cards import Card, CardKey, cards
from tests.sources.export import app
from tests.sources.export.exports import EXPORT_ID, Line, item, write_export

APP: Final = "tests.sources.export.app:process"


@dataclass
class Log:
    """What handlers did, as they wrote it down."""

    path: Path

    def lines(self) -> Counter[str]:
        """Count what was done to which record."""
        return Counter(self.path.read_text().splitlines() if self.path.exists() else [])

    def forget(self) -> None:
        """Begin anew."""
        self.path.unlink(missing_ok=True)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Have handlers write down what they do."""
    monkeypatch.setenv("REPLAY_LOG", str(tmp_path / "log"))
    return Log(tmp_path / "log")


def hello(count: int, start: int = 0, **titles: str) -> list[Line | bytes]:
    """Make lines of cards; `titles` are those of some, by ``_`` and the number."""
    return [item(number, titles.get(f"_{number}", "hello")) for number in range(start, start + count)]


def write(folder: Path, *files: Sequence[Line | bytes]) -> Path:
    """Write a full export."""
    return write_export(folder, files)


def test_each_handler_runs_on_every_record_that_it_wants(tmp_path: Path, log: Log) -> None:
    place = write(tmp_path, hello(25), hello(10, 25))
    told: list[Progress] = []
    done = replay(place, app.process, chunk=10, on_progress=told.append)
    assert (done.handled, done.failed, done.unfinished) == ({"announce": 35, "index": 35}, {}, {})
    assert (done.is_complete, done.interrupted, list(done.failures())) == (True, False, [])
    assert set(log.lines().values()) == {1}
    assert [each.lines for each in told] == [10, 20, 25, 35]
    assert told[-1] == Progress(35, 35, 2, 2)


def test_a_second_run_runs_nothing_that_succeeded_and_again_what_failed(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path, hello(25, _7="refuse", _17="refuse"), [*hello(3, 30), b"{"])
    first = replay(place, app.process, chunk=10)
    assert first.handled == {"announce": 26, "index": 28}
    assert first.failed == {("announce", "Refused"): 2, (None, "Malformed"): 1}
    assert not first.is_complete
    file, other = (each.name for each in first.export.files)
    assert list(first.failures()) == [
        OutcomeRow(file, "announce", "Refused", "int", 8, f"{EXPORT_ID}/{file}/8"),
        OutcomeRow(file, "announce", "Refused", "int", 18, f"{EXPORT_ID}/{file}/18"),
        OutcomeRow(other, None, "Malformed", "no line of an export", 4, f"{EXPORT_ID}/{other}/4"),
    ]
    log.forget()
    again = replay(place, app.process, chunk=7)
    assert (again.handled, again.failed) == (first.handled, first.failed)
    assert set(log.lines()) == {f"announce {EXPORT_ID}/{file}/8", f"announce {EXPORT_ID}/{file}/18"}
    monkeypatch.setenv("MENDED", "yes")
    log.forget()
    mended = replay(place, app.process)
    assert mended.handled == {"announce": 28, "index": 28}
    assert mended.failed == {(None, "Malformed"): 1}
    assert len(log.lines()) == 2
    log.forget()
    assert replay(place, app.process).handled == mended.handled
    assert log.lines() == {}


def test_a_handler_that_comes_later_runs_on_everything_and_the_others_do_not(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    def one(event: InsertEvent[Card]) -> Result[None, str]:
        seen["one"] += 1
        return Failure("no") if event.new_image.id == 3 else Success(None)

    def two(_: InsertEvent[Card]) -> Result[None, str]:
        seen["two"] += 1
        return Success(None)

    place = write(tmp_path, hello(10))
    assert replay(place, pipeline(cards, on_insert(one))).handled == {"one": 9}
    seen.clear()
    later = replay(place, pipeline(cards, on_insert(one), on_insert(two)))
    assert (later.handled, seen) == ({"one": 9, "two": 10}, {"one": 1, "two": 10})
    alone = replay(place, pipeline(cards, on_insert(two)))
    assert alone.failed == {("one", "Refused"): 1}
    assert seen["two"] == 10


def test_batched_and_concurrent_and_coroutine_handlers_run_as_elsewhere(tmp_path: Path) -> None:
    sizes: list[int] = []

    async def count(events: Sequence[InsertEvent[Card]]) -> Result[int, str]:
        sizes.append(len(events))
        return Success(len(events))

    async def note(event: UpsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    process = pipeline(
        cards, on_insert(batched(count, size=4)), on_upsert(note), strategy=concurrent(workers=3)
    )
    done = replay(write(tmp_path, hello(10)), process)
    assert done.handled == {"count": 10, "note": 10}
    assert sum(sizes) == 10


def test_handlers_of_keys_get_those_that_the_model_marks_or_those_in_the_item(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Unmarked:
        id: int
        title: str

    @dataclass(frozen=True)
    class Marked:
        id: Annotated[int, PartitionKey]

    @dataclass(frozen=True)
    class Identifier:
        id: int

    keys: list[object] = []

    def note(event: KeysEvent[object]) -> Result[None, str]:
        keys.append((event.keys, set(event.record.keys)))
        return Success(None)

    place = write(tmp_path, hello(1))
    for number, (model, key) in enumerate([(Unmarked, CardKey), (Marked, Identifier)]):
        process = pipeline(Table("prod-Card", model), on_keys(key, note))
        assert replay(place, process, progress=tmp_path / f"{number}").handled == {"note": 1}
    assert keys == [(CardKey(0, "hello"), {"id", "title"}), (Identifier(0), {"id"})]


def test_the_export_of_a_copy_runs_under_the_name_that_the_pipeline_knows(tmp_path: Path, log: Log) -> None:
    restored = {"tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/restored"}
    place = write_export(tmp_path, [[item(1)]], summary=restored)
    assert replay(place, app.process).failed == {(None, "Unrouted"): 1}
    assert replay(place, app.process, table_name="prod-Card").handled == {"announce": 1, "index": 1}
    assert len(log.lines()) == 2


def test_a_damaged_file_is_told_and_the_others_are_run(tmp_path: Path, log: Log) -> None:
    place = write(tmp_path, hello(5), hello(6, 10), hello(7, 20))
    damaged = sorted((place / "data").iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    done = replay(place, app.process)
    name = damaged.name.removesuffix(".json.gz")
    assert (done.handled, done.is_complete) == ({"announce": 12, "index": 12}, False)
    assert done.unfinished == {
        name: f"{name} of the export {EXPORT_ID} is no gzip, or a part of it is missing"
    }
    assert not any(name in line for line in log.lines())
    (export, file) = (done.export, done.export.files[1])
    outcomes = list(replay_file(export, file, app.process, done.progress))
    assert outcomes == [OutcomeRow(name, None, "DamagedExport", done.unfinished[name])]
    sound = list(replay_file(export, export.files[0], app.process, done.progress))
    assert sound == [
        OutcomeRow(export.files[0].name, handler, "handled", count=5) for handler in ("announce", "index")
    ]


def test_processes_share_the_files(tmp_path: Path, log: Log) -> None:
    place = write(tmp_path, *(hello(20, 100 * number) for number in range(5)), [*hello(1, 900), b"{"])
    done = replay(place, APP, processes=2, chunk=10)
    assert (done.handled, done.failed) == ({"announce": 101, "index": 101}, {(None, "Malformed"): 1})
    assert set(log.lines().values()) == {1}
    assert (place / "streamfn-tests.sources.export.app-process").is_dir()
    alone = replay(place, APP, processes=1, progress=tmp_path / "alone")
    assert (alone.handled, alone.failed) == (done.handled, done.failed)
    assert sorted(map(str, alone.failures())) == sorted(map(str, done.failures()))


def test_a_process_that_dies_costs_its_file_and_no_other(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path, hello(30, _15="die"), *(hello(20, 100 * number) for number in range(1, 5)))
    done = replay(place, APP, processes=2, chunk=10)
    file = done.export.files[0].name
    assert done.unfinished == {file: "the process that ran it ended"}
    assert done.handled == {"announce": 90, "index": 90}
    log.forget()
    monkeypatch.setenv("MENDED", "yes")
    again = replay(place, APP, processes=2)
    assert (again.handled, again.is_complete) == ({"announce": 110, "index": 110}, True)
    assert {line.split()[1].split("/")[1] for line in log.lines()} == {file}
    assert len(log.lines()) == 2 * 20, "the first chunk was done"


SCRIPT: Final = """
import sys
from streamfn.exports import replay
from tests.sources.export.app import process

if __name__ == "__main__":
    place, progress, processes = sys.argv[1:]
    def tell(progress):
        print(progress.lines, flush=True)
    done = replay(
        place,
        "tests.sources.export.app:process",
        progress=progress,
        processes=int(processes),
        chunk=50,
        on_progress=tell,
    )
    print("interrupted" if done.interrupted else "complete" if done.is_complete else "failed", flush=True)
"""


def started(script: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a replay in a process of its own."""
    script.write_text(SCRIPT)
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
    )


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_the_chunks_under_way_and_it_goes_on_from_there(
    tmp_path: Path, log: Log, processes: int, number: int
) -> None:
    place = write(tmp_path, *(hello(2_000, 10_000 * each) for each in range(3)))
    with started(tmp_path / "run.py", place, tmp_path / "progress", processes) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(number)
        told = running.stdout.read().splitlines()
        assert (running.wait(), told[-1]) == (0, "interrupted")
    done = replay(place, APP, processes=1, progress=tmp_path / "progress")
    assert (done.handled, done.is_complete) == ({"announce": 6_000, "index": 6_000}, True)
    assert set(log.lines().values()) == {1}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_replay_that_is_killed_repeats_the_chunks_under_way_and_skips_nothing(
    tmp_path: Path, log: Log, processes: int
) -> None:
    place = write(tmp_path, *(hello(2_000, 10_000 * each) for each in range(2)))
    progress = tmp_path / "progress"
    for _ in range(3):
        with started(tmp_path / "run.py", place, progress, processes) as running:
            assert running.stdout is not None
            running.stdout.readline()
            running.kill()
            running.stdout.read()  # until the last process has let go of it
    done = replay(place, APP, processes=1, progress=progress)
    assert (done.handled, done.is_complete) == ({"announce": 4_000, "index": 4_000}, True)
    lines = log.lines()
    assert len(lines) == 8_000
    repeated = sum(count - 1 for count in lines.values())
    assert repeated <= 3 * processes * 2 * 50


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Have signals do afterwards what they did before."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("own_signals")
def test_a_worker_tells_of_each_chunk_and_of_files_that_it_cannot_finish(tmp_path: Path, log: Log) -> None:
    """In this process, where it can be looked at."""
    place = write(tmp_path, hello(15), hello(3, 20))
    (place / "data").joinpath(sorted(each.name for each in (place / "data").iterdir())[1]).unlink()
    export = open_export(place)
    work = WorkerJob(export, APP, progress_at(tmp_path / "progress"), None, 10)
    ours, theirs = Pipe()
    for file in (*export.files, None):
        ours.send(file)
    stop, until_stopped = get_context("spawn").Pipe(duplex=False)
    _work(theirs, work, stop)  # pyright: ignore[reportArgumentType] (on Windows, pipes are of another class)
    for each in (theirs, stop, until_stopped):
        each.close()
    ready, first, second, done, unfinished, last = (ours.recv() for _ in range(6))
    ours.close()
    assert (ready, done, last) == (None, None, None)
    assert isinstance(first, ProgressChunk)
    assert isinstance(second, ProgressChunk)
    assert isinstance(unfinished, Unfinished)
    assert (first.last, second.last) == (10, 15)
    assert "is missing" in unfinished.problem
    assert len(log.lines()) == 30


@pytest.mark.usefixtures("own_signals")
def test_a_worker_ends_when_nobody_is_there_to_listen(tmp_path: Path) -> None:
    work = WorkerJob(
        open_export(write(tmp_path, hello(1))), APP, progress_at(tmp_path / "progress"), None, 10
    )
    ours, theirs = Pipe()
    ours.close()
    stop, until_stopped = get_context("spawn").Pipe(duplex=False)
    _work(theirs, work, stop)  # pyright: ignore[reportArgumentType] (on Windows, pipes are of another class)
    for each in (theirs, stop, until_stopped):
        each.close()


def test_processes_that_cannot_begin_are_told_of_and_not_begun_again_for_ever(tmp_path: Path) -> None:
    work = WorkerJob(
        open_export(write(tmp_path, hello(1))), "no_such_module_here:process", progress_at(tmp_path), None, 10
    )
    with pytest.raises(ConfigurationError, match="a process could not begin"):
        run_files(work, work.export.files, 2, lambda _, __: None, lambda: False)


def test_once_it_is_stopped_no_file_is_begun_any_more(tmp_path: Path, log: Log) -> None:
    place = write(tmp_path, *(hello(5, 10 * number) for number in range(4)))
    work = WorkerJob(open_export(place), APP, progress_at(tmp_path / "progress"), None, 10)
    told: list[object] = []
    run_files(work, work.export.files, 2, lambda _, news: told.append(news), lambda: True)
    assert told == []
    assert log.lines() == {}


def test_progress_of_another_export_is_not_mixed_in(tmp_path: Path) -> None:
    one = write_export(tmp_path, [[item(1)]], export_id="one-0001")
    other = write_export(tmp_path, [[item(1)]], export_id="two-0001")
    replay(one, app.process, progress=tmp_path / "progress")
    done = replay(other, app.process, progress=tmp_path / "progress")
    (problem,) = done.unfinished.values()
    assert problem.endswith("holds the progress of the export one-0001: name another place")


def test_a_replay_may_be_asked_to_end_between_chunks(tmp_path: Path) -> None:
    export = open_export(write(tmp_path, hello(30)))
    store = progress_at(tmp_path / "progress")
    asked = iter([False, True])
    outcomes = list(
        replay_file(export, export.files[0], app.process, store, chunk=10, stop=lambda: next(asked))
    )
    assert [each.count for each in outcomes] == [10, 10]


def test_files_without_lines_are_done_at_once(tmp_path: Path) -> None:
    done = replay(write(tmp_path, [], []), app.process)
    assert (done.is_complete, done.handled) == (True, {})
    assert replay(write_export(tmp_path, [], export_id="none"), APP).is_complete


@pytest.mark.parametrize(
    ("chunk", "processes", "message"),
    [
        (0, None, "chunk=0 and processes=None should be 1 or more"),
        (10, 0, "chunk=10 and processes=0 should be 1 or more"),
        (10, 2, 'processes import a pipeline by its name: pass that, as in "app:process"'),
    ],
)
def test_what_cannot_be_asked_for_is_a_mistake(
    tmp_path: Path, chunk: int, processes: int | None, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replay(tmp_path, app.process, chunk=chunk, processes=processes)


def test_a_place_without_an_export_and_a_name_without_a_pipeline_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match="there is no export at"):
        replay(tmp_path, app.process)
    with pytest.raises(ConfigurationError, match="there is no module"):
        replay(write_export(tmp_path, [[item(1)]]), "no_such_module_here:process")


def test_what_goes_to_workers_can_be_pickled(tmp_path: Path) -> None:
    export = open_export(write_export(tmp_path, [[item(1)]]))
    assert pickle.loads(pickle.dumps(export)) == export  # noqa: S301 (its own)
    for store in (progress_at(tmp_path), progress_at("s3://backups/progress/")):
        assert pickle.loads(pickle.dumps(store)) == store  # noqa: S301 (its own)
    assert json.loads(json.dumps(str(progress_at("s3://backups/progress/").place))) == "s3://backups/progress"
