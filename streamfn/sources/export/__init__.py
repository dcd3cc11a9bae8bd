"""Exports of a table to S3: read as the records that a stream would have carried, and replayed through a pipeline.

`open_export` finds what an export holds, `records_of` and `events_of` read it. `replay` runs a pipeline on all of it,
in processes on all cores, and goes on where an earlier run was interrupted; `streamfn.spark` does so on a cluster.
"""

from streamfn.sources.export._claims import ProgressInUse
from streamfn.sources.export._client import S3Client
from streamfn.sources.export._manifests import DamagedExport, DataFile, Export, NotAnExport, open_export
from streamfn.sources.export._outcomes import Outcome
from streamfn.sources.export._progress import NotProgress, ProgressNotKept, ProgressStore, progress_at
from streamfn.sources.export._reading import events_of, records_of
from streamfn.sources.export._replays import Progress, Replay, replay
from streamfn.sources.export._running import replay_file

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
