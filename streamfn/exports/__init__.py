"""Exports of a table to S3: read as the records that a stream would have carried, and replayed through a pipeline.

`open_export` finds what an export holds, `records_of` and `events_of` read it. `replay` runs a pipeline on all of it,
in processes on all cores, and goes on where an earlier run was interrupted; `streamfn.spark` does so on a cluster.
"""

from streamfn._aws import S3Client
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
    Outcome,
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
    "Outcome",
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
