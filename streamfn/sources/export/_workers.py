"""Workers: processes that run a pipeline on one data file after the other, so that all cores have something to do.

They are started afresh and not forked, import the pipeline by its name, and tell of each chunk. One that dies takes the
file that it was at with it, until the next replay; the others go on, and another takes its place.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Final, Protocol, cast

from streamfn._clients import named
from streamfn._loading import load_pipeline
from streamfn._misuse import Misuse
from streamfn.sources.export._manifests import DamagedExport, DataFile, Export
from streamfn.sources.export._progress import Chunk, NotProgress, ProgressStore
from streamfn.sources.export._running import chunks_of

_SPAWN: Final = get_context("spawn")

_OFTEN: Final = 0.1
"""How long a worker may take to hear that it is to stop, in seconds."""

_PATIENCE: Final = 5.0
"""How long a worker that is interrupted may take to keep what it has done, in seconds."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all workers do: run this pipeline on files of this export."""

    export: Export
    pipeline: str
    progress: ProgressStore
    table_name: str | None
    chunk: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A data file that was not run to its end, and why."""

    name: str
    problem: str


LISTENER: Final = "streamfn-replay-listener"
"""The name of the thread of a worker that waits for the word to stop, and ends with it."""

News = Chunk | Unfinished | None
"""What a worker tells: of a chunk, of a file that it could not finish, or that it is ready for the next one."""


def run_files(
    work: Work,
    files: Sequence[DataFile],
    processes: int,
    tell: Callable[[DataFile, Chunk | Unfinished], None],
    stopped: Callable[[], bool],
) -> None:
    """Run files in so many processes, and tell of each chunk; once it is stopped, workers end with their chunks."""
    stop = _SPAWN.Event()
    due = deque(files)
    workers = [_Worker(work, stop) for _ in range(min(processes, len(files)))]
    try:
        while workers:
            if stopped():
                stop.set()
                due.clear()
            ready = wait([each.connection for each in workers], timeout=0.2)
            for worker in [each for each in workers if each.connection in ready]:
                if not worker.goes_on(due, tell):
                    workers.remove(worker)
                    if due:  # it has died, or it would have taken the next file
                        workers.append(_Worker(work, stop))
    finally:
        stop.set()
        for worker in workers:
            worker.interrupt()
        for worker in workers:
            worker.end()


class _Worker:
    """A process, and the file that it is at."""

    def __init__(self, work: Work, stop: Event) -> None:
        """Start it."""
        self.file: DataFile | None = None
        self.connection, theirs = _SPAWN.Pipe()
        self._process: SpawnProcess = _SPAWN.Process(target=_work, args=(theirs, work, stop), daemon=True)
        self._process.start()
        theirs.close()

    def goes_on(self, due: deque[DataFile], tell: Callable[[DataFile, Chunk | Unfinished], None]) -> bool:
        """Hear what it has to tell, and give it the next file when it is ready; False once it has ended."""
        try:
            news = cast("News", self.connection.recv())  # what `_work` sends
        except (EOFError, OSError):
            self._process.join()
            if self.file is None:
                raise Misuse(
                    "a process could not begin: what calls replay() in a script belongs under "
                    '`if __name__ == "__main__":`, and the module of the pipeline has to be importable'
                ) from None
            tell(self.file, Unfinished(self.file.name, "the process that ran it ended"))
            return False
        if news is not None and self.file is not None:
            tell(self.file, news)
            return True
        self.file = due.popleft() if due else None
        self.connection.send(self.file)
        if self.file is None:
            self._process.join()
        return self.file is not None

    def interrupt(self) -> None:
        """Have it end at once, and keep what it has done."""
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


def _work(connection: Wire, work: Work, stop: Event) -> None:
    """Do the work of a process, until there is no more, or nobody to give it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; who began the replay says when to end
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # at once, and what is done is kept
    over = threading.Event()
    stopped = threading.Event()
    listener = threading.Thread(target=_listen, name=LISTENER, args=(stop, stopped, over), daemon=True)
    listener.start()
    try:
        with suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            _work_on(connection, work, stopped.is_set)
    finally:
        over.set()
        listener.join()
        signal.signal(signal.SIGTERM, before)


def _listen(stop: Event, stopped: threading.Event, over: threading.Event) -> None:
    """Pass on that all workers are to stop: this process asks often, and the other event takes longer to ask.

    Nothing waits for that event: a process that died in a wait would keep others from setting it.
    """
    while not stopped.is_set() and not over.wait(_OFTEN):
        if stop.is_set():
            stopped.set()


def _work_on(connection: Wire, work: Work, stop: Callable[[], bool]) -> None:
    process = load_pipeline(work.pipeline)
    connection.send(None)
    while (file := cast("DataFile | None", connection.recv())) is not None:  # what `takes` sends
        try:
            for chunk in chunks_of(
                work.export,
                file,
                process,
                work.progress,
                table_name=work.table_name,
                chunk=work.chunk,
                stop=stop,
                barred=stop,
            ):
                connection.send(chunk)
        except Exception as error:  # noqa: BLE001 (whatever it is, other files can be run)
            connection.send(Unfinished(file.name, problem_of(error)))
        connection.send(None)


def problem_of(error: Exception) -> str:
    """Say what went wrong, with the text of what is made here, and else with the name alone."""
    told = isinstance(error, DamagedExport | NotProgress | Misuse)
    return str(error) if told else named(error)
