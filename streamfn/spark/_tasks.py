"""Tasks: what an executor of Spark does with a data file, which needs nothing of Spark itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from streamfn._loading import load_pipeline
from streamfn._misuse import Misuse
from streamfn.sources.export import DamagedExport, DataFile, NotProgress, Outcome, replay_file
from streamfn.sources.export._running import MISSING, cover
from streamfn.sources.export._workers import Unfinished, Work, problem_of

SCHEMA: Final = (
    "data_file STRING NOT NULL, handler STRING, outcome STRING NOT NULL, detail STRING, line BIGINT, event_id STRING, "
    "count BIGINT NOT NULL, location STRING"
)
_NOT_KEPT: Final = frozenset({DamagedExport.__name__, MISSING})
"""The outcomes that are no part of progress."""

_row: Final = attrgetter("data_file", "handler", "outcome", "detail", "line", "event_id", "count", "location")


def run_file(work: Work, file: DataFile) -> list[Outcome | Misuse | NotProgress]:
    """Run a data file on an executor, and tell only what is not kept as progress."""
    try:
        # Python keeps the module, and so each worker of Spark has one pipeline for all of its tasks.
        process = load_pipeline(work.pipeline)
    except Misuse as problem:
        return [Misuse(f"on an executor, {problem}; ship it there, with --py-files or in its environment")]
    outcomes = replay_file(
        work.export, file, process, work.progress, table_name=work.table_name, chunk=work.chunk
    )
    try:
        return [each for each in outcomes if each.outcome in _NOT_KEPT]
    except NotProgress as problem:
        return [problem]
    except Exception as error:  # noqa: BLE001 (raised, it would have Spark run the handlers again, at once)
        return [Outcome(file.name, None, Unfinished.__name__, problem_of(error))]


def rows_of(work: Work, told: tuple[DataFile, Sequence[Outcome]]) -> Iterator[tuple[object, ...]]:
    """Give what came of a data file, as it is kept, and what kept it from being finished."""
    file, problems = told
    chunks = work.progress.chunks(work.export, file)
    for chunk in chunks:
        yield from map(_row, chunk.outcomes(file))
    if not cover(chunks, file) and all(each.outcome == MISSING for each in problems):
        raise LookupError(
            f"the progress of {file.name} at {work.progress.place} is gone, or is not where each executor reaches it"
        )
    yield from map(_row, problems)
