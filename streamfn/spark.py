"""Replays on Spark: a pipeline run on an export that is too large for one machine, on EMR, Glue or another cluster.

Each data file is a task, and does what a process of a local replay does. What came of it is kept as progress, chunk by
chunk, before Spark hears of it; the DataFrame is read from there. So Spark may evaluate that as often as it likes, and
begin a task again, without a handler running twice on what it has done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamfn._errors import Misuse
from streamfn._lambda import load_pipeline
from streamfn.exports import (
    DamagedExport,
    DataFile,
    NotProgress,
    Outcome,
    open_export,
    progress_at,
    replay_file,
)
from streamfn.exports._export import Location
from streamfn.exports._progress import check_claim, claimed, usual_place
from streamfn.exports._replay import Unfinished, Work, problem_of
from streamfn.exports._running import CHUNK, MISSING, cover

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession


# Replays on Spark: a pipeline run on an export that is too large for one machine, on EMR, Glue or another
# cluster.
#
# Each data file is a task, and does what a process of a local replay does. What came of it is kept as progress,
# chunk by chunk, before Spark hears of it; the DataFrame is read from there. So Spark may evaluate that as
# often as it likes, and begin a task again, without a handler running twice on what it has done.

__all__ = ["replay"]


# Tasks: what an executor of Spark does with a data file, which needs nothing of Spark itself.

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


# Replays on Spark: tasks for the data files of an export, and a DataFrame of what came of them.

# pyright: reportMissingModuleSource=false
# (pyspark has no wheel, and is installed for `make spark` alone; its types are checked by stubs)


def replay(
    spark: SparkSession,
    location: Location,
    pipeline: str,
    *,
    progress: Location | None = None,
    table_name: str | None = None,
    chunk: int = CHUNK,
) -> DataFrame:
    """Run a pipeline on all that an export holds, a task for each data file, and give a DataFrame of what came of it.

    It runs at once, and returns when all has been run. `location` and `progress` are places that each executor
    reaches: in S3, ``s3://bucket/prefix``, or in a file system that all share. `pipeline` is named as in
    ``"app:process"``; its module comes to the executors with ``--py-files``, or within their environment. By default
    progress is kept beside the manifest. Run again with the same, it goes on where it ended, and runs again what
    failed, for the handlers that failed. `table_name` is the name under which the pipeline knows the table, if the
    export is of a copy. A task whose process dies is begun again by Spark, and repeats up to `chunk` lines.

    The rows have the fields of `streamfn.sources.export.Outcome`, and a data file is a partition: for each handler and
    chunk a row with the `count` of what was ``"handled"``, and for each failure one with its reason. A damaged file is
    a row, ``"DamagedExport"``, and so is one that could not be run to its end, ``"Unfinished"``; the others are run all
    the same. Each time that Spark evaluates the DataFrame, it reads what is kept as progress and runs no handler; so it
    tells of later runs as well, and fails once the progress is deleted.

    Lines whose progress is gone, though later lines have some, are run again, and are a row ``"ProgressMissing"``.

    Fails with `NotAnExport` and `DamagedExport` for manifests, with `NotProgress`, and with `ProgressInUse` where
    another replay has the progress; with `Misuse` for a name that leads to no pipeline, here or on an executor, for a
    session of Spark Connect, which cannot do this, and where Spark runs tasks twice at once (``spark.speculation``);
    and with Spark's own errors.
    """
    context = _context(spark)
    if chunk < 1:
        raise Misuse(f"chunk={chunk} should be 1 or more")
    load_pipeline(pipeline)
    export = open_export(_absolute(location))
    store = usual_place(export, pipeline) if progress is None else progress_at(_absolute(progress))
    store = replace(store, pipeline=pipeline)
    work = Work(export, pipeline, store, table_name, chunk)
    files = sorted(export.files, key=lambda file: file.items, reverse=True)
    partitions = max(len(files), 1)
    problems: dict[str, list[Outcome]] = {file.name: [] for file in files}
    with claimed(store.place) as claim:
        found = context.parallelize(files, partitions).flatMap(partial(run_file, work)).collect()
        check_claim(claim, store.place)
    for problem in found:
        if not isinstance(problem, Outcome):
            raise problem
        problems[problem.data_file].append(problem)
    told = [(file, problems[file.name]) for file in files]
    rows = context.parallelize(told, partitions).flatMap(partial(rows_of, work))
    return spark.createDataFrame(rows, SCHEMA, verifySchema=False)


def _context(spark: SparkSession) -> SparkContext:
    try:
        context = spark.sparkContext
    except (AttributeError, NotImplementedError):
        raise Misuse(
            "a session of Spark Connect cannot replay: run this on the cluster, with spark-submit or as its job"
        ) from None
    if context.getConf().get("spark.speculation", "false").lower() == "true":
        raise Misuse(
            "spark.speculation runs a task twice at once, and handlers with it: start the session with it set to false"
        )
    return context


def _absolute(location: Location) -> str:
    """Name a folder so that it is the same one for processes that are at home elsewhere."""
    text = os.fspath(location)
    return text if "://" in text else str(Path(text).absolute())
