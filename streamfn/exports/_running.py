"""The run of a pipeline on a data file: `replay_file`, chunks and lines, one chunk's run, and its policies.

No handler runs again on a record that it has handled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final, Never, TypeAlias

from returns.result import Failure, Result
from typing_extensions import override

from streamfn._delivery.plain import detail_of, location_of
from streamfn._execution.policy import SKIP, PlannedTasks, Policy, Skip, Task
from streamfn._failures import Failed, Handled, OutOfTime, Reason, Unwanted
from streamfn._pipeline import Pipeline, handler_names
from streamfn._records import Record
from streamfn._tables import compiled_table
from streamfn.exports._export import DamagedExport, DataFile, Export, event_id_of, lines_of, record_of_line
from streamfn.exports._progress import Gap, OutcomeRow, PendingCall, ProgressChunk, ProgressStore

CHUNK: Final = 10_000
"""The default number of lines after which progress is stored."""

BATCH: Final = 1_000
"""The number of records that run at a time, and are then released: with more of them, garbage collection takes longer.
"""

_AT_ONCE: Final = 100
"""The number of lines that are read before records are made of them."""

MISSING: Final = "ProgressMissing"
"""The outcome of lines whose progress is gone."""

HandlerLine: TypeAlias = tuple[str | None, int]
"""A handler's name, None for a record that reached none, and the line of a record."""


def replay_file(
    export: Export,
    file: DataFile,
    process: Pipeline[object, object],
    progress: ProgressStore,
    *,
    table_name: str | None = None,
    chunk: int = CHUNK,
    stop: Callable[[], bool] = bool,
) -> Iterator[OutcomeRow]:
    """Run a pipeline on a data file, and yield the outcomes, chunk by chunk.

    Chunks in the progress do not run again, but their outcomes are yielded too. Failures run again, for the handlers
    that failed. All records run for new handlers. A failure that no handler wants any more stays, as ``"Unwanted"``.
    `table_name` is the name of the table in the pipeline, if it differs from the export's. `stop` is called before each
    chunk, and ends the replay if it returns True.

    A damaged file yields an outcome with the cause; if its checksum is wrong, no record runs. Lines without progress
    before lines with progress yield an outcome, ``"ProgressMissing"``, and run again. The caller must not run one file
    twice at the same time. Raises `NotProgress` and `ProgressNotKept`, and the exceptions of the storage.
    """
    try:
        for run in chunks_of(export, file, process, progress, table_name=table_name, chunk=chunk, stop=stop):
            if isinstance(run, Gap):
                yield OutcomeRow(file.name, None, MISSING, str(run), count=run.last - run.first + 1)
            else:
                yield from run.outcomes(file)
    except DamagedExport as problem:
        yield OutcomeRow(file.name, None, DamagedExport.__name__, str(problem))


def chunks_of(
    export: Export,
    file: DataFile,
    process: Pipeline[object, object],
    progress: ProgressStore,
    *,
    table_name: str | None,
    chunk: int,
    stop: Callable[[], bool],
    barred: Callable[[], bool] = bool,
) -> Iterator[ProgressChunk | Gap]:
    """Run a file like `replay_file`, but yield first the gaps and then the chunks. Raises `DamagedExport` as well.

    `barred` is called before each call of a handler. Once it returns True, no more calls start, and the calls that have
    not started are stored as due. A KeyboardInterrupt in a handler has the same effect, and is raised again.
    """
    handlers = frozenset(handler_names(process.routes))
    name = export.table_name if table_name is None else table_name
    known = progress.chunks(export, file)
    if known and known[-1].ends and cover(known, file) and all(each.is_done_for(handlers) for each in known):
        yield from known
        return
    yield from _gaps(known)
    make = _RecordMaker(export, file, _keys(process, name), name)
    with closing(lines_of(export, file)) as opened:
        lines = _Lines(opened)
        for before, first, last in _stretches(known, file, chunk):
            if stop():
                return
            if before is not None and before.is_done_for(handlers):
                run: ProgressChunk | None = _skipped(before, lines, progress, make)
            else:
                running = _Run(make, before, first, handlers, barred)
                run = _run_and_kept(running, process, lines, last, progress)
            if run is None:
                break
            yield run
            if barred():
                return
        if not barred() and (problem := lines.end()) is not None:
            raise problem


