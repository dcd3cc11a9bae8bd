"""Replays: a pipeline run on all that an export holds, on this machine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event

from streamfn._loading import load_pipeline
from streamfn._misuse import Misuse
from streamfn._pipeline import Pipeline
from streamfn._signals import stopped_by_signals
from streamfn.sources.export._claims import Claim, check_claim, claimed
from streamfn.sources.export._client import S3Client
from streamfn.sources.export._manifests import DataFile, Export, open_export
from streamfn.sources.export._outcomes import Outcome
from streamfn.sources.export._places import Location
from streamfn.sources.export._progress import Chunk, Gap, NotProgress, ProgressStore, progress_at, usual_place
from streamfn.sources.export._running import CHUNK
from streamfn.sources.export._workers import Unfinished, Work, run_files, unfinished


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
