"""`replay` on this machine.

In this order: worker processes, and the replay with its counts and its result.
"""

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
from streamfn._errors import ConfigurationError
from streamfn._lambda import load_pipeline
from streamfn._pipeline import Pipeline
from streamfn._time import stopped_by_signals
from streamfn.exports._export import DamagedExport, DataFile, Export, Location, open_export
from streamfn.exports._progress import (
    Claim,
    Gap,
    NotProgress,
    OutcomeRow,
    ProgressChunk,
    ProgressNotKept,
    ProgressStore,
    check_claim,
    claimed,
    default_progress,
    progress_at,
)
from streamfn.exports._running import CHUNK, chunks_of

# Workers: processes that run a pipeline on one data file after the other, so that all cores are used.
#
# Processes are spawned and not forked, import the pipeline by its name, and report each chunk. A worker that dies
# leaves its current file unfinished until the next replay; the others go on, and a new worker replaces it.

_SPAWN: Final = get_context("spawn")

_PATIENCE: Final = 5.0
"""The time that an interrupted worker has to store its progress, in seconds."""

_ATTEMPTS: Final = 3
"""The number of processes in a row that may be killed before they start work."""


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """The job of all workers: run this pipeline on files of this export."""

    export: Export
    pipeline: str
    progress: ProgressStore
    table_name: str | None
    chunk: int

    def run(
        self, file: DataFile, process: Pipeline[object, object], stop: Callable[[], bool]
    ) -> Iterator[ProgressChunk | Gap]:
        """Run a file, and yield its chunks and gaps. Raises as `chunks_of` does."""
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
"""The name of the thread in which a worker waits for the signal to stop."""

WorkerMessage = ProgressChunk | Gap | Unfinished | None
"""A message of a worker: lines, a file that could not be finished, or None if the worker is ready for the next file."""


def run_files(
    work: WorkerJob,
    files: Sequence[DataFile],
    processes: int,
    tell: Callable[[DataFile, ProgressChunk | Gap | Unfinished], None],
    stopped: Callable[[], bool],
    claim: object = None,
) -> None:
    """Run files in this many processes, and report each chunk; once stopped, workers end with their chunks.

    `claim` is an object that each process must hold for as long as it lives.
    """
    _Workers(work, claim, deque(files), tell).run(min(processes, len(files)), stopped)


class _Workers:
    """The processes, and the files that no process has started."""

    def __init__(
        self,
        work: WorkerJob,
        claim: object,
        due: deque[DataFile],
        tell: Callable[[DataFile, ProgressChunk | Gap | Unfinished], None],
    ) -> None:
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
        """Start another process in place of one that ended early, unless none can start."""
        self._workers.remove(worker)
        self._in_vain = 0 if worker.has_begun else self._in_vain + 1
        if self._in_vain > _ATTEMPTS:
            raise ConfigurationError(
                "processes are killed before they can begin: see to it that there is memory for them"
            )
        if self._due:  # or this process would have taken the next file
            self._begin()

    def _tell(self, file: DataFile, news: ProgressChunk | Gap | Unfinished) -> None:
        if isinstance(news, Unfinished) and news.ends:
            self._stop()
        self._tell_on(file, news)

    def _stop(self) -> None:
        """Let processes end with their current chunk."""
        self._due.clear()
        for worker in self._workers:
            worker.stop()


class _Worker:
    """A process, and its current file.

    The process stops at the end of a pipe, which ends also if this process is killed: the two share no lock that a
    dead process could hold.
    """

    def __init__(self, work: WorkerJob, claim: object) -> None:
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
        """Let the process start nothing more."""
        self._is_stopped = True
        self._until_stopped.close()

    def goes_on(
        self, due: deque[DataFile], tell: Callable[[DataFile, ProgressChunk | Gap | Unfinished], None]
    ) -> bool:
        """Receive a message, and send the next file to a ready process; return False once the process has ended."""
        try:
            news = cast("WorkerMessage", self.connection.recv())  # the messages of `_work`
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
            raise ConfigurationError(
                "a process could not begin: what calls replay() in a script belongs under "
                '`if __name__ == "__main__":`, and the module of the pipeline has to be importable'
            ) from None

    def interrupt(self) -> None:
        """Let the process end at once, and keep its progress."""
        self.stop()
        self._process.terminate()

    def end(self) -> None:
        """Wait until the process has ended, but at most the allowed time."""
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
        self.connection.close()


class Wire(Protocol):
    """One end of the connection between two processes."""

    def send(self, told: object, /) -> None:
        """Send a message."""
        ...

    def recv(self) -> object:
        """Wait for a message and return it."""
        ...


