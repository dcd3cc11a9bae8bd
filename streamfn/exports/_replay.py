"""`replay`: worker processes, tallies and the result."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Event
from types import FrameType
from typing import Final, Protocol, cast

from streamfn._aws import S3Client, error_name
from streamfn._errors import Misuse
from streamfn._lambda import load_pipeline
from streamfn._pipeline import Pipeline
from streamfn._time import stopped_by_signals
from streamfn.exports._export import DamagedExport, DataFile, Export, Location, open_export
from streamfn.exports._progress import (
    Chunk,
    Claim,
    Gap,
    NotProgress,
    Outcome,
    ProgressNotKept,
    ProgressStore,
    check_claim,
    claimed,
    progress_at,
    usual_place,
)
from streamfn.exports._running import CHUNK, chunks_of

# Workers: processes that run a pipeline on one data file after the other, so that all cores have something to
# do.
#
# They are started afresh and not forked, import the pipeline by its name, and tell of each chunk. One that dies
# takes the file that it was at with it, until the next replay; the others go on, and another takes its place.

_SPAWN: Final = get_context("spawn")

_PATIENCE: Final = 5.0
"""How long a worker that is interrupted may take to keep what it has done, in seconds."""

_ATTEMPTS: Final = 3
"""How many processes in a row may be killed before they could begin."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all workers do: run this pipeline on files of this export."""

    export: Export
    pipeline: str
    progress: ProgressStore
    table_name: str | None
    chunk: int

    def run(
        self, file: DataFile, process: Pipeline[object, object], stop: Callable[[], bool]
    ) -> Iterator[Chunk | Gap]:
        """Run a file, and give its chunks and gaps. Fails as `chunks_of` does."""
        return chunks_of(
            self.export,
            file,
            process,
            self.progress,
            table_name=self.table_name,
            chunk=self.chunk,
            stop=stop,
            barred=stop,
        )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A data file that was not run to its end, and why; `ends` says that no other file is to be run either."""

    name: str
    problem: str
    ends: bool = False


LISTENER: Final = "streamfn-replay-listener"
"""The name of the thread of a worker that waits for the word to stop, and ends with it."""

News = Chunk | Gap | Unfinished | None
"""The news of a worker: of lines, of a file that it could not finish, or that it is ready for the next one."""


def run_files(
    work: Work,
    files: Sequence[DataFile],
    processes: int,
    tell: Callable[[DataFile, Chunk | Gap | Unfinished], None],
    stopped: Callable[[], bool],
    claim: object = None,
) -> None:
    """Run files in so many processes, and tell of each chunk; once it is stopped, workers end with their chunks.

    `claim` is what a process has to have for as long as it lives.
    """
    _Workers(work, claim, deque(files), tell).run(min(processes, len(files)), stopped)


class _Workers:
    """The processes, and the files that no process has begun."""

    def __init__(
        self,
        work: Work,
        claim: object,
        due: deque[DataFile],
        tell: Callable[[DataFile, Chunk | Gap | Unfinished], None],
    ) -> None:
        """Begin without a process."""
        self._work = work
        self._claim = claim
        self._due = due
        self._tell_on = tell
        self._workers: list[_Worker] = []
        self._in_vain = 0

    def run(self, processes: int, stopped: Callable[[], bool]) -> None:
        """Run all files."""
        try:
            for _ in range(processes):
                self._begin()
            while self._workers:
                ready = wait([each.connection for each in self._workers], timeout=0.2)
                if stopped():  # before anybody hears of processes that Ctrl-C has ended while they began
                    self._stop()
                for worker in [each for each in self._workers if each.connection in ready]:
                    if not worker.goes_on(self._due, self._tell):
                        self._replace(worker)
        finally:
            for worker in self._workers:
                worker.interrupt()
            for worker in self._workers:
                worker.end()

    def _begin(self) -> None:
        self._workers.append(_Worker(self._work, self._claim))

    def _replace(self, worker: _Worker) -> None:
        """Begin another process for one that has ended before its time, unless none can begin."""
        self._workers.remove(worker)
        self._in_vain = 0 if worker.has_begun else self._in_vain + 1
        if self._in_vain > _ATTEMPTS:
            raise Misuse(
                "processes are killed before they can begin: see to it that there is memory for them"
            )
        if self._due:  # or it would have taken the next file
            self._begin()

    def _tell(self, file: DataFile, news: Chunk | Gap | Unfinished) -> None:
        if isinstance(news, Unfinished) and news.ends:
            self._stop()
        self._tell_on(file, news)

    def _stop(self) -> None:
        """Have processes end with what they are at."""
        self._due.clear()
        for worker in self._workers:
            worker.stop()


class _Worker:
    """A process, and the file that it is at.

    The process is told to stop by the end of a pipe, as it is when this process is killed: no lock is shared, with
    which a process could die.
    """

    def __init__(self, work: Work, claim: object) -> None:
        """Start it."""
        self.file: DataFile | None = None
        self.has_begun = False
        self.connection, theirs = _SPAWN.Pipe()
        stop, self._until_stopped = _SPAWN.Pipe(duplex=False)
        self._is_stopped = False
        self._process: SpawnProcess = _SPAWN.Process(
            target=_work, args=(theirs, work, stop, claim), daemon=True
        )
        self._process.start()
        theirs.close()
        stop.close()

    def stop(self) -> None:
        """Have it start nothing more."""
        self._is_stopped = True
        self._until_stopped.close()

    def goes_on(
        self, due: deque[DataFile], tell: Callable[[DataFile, Chunk | Gap | Unfinished], None]
    ) -> bool:
        """Hear what it has to tell, and give it the next file when it is ready; False once it has ended."""
        try:
            news = cast("News", self.connection.recv())  # what `_work` sends
        except (EOFError, OSError):
            self._process.join()
            self._end_without_news(tell)
            return False
        self.has_begun = True
        if news is not None and self.file is not None:
            tell(self.file, news)
            return True
        self.file = due.popleft() if due else None
        with suppress(BrokenPipeError, ConnectionResetError):  # it has died, and says so next time
            self.connection.send(self.file)
        if self.file is None:
            self._process.join()
        return self.file is not None

    def _end_without_news(self, tell: Callable[[DataFile, Unfinished], None]) -> None:
        if self.file is not None:
            tell(self.file, Unfinished(self.file.name, "the process that ran it ended"))
        elif not (self.has_begun or self._is_stopped or (self._process.exitcode or 0) < 0):
            raise Misuse(
                "a process could not begin: what calls replay() in a script belongs under "
                '`if __name__ == "__main__":`, and the module of the pipeline has to be importable'
            ) from None

    def interrupt(self) -> None:
        """Have it end at once, and keep what it has done."""
        self.stop()
        self._process.terminate()

    def end(self) -> None:
        """Wait until it has ended, and no longer than it may take."""
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
        self.connection.close()


class Wire(Protocol):
    """One end of what two processes talk over."""

    def send(self, told: object, /) -> None:
        """Tell something."""
        ...

    def recv(self) -> object:
        """Hear something, when it comes."""
        ...


def _work(
    connection: Wire,
    work: Work,
    stop: Connection,
    claim: object = None,  # noqa: ARG001 (to have it is all: what it holds is let go when the process ends)
) -> None:
    """Do the work of a process, until there is no more, or nobody to give it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; who began the replay says when to end
    before = signal.signal(signal.SIGTERM, interrupts(stop))
    over, until_over = _SPAWN.Pipe(duplex=False)
    stopped = threading.Event()
    listener = threading.Thread(target=_listen, name=LISTENER, args=(stop, stopped, over), daemon=True)
    listener.start()
    try:
        with suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            _work_on(connection, work, stopped.is_set)
    finally:
        until_over.close()
        listener.join()
        over.close()
        signal.signal(signal.SIGTERM, before)


