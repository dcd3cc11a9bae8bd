"""Exports of a table to S3, read as the records of a stream, and replayed through a pipeline.

`open_export` reads the manifests of an export; `records_of` and `events_of` read its items. `replay` runs a pipeline
on all of it, in processes on all cores, and resumes an interrupted run; `streamfn.spark` does so on a cluster.
"""

from streamfn._aws import ExportS3Client as S3Client
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
