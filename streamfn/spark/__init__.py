"""Replays on Spark: a pipeline run on an export that is too large for one machine, on EMR, Glue or another cluster.

Each data file is a task, and does what a process of a local replay does. What came of it is kept as progress, chunk by
chunk, before Spark hears of it; the DataFrame is read from there. So Spark may evaluate that as often as it likes, and
begin a task again, without a handler running twice on what it has done.
"""

from streamfn.spark._replay import replay

__all__ = ["replay"]
