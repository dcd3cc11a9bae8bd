"""Exports of a table to S3, read as the records of a stream, and replayed through a pipeline.

`open_export` reads the manifests of an export; `records_of` and `events_of` read its items. `replay` runs a pipeline
on all of it, in processes on all cores, and resumes an interrupted run; `streamfn.spark` does so on a cluster.
"""

from typing import TYPE_CHECKING

from streamfn._aws import S3Client
from streamfn._errors import names_that_moved
from streamfn.exports._export import (
    DamagedExport,
    DataFile,
    Export,
    NotAnExport,
    events_of,
    open_export,
    records_of,
)
from streamfn.exports._progress import (
    NotProgress,
    OutcomeRow,
    ProgressInUse,
    ProgressNotKept,
    ProgressStore,
    progress_at,
)
from streamfn.exports._replay import Progress, Replay, replay
from streamfn.exports._running import replay_file

__all__ = [
    "DamagedExport",
    "DataFile",
    "Export",
    "NotAnExport",
    "NotProgress",
    "OutcomeRow",
    "Progress",
    "ProgressInUse",
    "ProgressNotKept",
    "ProgressStore",
    "Replay",
    "S3Client",
    "events_of",
    "open_export",
    "progress_at",
    "records_of",
    "replay",
    "replay_file",
]

if not TYPE_CHECKING:  # or a checker would believe that there is any name here
    __getattr__ = names_that_moved(
        __name__,
        {
            "Outcome": "streamfn.exports:OutcomeRow",
        },
    )