def _work(
    connection: Wire,
    work: WorkerJob,
    stop: Connection,
    claim: object = None,  # noqa: ARG001 (the process only holds it: its end releases the claim)
) -> None:
    """Do the work of a worker process, until there is no more, or the parent is gone."""
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
    """Return the handler of SIGTERM: the parent ends this process at once, and the progress is kept.

    The parent closes the pipe first. If the pipe is open, the signal went to all processes, as a service manager sends
    it: the first signal lets handlers end, and the pipe tells this process that no other call may start.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.poll():
            raise KeyboardInterrupt

    return handle


def _listen(stop: Connection, stopped: threading.Event, over: Connection) -> None:
    """Stop this worker if the pipe ends: the parent asks for this, or is gone."""
    if stop in wait([stop, over]):
        stopped.set()


def _work_on(connection: Wire, work: WorkerJob, stop: Callable[[], bool]) -> None:
    process = load_pipeline(work.pipeline)
    connection.send(None)
    while (file := cast("DataFile | None", connection.recv())) is not None:  # the messages of `takes`
        try:
            for chunk in work.run(file, process, stop):
                connection.send(chunk)
        except Exception as error:  # noqa: BLE001 (other files can still run)
            connection.send(unfinished_file(file, error))
        connection.send(None)


def unfinished_file(file: DataFile, error: Exception) -> Unfinished:
    """Describe a file that was not run to its end; a lost progress ends the whole replay."""
    return Unfinished(file.name, problem_of(error), isinstance(error, ProgressNotKept))


def problem_of(error: Exception) -> str:
    """Describe an error: with its text if this library wrote it, and otherwise by its name alone."""
    told = isinstance(error, DamagedExport | NotProgress | ProgressNotKept | ConfigurationError)
    return str(error) if told else error_name(error)


# Replays: a pipeline run on a whole export, on this machine.


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a replay: finished lines and files, and their totals."""

    lines: int
    all_lines: int
    files: int
    all_files: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of a replay, including all earlier runs.

    `handled` counts for each handler, and `failed` for each handler (None for a record that reached none) and name of
    a reason. `unfinished` maps files that could not run to their end to the reason. `interrupted` says that the replay
    was stopped before its end. `progress_missing` maps files with a gap in their progress to the lines, which have run
    again.
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

    def failures(self) -> Iterator[OutcomeRow]:
        """Yield each failure, from the stored progress.

        Unreadable progress yields none; its file is `unfinished`.
        """
        for file in self.export.files:
            with suppress(NotProgress):
                for chunk in self.progress.chunks(self.export, file):
                    yield from chunk.failures


@dataclass(slots=True)
class _Counts:
    """Counts the messages of workers."""

    export: Export
    on_progress: Callable[[Progress], None]
    handled: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[tuple[str | None, str]] = field(default_factory=Counter[tuple[str | None, str]])
    unfinished: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    lines: Counter[str] = field(default_factory=Counter[str])
    due: int = 0

    def tell(self, file: DataFile, news: ProgressChunk | Gap | Unfinished) -> None:
        """Count a chunk, or store the problem of a file."""
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
        """Return how far it has come."""
        files = self.export.files
        done = sum(1 for file in files if self.lines[file.name] >= file.items)
        return Progress(self.lines.total(), self.export.item_count, done, len(files))

    def note_what_is_left(self) -> None:
        """Record the files with lines that no message covers, if there is no other reason for them."""
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
    """Run a pipeline on a whole export, each handler on the records that it wants.

    `location` is the location of the export; see `open_export`. `pipeline` is a name such as ``"app:process"``, module
    and variable, so that processes can import it: as many as there are cores, or `processes`. A pipeline object runs
    in this process. One process runs each data file, in its order; records are independent, because an export has one
    state of each item.

    `progress` is the place of the progress, a folder or ``s3://bucket/prefix``; by default a folder beside the
    manifest, named after the pipeline. A second run with the same progress goes on where the first ended, and runs
    failures again, for the handlers that failed. A failure that no handler wants any more, because a pattern, a
    `where`, an event name or the table's name has changed, stays open as ``"Unwanted"``, and a failure of a handler
    that no longer exists stays unchanged. A process that dies leaves at most `chunk` lines to be repeated.

    `table_name` is the name of the table in the pipeline, if the export is of a copy. `on_progress` is called with the
    progress after each chunk.

    SIGINT (Ctrl-C) and SIGTERM end the replay: `on_interrupt` is called at once, running handlers finish, and no other
    starts. A second signal ends the replay at once, with a KeyboardInterrupt, and repeats later the records of the
    running handlers. In both cases, the progress is kept.

    One replay at a time uses a progress. In a folder a lock ensures this, which ends with the processes of the replay;
    in a bucket an object that is renewed, and that is free a minute after the replay has died.

    Raises `NotAnExport` and `DamagedExport`; `ProgressInUse` before any call if another replay uses the progress (and
    afterwards if another one may have taken it, because S3 was out of reach for a minute); `ConfigurationError` for a
    name without a pipeline; and the exceptions of the file system or boto3 for the manifests and the claim.
    """
    if chunk < 1 or (processes is not None and processes < 1):
        raise ConfigurationError(f"chunk={chunk} and processes={processes} should be 1 or more")
    if not isinstance(pipeline, str) and processes not in {None, 1}:
        raise ConfigurationError('processes import a pipeline by its name: pass that, as in "app:process"')
    export = open_export(location, client=client)
    if isinstance(pipeline, str):
        name, process, most = pipeline, load_pipeline(pipeline), processes or os.cpu_count() or 1
    else:
        name, process, most = "pipeline", pipeline, 1
    store = default_progress(export, name) if progress is None else progress_at(progress, client)
    if isinstance(pipeline, str):
        store = replace(store, pipeline=name)
    tally, stopped = _Counts(export, on_progress), Event()
    files = sorted(export.files, key=lambda file: file.items, reverse=True)
    count = min(most, len(files))
    work = WorkerJob(export, name, store, table_name, chunk)

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
    work: WorkerJob,
    process: Pipeline[object, object],
    files: Sequence[DataFile],
    tell: Callable[[DataFile, ProgressChunk | Gap | Unfinished], None],
    stop: Callable[[], bool],
) -> None:
    """Run files in this process, one after the other."""
    for file in files:
        try:
            for each in work.run(file, process, stop):
                tell(file, each)
        except Exception as error:  # noqa: BLE001 (other files can still run)
            news = unfinished_file(file, error)
            tell(file, news)
            if news.ends:
                return


def _either(stopped: Event, claim: Claim) -> Callable[[], bool]:
    """Return whether to stop: a signal asked for this, or another replay may run."""
    return lambda: stopped.is_set() or claim.lost()