def interrupts(stop: Connection) -> Callable[[int, FrameType | None], None]:
    """Make the handler of SIGTERM: who began the replay ends this process at once with it, and what is done is kept.

    That one closes the pipe first. Else the signal went to all processes, as a service manager sends it: a first one
    lets handlers end, and this process hears by the pipe that no other is to start.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.poll():
            raise KeyboardInterrupt

    return handle


def _listen(stop: Connection, stopped: threading.Event, over: Connection) -> None:
    """Pass on that this worker is to stop, or that the process which began it is gone: both end the pipe."""
    if stop in wait([stop, over]):
        stopped.set()


def _work_on(connection: Wire, work: Work, stop: Callable[[], bool]) -> None:
    process = load_pipeline(work.pipeline)
    connection.send(None)
    while (file := cast("DataFile | None", connection.recv())) is not None:  # what `takes` sends
        try:
            for chunk in work.run(file, process, stop):
                connection.send(chunk)
        except Exception as error:  # noqa: BLE001 (whatever it is, other files can be run)
            connection.send(unfinished(file, error))
        connection.send(None)


def unfinished(file: DataFile, error: Exception) -> Unfinished:
    """Say that a file was not run to its end; where progress cannot be kept, nothing else is run that would be lost."""
    return Unfinished(file.name, problem_of(error), isinstance(error, ProgressNotKept))


def problem_of(error: Exception) -> str:
    """Say what went wrong, with the text of what is made here, and else with the name alone."""
    told = isinstance(error, DamagedExport | NotProgress | ProgressNotKept | Misuse)
    return str(error) if told else error_name(error)


# Replays: a pipeline run on all that an export holds, on this machine.


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come: lines and files that are done, of all that there are."""

    lines: int
    all_lines: int
    files: int
    all_files: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay, with all that was done in earlier runs.

    `handled` counts for each handler, and `failed` for each handler (None for a record that reached none) and name of a
    reason. `unfinished` are the files that could not be run to their end, each with the reason. `interrupted` says that
    it was asked to end before. `progress_missing` are the files of whose progress a part was gone, each with the lines,
    which have been run again.
    """

    export: Export
    progress: ProgressStore
    handled: Mapping[str, int]
    failed: Mapping[tuple[str | None, str], int]
    unfinished: Mapping[str, str]
    interrupted: bool
    progress_missing: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_complete(self) -> bool:
        """Whether each handler has succeeded on every record that it wants."""
        return not (self.failed or self.unfinished or self.interrupted)

    def failures(self) -> Iterator[Outcome]:
        """Give each failure, from what is kept as progress, however many there are.

        Progress that cannot be read tells of none; its file is `unfinished`.
        """
        for file in self.export.files:
            with suppress(NotProgress):
                for chunk in self.progress.chunks(self.export, file):
                    yield from chunk.failures


@dataclass(slots=True)
class _Tally:
    """Counts what is told."""

    export: Export
    on_progress: Callable[[Progress], None]
    handled: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[tuple[str | None, str]] = field(default_factory=Counter[tuple[str | None, str]])
    unfinished: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    lines: Counter[str] = field(default_factory=Counter[str])
    due: int = 0

    def tell(self, file: DataFile, news: Chunk | Gap | Unfinished) -> None:
        """Count a chunk, or note what is wrong with a file."""
        if isinstance(news, Unfinished):
            self.unfinished[news.name] = news.problem
        elif isinstance(news, Gap):
            self.missing[file.name] = ", ".join(filter(None, (self.missing.get(file.name), str(news))))
        else:
            self.handled.update(news.handled)
            self.failed.update((each.handler, each.outcome) for each in news.failures)
            self.lines[file.name] += news.last - news.first + 1
            self.due += len(news.due)
        self.on_progress(self.progress())

    def progress(self) -> Progress:
        """Say how far it has come."""
        files = self.export.files
        done = sum(1 for file in files if self.lines[file.name] >= file.items)
        return Progress(self.lines.total(), self.export.item_count, done, len(files))

    def note_what_is_left(self) -> None:
        """Note the files that have lines of which nothing was told, if nothing else says why."""
        for file in self.export.files:
            if self.lines[file.name] < file.items:
                told = f"{self.lines[file.name]:,} of its {file.items:,} lines were run"
                self.unfinished.setdefault(file.name, told)


def replay(
    location: Location,
    pipeline: str | Pipeline[object, object],
    *,
    processes: int | None = None,
    progress: Location | None = None,
    table_name: str | None = None,
    chunk: int = CHUNK,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_interrupt: Callable[[], None] = lambda: None,
    client: S3Client | None = None,
) -> Replay:
    """Run a pipeline on all that an export holds, each handler on the records that it wants.

    `location` is that of the export; see `open_export`. `pipeline` is named as ``"app:process"`` for its module and
    name, so that processes can import it: as many as there are cores, or `processes`. A pipeline itself runs in this
    process. Each data file is run by one process, in its order; its records are independent, since an export has one
    state of each item.

    `progress` is where it is kept what has been run, a folder or ``s3://bucket/prefix``; by default that is a folder
    beside the manifest, named after the pipeline. Run again with the same, it goes on where it ended, and runs again
    what failed, for the handlers that failed. A failure that nobody wants to run any more, because a pattern, a
    `where`, a kind of change or the table's name is another one, stays open as ``"Unwanted"``, and one of a handler
    that is no longer there stays as it is. What a process was at when it died, up to `chunk` lines, is repeated.

    `table_name` is the name under which the pipeline knows the table, if the export is of a copy. `on_progress` is told
    how far it has come, after each chunk.

    SIGINT (Ctrl-C) and SIGTERM end it: `on_interrupt` is called at once, handlers that run come to their end, and no
    other starts. A second signal ends it at once, with a KeyboardInterrupt, and what a handler was at then is repeated.
    In both cases, what has been done is kept.

    One replay at a time has a progress. In a folder a lock says so, which ends with the processes of the replay,
    however those end; in a bucket an object that is renewed, and that is free a minute after the replay has died.

    Fails with `NotAnExport` and `DamagedExport`, with `ProgressInUse` before anything is run where another replay has
    the progress (and afterwards where another one may have taken it, since S3 could not be reached for a minute), with
    `Misuse` for a name that leads to no pipeline, and with what the file system or boto3 raises for the manifests and
    the claim.
    """
    if chunk < 1 or (processes is not None and processes < 1):
        raise Misuse(f"chunk={chunk} and processes={processes} should be 1 or more")
    if not isinstance(pipeline, str) and processes not in {None, 1}:
        raise Misuse('processes import a pipeline by its name: pass that, as in "app:process"')
    export = open_export(location, client=client)
    if isinstance(pipeline, str):
        name, process, most = pipeline, load_pipeline(pipeline), processes or os.cpu_count() or 1
    else:
        name, process, most = "pipeline", pipeline, 1
    store = usual_place(export, name) if progress is None else progress_at(progress, client)
    if isinstance(pipeline, str):
        store = replace(store, pipeline=name)
    tally, stopped = _Tally(export, on_progress), Event()
    files = sorted(export.files, key=lambda file: file.items, reverse=True)
    count = min(most, len(files))
    work = Work(export, name, store, table_name, chunk)

    def interrupt() -> None:
        stopped.set()
        on_interrupt()

    with claimed(store.place) as claim, stopped_by_signals(interrupt, unwinds=True):
        stop = _either(stopped, claim)
        if count > 1:
            run_files(work, files, count, tally.tell, stop, claim.for_workers())
        else:
            _run_here(work, process, files, tally.tell, stop)
        check_claim(claim, store.place)
    interrupted = stopped.is_set() and (tally.due > 0 or tally.progress().lines < export.item_count)
    if not interrupted:
        tally.note_what_is_left()
    return Replay(
        export,
        store,
        dict(tally.handled),
        dict(tally.failed),
        dict(tally.unfinished),
        interrupted,
        dict(tally.missing),
    )


def _run_here(
    work: Work,
    process: Pipeline[object, object],
    files: Sequence[DataFile],
    tell: Callable[[DataFile, Chunk | Gap | Unfinished], None],
    stop: Callable[[], bool],
) -> None:
    """Run files in this process, one after the other."""
    for file in files:
        try:
            for each in work.run(file, process, stop):
                tell(file, each)
        except Exception as error:  # noqa: BLE001 (whatever it is, other files can be run)
            news = unfinished(file, error)
            tell(file, news)
            if news.ends:
                return


def _either(stopped: Event, claim: Claim) -> Callable[[], bool]:
    """Say whether to stop: it was asked for, or another replay may run."""
    return lambda: stopped.is_set() or claim.lost()