def _skipped(
    before: ProgressChunk, lines: _Lines, progress: ProgressStore, make: _RecordMaker
) -> ProgressChunk:
    """Skip the lines of a finished chunk, and store the chunk again if it turns out to end the file."""
    lines.skip(before.last - before.first + 1)
    run = replace(before, ends=_ends(before, make.file, lines))
    if run != before:
        progress.keep(make.export, make.file, run)
    return run


def _run_and_kept(
    running: _Run, process: Pipeline[object, object], lines: _Lines, last: int, progress: ProgressStore
) -> ProgressChunk | None:
    """Run the lines of a chunk up to the last one, store the progress, and return it; None if no line ran."""
    export, file = running.make.export, running.make.file
    try:
        running.run(process, lines, last)
        if not (parts := running.parts()):  # the file is damaged, or no more calls may start
            return None
        run, *rest = parts
        run = replace(run, ends=_ends(run, file, lines))
        # The last part first: only the first part replaces the chunk's earlier progress.
        for part in (*rest, run):
            progress.keep(export, file, part)
    except BaseException:
        for part in reversed(running.parts()):
            progress.keep(export, file, part)
        raise
    return run


def _ends(run: ProgressChunk, file: DataFile, lines: _Lines) -> bool:
    """Return whether a chunk is the last one of an undamaged file that has all lines of the manifest."""
    return run.last >= file.items and lines.end() is None


def _gaps(known: Sequence[ProgressChunk]) -> Iterator[Gap]:
    """Yield the lines between chunks that are in no chunk."""
    first = 1
    for each in known:
        if first < each.first:
            yield Gap(first, each.first - 1)
        first = each.last + 1


def cover(known: Sequence[ProgressChunk], file: DataFile) -> bool:
    """Return whether chunks cover all lines of a file."""
    return sum(each.last - each.first + 1 for each in known) == file.items


def _stretches(
    known: Sequence[ProgressChunk], file: DataFile, chunk: int
) -> Iterator[tuple[ProgressChunk | None, int, int]]:
    """Yield the chunks in the progress, and new ones (None), each with its first and its last line."""
    first = 1
    for each in known:
        yield from _new(first, each.first - 1, chunk)
        yield each, each.first, each.last
        first = each.last + 1
    yield from _new(first, file.items, chunk)


def _new(first: int, last: int, chunk: int) -> Iterator[tuple[None, int, int]]:
    return ((None, line, min(line + chunk - 1, last)) for line in range(first, last + 1, chunk))


class _Lines:
    """The lines of a data file. The lines before a problem are returned, and `end` returns the problem.

    `number` is the number of the last line returned or skipped.
    """

    def __init__(self, lines: Generator[bytes]) -> None:
        self._lines = lines
        self._problem: DamagedExport | None = None
        self.number: int = 0

    def take(self, count: int) -> list[bytes]:
        """Return this many lines, or fewer at the end of the file."""
        taken: list[bytes] = []
        try:
            taken.extend(islice(self._lines, count))
        except DamagedExport as problem:
            self._problem = problem
        self.number += len(taken)
        return taken

    def skip(self, count: int) -> None:
        """Skip this many lines."""
        while count > 0 and (taken := len(self.take(min(count, _AT_ONCE)))):
            count -= taken

    def end(self) -> DamagedExport | None:
        """Read to the end of the file, and return its problem, if any."""
        while self._problem is None and self.take(_AT_ONCE):
            pass
        return self._problem


@dataclass(frozen=True, slots=True)
class _RecordMaker:
    """Makes records from lines."""

    export: Export
    file: DataFile
    keys: tuple[str, ...]
    table_name: str

    def __call__(self, number: int, line: bytes) -> Record:
        return record_of_line(self.export, self.file, number, line, self.keys, self.table_name)


def _keys(process: Pipeline[object, object], table_name: str) -> tuple[str, ...]:
    """Return the key attributes that a model of the table marks; empty if none does."""
    for route in process.routes:
        if route.table.name == table_name and (marked := compiled_table(route.table).keys.attributes):
            return tuple(key.name for key in marked)
    return ()


