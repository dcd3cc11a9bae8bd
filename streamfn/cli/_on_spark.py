"""A replay on Spark, in the session that there is or in one of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import cast

from streamfn._misuse import Misuse
from streamfn.cli._summaries import Summary, summed


def on_spark(pipeline: str, location: str, progress: str | None, table: str | None, failures: int) -> Summary:
    """Run it on Spark. Fails with `Misuse` where there is none."""
    try:
        from pyspark.sql import SparkSession  # pyright: ignore[reportMissingModuleSource] (only types are here)
    except ImportError:
        raise Misuse(
            "there is no Spark here: install streamfn[spark], or call this where there is, by spark-submit say"
        ) from None
    from streamfn import spark
    from streamfn.sources.export import Outcome

    prepare_workers()
    frame = spark.replay(
        SparkSession.builder.getOrCreate(), location, pipeline, progress=progress, table_name=table
    )
    # A row has the fields of an Outcome; a partition of them is fetched at a time.
    rows = (cast("tuple[str, str | None, str]", row) for row in frame.toLocalIterator())
    return summed((Outcome(*row) for row in rows), failures)


def prepare_workers(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have Spark's workers on this machine be of this Python, and find modules where this command does."""
    environment.setdefault("PYSPARK_PYTHON", sys.executable)
    before = environment.get("PYTHONPATH")
    here = str(Path.cwd())
    environment["PYTHONPATH"] = here if not before else f"{here}{os.pathsep}{before}"
