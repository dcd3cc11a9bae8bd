"""Running the handlers of a pipeline on a data file, chunk by chunk, and none of them twice on what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Final

from returns.result import Failure
from typing_extensions import override

from streamfn._execution.gate import Gate, Turn
from streamfn._failures import Failed
from streamfn._pipeline import Pipeline
from streamfn._records import Record
from streamfn._reports import detail_of, location_of
from streamfn._routes import handler_names
from streamfn.sources.export._lines import lines_of, record_of_line
from streamfn.sources.export._manifests import DamagedExport, DataFile, Export
from streamfn.sources.export._outcomes import Outcome
from streamfn.sources.export._progress import Chunk, ProgressStore

CHUNK: Final = 10_000
"""How many lines are run before their progress is kept, unless something else is asked for."""

BATCH: Final = 1_000
"""How many records are run at a time, and then forgotten: the more, the longer takes the collection of garbage."""


def replay_file(
    export: Export,
    file: DataFile,
    process: Pipeline[object, object],
    progress: ProgressStore,
    *,
    table_name: str | None = None,
    chunk: int = CHUNK,
    stop: Callable[[], bool] = bool,
) -> Iterator[Outcome]:
    """Run a pipeline on a data file, and give what came of it, chunk by chunk.

    What was run before and is kept as progress is not run again, and given all the same; what failed then is run
    again, for the handlers that failed, and so is all of it for handlers that were not there then. `table_name` is that
    under which the pipeline knows the table, where it is another one than the export's. Between chunks, `stop` is asked
    whether to end.

    A damaged file gives an outcome that says so; of one whose checksum is wrong nothing is run. It fails with
    `NotProgress`, and with what the places raise.
    """
    try:
        for run in chunks_of(export, file, process, progress, table_name=table_name, chunk=chunk, stop=stop):
            yield from run.outcomes(file)
    except DamagedExport as problem:
        yield Outcome(file.name, None, DamagedExport.__name__, str(problem))


def chunks_of(
    export: Export,
    file: DataFile,
    process: Pipeline[object, object],
    progress: ProgressStore,
    *,
    table_name: str | None,
    chunk: int,
    stop: Callable[[], bool],
) -> Iterator[Chunk]:
    """Do the same, and give the chunks themselves. Fails with `DamagedExport` besides."""
    handlers = frozenset(handler_names(process.routes))
    name = export.table_name if table_name is None else table_name
    keys = _keys(process, name)
    known = progress.chunks(export, file)
    if known and known[-1].last >= file.items and all(each.is_done_for(handlers) for each in known):
        yield from known
        return
    with closing(lines_of(export, file)) as lines:
        for before, first in _stretches(known, file, chunk):
            if stop():
                return
            last = min(first + chunk - 1, file.items) if before is None else before.last
            if before is not None and before.is_done_for(handlers):
                _skip(lines, last - first + 1)
                yield before
                continue
            gate = Gate() if before is None else ReplayGate(before, handlers)
            texts = enumerate(islice(lines, last - first + 1), first)
            records = (
                record_of_line(export, file, line, text, keys, name)
                for line, text in texts
                if not isinstance(gate, ReplayGate) or gate.wants(line)
            )
            blank = Chunk(first, last, handlers, {}, ())
            run = _run(process, records, gate, file, blank if before is None else before)
            progress.keep(export, file, run)
            yield run
        _skip(lines, 1)  # at its end the file tells whether it was too long


def _stretches(known: Sequence[Chunk], file: DataFile, chunk: int) -> Iterator[tuple[Chunk | None, int]]:
    """Give the chunks that were run, and the first lines of those that are to come."""
    first = 1
    for each in known:
        yield each, each.first
        first = each.last + 1
    yield from ((None, line) for line in range(first, file.items + 1, chunk))


def _skip(lines: Iterator[bytes], count: int) -> None:
    for _ in islice(lines, count):
        pass


def _keys(process: Pipeline[object, object], table_name: str) -> tuple[str, ...]:
    """Find the attributes that are keys, if a model of the table marks them."""
    for route in process.routes:
        if route.table.name == table_name and (marked := route.table.key_attributes.attributes):
            return tuple(key.name for key in marked)
    return ()


def _run(
    process: Pipeline[object, object], records: Iterator[Record], gate: Gate, file: DataFile, before: Chunk
) -> Chunk:
    """Run what the gate lets through of a chunk, and add it to what is known of it."""
    handlers = frozenset(handler_names(process.routes))
    handled = Counter(before.handled)
    # Of handlers that are no longer there, nobody can say more than was said.
    failures = [each for each in before.failures if each.handler not in {None, *handlers}]
    while batch := list(islice(records, BATCH)):
        for result in process.run(batch, gate):
            if isinstance(result, Failure):
                failures.append(_failure(file, result.failure()))
            else:
                handled[result.unwrap().handler] += 1
    return replace(
        before, handlers=handlers | before.handlers, handled=dict(handled), failures=tuple(failures)
    )


def _failure(file: DataFile, failed: Failed[object]) -> Outcome:
    event_id = failed.record.event_id or ""
    line = int(event_id.rpartition("/")[2])  # as record_of_line numbers them
    reason = failed.reason
    return Outcome(
        file.name,
        failed.handler,
        type(reason).__name__,
        detail_of(reason),
        line,
        event_id,
        location=location_of(reason, failed.location),
    )


class ReplayGate(Gate):
    """Lets through what failed in an earlier run, and all for handlers that were not there then."""

    def __init__(self, before: Chunk, handlers: frozenset[str]) -> None:
        """Take the chunk as it was, and the handlers that there are."""
        super().__init__()
        self._known = before.handlers
        self._runs_all = not handlers <= before.handlers
        self._lines = {each.line for each in before.failures}
        self._due = {(each.handler, each.event_id) for each in before.failures}

    def wants(self, line: int) -> bool:
        """Whether anything is to run on a line."""
        return self._runs_all or line in self._lines

    @override
    def settled(self, turn: Turn, /) -> bool:
        event_id = turn.record.event_id
        if (None, event_id) in self._due:  # it reached no handler then
            return False
        return turn.name in {"", *self._known} and (turn.name, event_id) not in self._due