class _Run:
    """Runs the lines of a chunk, batch by batch, and adds the outcomes to its earlier progress `before`.

    `line` is the last line that has run.
    """

    def __init__(
        self,
        make: _RecordMaker,
        before: ProgressChunk | None,
        first: int,
        handlers: frozenset[str],
        barred: Callable[[], bool],
    ) -> None:
        """Store the earlier progress, which is None for a new chunk, and start before the `first` line."""
        self.line: int = first - 1
        self.make = make
        self._is_new = before is None
        self._before = ProgressChunk(first, first - 1, frozenset(), {}, ()) if before is None else before
        self._handlers = handlers
        self._barred = barred
        self._handled = Counter(self._before.handled)
        self._failures: list[OutcomeRow] = []
        self._due: list[PendingCall] = []
        self._failed_before: frozenset[HandlerLine] = frozenset(map(_pair_of, self._before.failures))
        self._due_before = frozenset[HandlerLine](self._before.due)
        # Handlers and lines of this run: with a Result, not started, and refused by `where`.
        self._answered: set[HandlerLine] = set()
        self._waiting: set[HandlerLine] = set()
        self._refused: set[HandlerLine] = set()

    def run(self, process: Pipeline[object, object], lines: _Lines, last: int) -> None:
        """Run the lines up to the last one, or to the end of the file, or until no more calls may start."""
        while self.line < last and not self._barred():
            policy = (
                _Recorder(self._barred)
                if self._is_new
                else ResumePolicy(self._before, self._handlers, self._barred)
            )
            records: list[Record] = []
            while len(records) < BATCH and (
                taken := lines.take(min(_AT_ONCE, BATCH - len(records), last - lines.number))
            ):
                numbered = enumerate(taken, lines.number - len(taken) + 1)
                records += [self.make(number, line) for number, line in numbered if policy.wants(number)]
            if lines.number == self.line:
                return
            try:
                results = process.run(records, policy)
            except BaseException:
                if policy.has_called:
                    self._take_what_is_known(policy)
                    self.line = lines.number
                raise
            self._take(results, policy)
            self.line = lines.number

    def parts(self) -> list[ProgressChunk]:
        """Return the progress of the lines that ran, and the rest of the earlier progress; empty if no line ran."""
        before = self._before
        if self.line < before.first:
            return []
        failures = [each for each in map(self._still_failed, before.failures) if each is not None]
        due = [each for each in before.due if self._is_still_due(each)]
        failures += [self._unwanted(each, None) for each in before.due if self._is_lost(each)]
        run = ProgressChunk(
            before.first,
            self.line,
            self._handlers | before.handlers,
            dict(self._handled),
            (*failures, *self._failures),
            (*due, *self._due),
        )
        if self.line >= before.last:
            return [run]
        rest = replace(
            before,
            first=self.line + 1,
            handled={},
            failures=tuple(each for each in before.failures if _pair_of(each)[1] > self.line),
            due=tuple(each for each in before.due if each[1] > self.line),
        )
        return [run, rest]

    def _take(self, results: Iterable[Result[Handled[object], Failed[object]]], policy: _Recorder) -> None:
        """Add the Results of a batch."""
        for result in results:
            if isinstance(result, Failure):
                failed = result.failure()
                self._fail(failed.handler, failed.record, failed.reason, failed.location)
            else:
                handled = result.unwrap()
                self._succeed(handled.handler, handled.record)
        self._refused |= {(task.name, _line_of(task.record)) for task in policy.refused}

    def _take_what_is_known(self, policy: _Recorder) -> None:
        """Add the known outcomes of an interrupted batch; all other calls are due."""
        for task in policy.succeeded_tasks:
            self._succeed(task.name, task.record)
        for task, reason in policy.failed_tasks:
            self._fail(task.name or None, task.record, reason)
        for task in policy.open_tasks():
            self._wait(task.name, _line_of(task.record))
        self._refused |= {(task.name, _line_of(task.record)) for task in policy.refused}

    def _succeed(self, handler: str, record: Record) -> None:
        self._handled[handler] += 1
        if not self._is_new:
            self._answered.add((handler, _line_of(record)))

    def _fail(
        self, handler: str | None, record: Record, reason: Reason[object], location: str | None = None
    ) -> None:
        line = _line_of(record)
        if isinstance(reason, OutOfTime) and handler is not None:
            self._wait(handler, line)
            return
        self._answered.add((handler, line))
        named = [handler]
        if handler is None and not self._is_new and (None, line) not in self._failed_before:
            # The earlier handlers have run on the record, so that the failure counts for new handlers only.
            named = [*sorted(self._handlers - self._before.handlers)]
        outcome = OutcomeRow(
            self.make.file.name,
            handler,
            type(reason).__name__,
            detail_of(reason),
            line,
            record.event_id,
            location=location_of(reason, location),
        )
        self._failures += [replace(outcome, handler=each) for each in named]

    def _wait(self, handler: str, line: int) -> None:
        """Add a call as due; one that is already a failure or due in the earlier progress stays that."""
        pair = (handler, line)
        if pair in self._failed_before or pair in self._due_before:
            self._waiting.add(pair)
        else:
            self._due.append(pair)

    def _still_failed(self, failure: OutcomeRow) -> OutcomeRow | None:
        """Return an earlier failure if it is still open, an unwanted one if no handler wants it, and None otherwise."""
        handler, line = pair = _pair_of(failure)
        if line > self.line or pair in self._answered:
            return None
        if handler is None:  # its record reaches handlers now: each has a Result, or does not want it
            return None
        if handler not in self._handlers or pair in self._waiting or failure.outcome == Unwanted.__name__:
            return failure
        return self._unwanted((handler, line), ": ".join(filter(None, (failure.outcome, failure.detail))))

    def _unwanted(self, due: PendingCall, detail: str | None) -> OutcomeRow:
        """Return the outcome ``"Unwanted"`` for an open call that no handler wants, with its earlier detail."""
        handler, line = due
        file = self.make.file.name
        event_id = event_id_of(self.make.export, self.make.file, line)
        return OutcomeRow(file, handler, Unwanted.__name__, detail, line, event_id)

    def _is_still_due(self, due: PendingCall) -> bool:
        """Return whether a call is still due: it could not start, or its handler no longer exists."""
        return due[1] <= self.line and (due in self._waiting or due[0] not in self._handlers)

    def _is_lost(self, due: PendingCall) -> bool:
        """Return whether a due call did not reach its handler, although `where` has not refused it."""
        told = due in self._answered or due in self._refused or self._is_still_due(due)
        return due[1] <= self.line and not told


