"""Replays on Spark: a pipeline run on an export that is too large for one machine, on EMR, Glue or another cluster.

Each data file is a task, and does the work of one process of a local replay. Outcomes are stored as progress, chunk by
chunk, before Spark receives them; the DataFrame is read from the progress. So Spark may evaluate it any number of
times, and restart a task, and no handler runs twice on a record that it has handled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamfn._errors import ConfigurationError
from streamfn._lambda import load_pipeline
from streamfn.exports import (
    DamagedExport,
    DataFile,
    NotProgress,
    OutcomeRow,
    open_export,
    progress_at,
    replay_file,
)
from streamfn.exports._export import Location
from streamfn.exports._progress import check_claim, claimed, default_progress
from streamfn.exports._replay import Unfinished, WorkerJob, problem_of
from streamfn.exports._running import CHUNK, MISSING, cover

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import DataFrame, SparkSession


__all__ = ["replay"]


# Tasks: the work of a Spark executor on a data file, which needs no part of Spark itself.

SCHEMA: Final = (
    "data_file STRING NOT NULL, handler STRING, outcome STRING NOT NULL, detail STRING, line BIGINT, event_id STRING, "
    "count BIGINT NOT NULL, location STRING"
)
_NOT_KEPT: Final = frozenset({DamagedExport.__name__, MISSING})
"""The outcomes that are no part of progress."""

_row: Final = attrgetter("data_file", "handler", "outcome", "detail", "line", "event_id", "count", "location")


def run_file(work: WorkerJob, file: DataFile) -> list[OutcomeRow | ConfigurationError | NotProgress]:
    """Run a data file on an executor, and return only the outcomes that progress does not keep."""
    try:
        # Python keeps the module, so each worker of Spark has one pipeline for all of its tasks.
        process = load_pipeline(work.pipeline)
    except ConfigurationError as problem:
        return [
            ConfigurationError(
                f"on an executor, {problem}; ship it there, with --py-files or in its environment"
            )
        ]
    outcomes = replay_file(
        work.export, file, process, work.progress, table_name=work.table_name, chunk=work.chunk
    )
    try:
        return [each for each in outcomes if each.outcome in _NOT_KEPT]
    except NotProgress as problem:
        return [problem]
    except Exception as error:  # noqa: BLE001 (raised, it would have Spark run the handlers again, at once)
        return [OutcomeRow(file.name, None, Unfinished.__name__, problem_of(error))]


def rows_of(work: WorkerJob, told: tuple[DataFile, Sequence[OutcomeRow]]) -> Iterator[tuple[object, ...]]:
    """Yield the outcomes of a data file, as stored, and the problems that kept it from being finished."""
    file, problems = told
    chunks = work.progress.chunks(work.export, file)
    for chunk in chunks:
        yield from map(_row, chunk.outcomes(file))
    if not cover(chunks, file) and all(each.outcome == MISSING for each in problems):
        raise LookupError(
            f"the progress of {file.name} at {work.progress.place} is gone, or is not where each executor reaches it"
        )
    yield from map(_row, problems)


# Replays on Spark: tasks for the data files of an export, and a DataFrame of their outcomes.

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
    """Run a pipeline on a whole export, one task for each data file, and return a DataFrame of the outcomes.

    The replay runs at once; the function returns at its end. `location` and `progress` are places that each executor
    reaches: in S3, ``s3://bucket/prefix``, or in a shared file system. `pipeline` is a name such as ``"app:process"``;
    its module comes to the executors with ``--py-files``, or within their environment. By default progress is stored
    beside the manifest. A second run with the same progress goes on where the first ended, and runs failures again,
    for the handlers that failed. `table_name` is the name of the table in the pipeline, if the export is of a copy.
    Spark restarts a task whose process dies, and the task repeats up to `chunk` lines.

    The rows have the fields of `streamfn.exports.OutcomeRow`, and a data file is a partition: for each handler and
    chunk a row with the `count` of ``"handled"`` records, and for each failure a row with its reason. A damaged file is
    a row, ``"DamagedExport"``, and so is a file that could not run to its end, ``"Unfinished"``; the others run all the
    same. Each time that Spark evaluates the DataFrame, it reads the stored progress and runs no handler; so the
    DataFrame shows later runs as well, and fails once the progress is deleted.

    Lines whose progress is gone, although later lines have some, run again, and are a row ``"ProgressMissing"``.

    Raises `NotAnExport` and `DamagedExport` for manifests; `NotProgress`; `ProgressInUse` if another replay uses the
    progress; `ConfigurationError` for a name without a pipeline, here or on an executor, for a session of Spark
    Connect, which cannot do this, and if Spark runs tasks twice at once (``spark.speculation``); and Spark's own
    errors.
    """
    context = _context(spark)
    if chunk < 1:
        raise ConfigurationError(f"chunk={chunk} should be 1 or more")
    load_pipeline(pipeline)
    export = open_export(_absolute(location))
    store = default_progress(export, pipeline) if progress is None else progress_at(_absolute(progress))
    store = replace(store, pipeline=pipeline)
    work = WorkerJob(export, pipeline, store, table_name, chunk)
    files = sorted(export.files, key=lambda file: file.items, reverse=True)
    partitions = max(len(files), 1)
    problems: dict[str, list[OutcomeRow]] = {file.name: [] for file in files}
    with claimed(store.place) as claim:
        found = context.parallelize(files, partitions).flatMap(partial(run_file, work)).collect()
        check_claim(claim, store.place)
    for problem in found:
        if not isinstance(problem, OutcomeRow):
            raise problem
        problems[problem.data_file].append(problem)
    told = [(file, problems[file.name]) for file in files]
    rows = context.parallelize(told, partitions).flatMap(partial(rows_of, work))
    return spark.createDataFrame(rows, SCHEMA, verifySchema=False)


def _context(spark: SparkSession) -> SparkContext:
    try:
        context = spark.sparkContext
    except (AttributeError, NotImplementedError):
        raise ConfigurationError(
            "a session of Spark Connect cannot replay: run this on the cluster, with spark-submit or as its job"
        ) from None
    if context.getConf().get("spark.speculation", "false").lower() == "true":
        raise ConfigurationError(
            "spark.speculation runs a task twice at once, and handlers with it: start the session with it set to false"
        )
    return context


def _absolute(location: Location) -> str:
    """Return a folder's absolute path, which is the same for processes in other folders."""
    text = os.fspath(location)
    return text if "://" in text else str(Path(text).absolute())
