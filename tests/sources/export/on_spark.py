"""A replay on a Spark of this machine, summed up."""

# pyright: reportMissingModuleSource=false
# (pyspark has no wheel, and is installed for `make spark` and `make million` alone)

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from streamfn.exports import OutcomeRow
from streamfn.spark import replay


def replayed_on_spark(place: Path, pipeline: str, progress: Path) -> Counter[tuple[str, str]] | None:
    """Replay an export, and count outcomes by handler; None where there is no Spark."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        return None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    try:
        rows = replay(session, str(place), pipeline, progress=str(progress)).collect()
    finally:
        session.stop()
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        each = OutcomeRow(*row)  # pyright: ignore[reportArgumentType] (its fields are the columns)
        found[each.handler or "", each.outcome] += each.count
    return found