def _pair_of(failure: OutcomeRow) -> HandlerLine:
    return failure.handler, failure.line or 0


def _line_of(record: Record) -> int:
    return int((record.event_id or "").rpartition("/")[2])  # as record_of_line numbers them


class _Recorder(Policy):
    """Admits every task until no more calls may start, and stores the outcome of each."""

    remembers = True

    def __init__(self, barred: Callable[[], bool]) -> None:
        super().__init__()
        self._barred = barred
        self._expected: list[Iterable[Task]] = []
        self.succeeded_tasks: list[Task] = []
        self.failed_tasks: list[tuple[Task, Reason[object]]] = []
        self.refused: list[Task] = []

    def wants(self, line: int) -> bool:  # noqa: ARG002 (for subclasses)
        """Return whether any handler has to run on a line."""
        return True

    @property
    def has_called(self) -> bool:
        """Return whether the call of a handler has ended."""
        return bool(self.succeeded_tasks) or any(task.name for task, _ in self.failed_tasks)

    def open_tasks(self) -> Iterator[Task]:
        """Yield the planned tasks without an outcome."""
        known = {(task.name, task.position) for task in self.succeeded_tasks + self.refused}
        known |= {(task.name, task.position) for task, _ in self.failed_tasks}
        for task in chain.from_iterable(self._expected):
            if (task.name, task.position) not in known and not self.is_settled(task):
                yield task

    @override
    def planned(self, tasks: PlannedTasks, /) -> None:
        self._expected.append(tasks)

    @override
    def admit(self, task: Task, /) -> Reason[Never] | Skip | None:
        if self.is_settled(task):
            return SKIP
        return OutOfTime() if self._barred() else None

    @override
    def finished(
        self, task: Task, reason: Reason[object] | None, /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        if reason is None:
            self.succeeded_tasks.append(task)
        else:
            self.failed_tasks.append((task, reason))

    @override
    def unwanted(self, task: Task, /) -> Reason[Never] | None:
        self.refused.append(task)
        return None


class ResumePolicy(_Recorder):
    """Admits the failed and due tasks of an earlier run, and all tasks of new handlers."""

    def __init__(
        self, before: ProgressChunk, handlers: frozenset[str], barred: Callable[[], bool] = bool
    ) -> None:
        """Store the earlier chunk and the current handlers."""
        super().__init__(barred)
        self._known = before.handlers
        self._runs_all = not handlers <= before.handlers
        self._due: frozenset[HandlerLine] = frozenset({*map(_pair_of, before.failures), *before.due})
        self._lines = {line for _, line in self._due}

    @override
    def wants(self, line: int) -> bool:
        return self._runs_all or line in self._lines

    @override
    def is_settled(self, task: Task, /) -> bool:
        line = _line_of(task.record)
        if (None, line) in self._due:  # the record reached no handler then
            return False
        if not task.name:  # it reaches no handler now: a failure of the handlers that have not run on it
            return not self._runs_all
        return task.name in self._known and (task.name, line) not in self._due
