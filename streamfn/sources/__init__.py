"""Sources: readers of changes that do not come from Lambda.

`StreamReader` reads a DynamoDB stream and calls a function with the records, as Lambda's event source mapping would.
"""

from streamfn._aws import ReadStreamsClient as StreamsClient
from streamfn._aws import TablesClient
from streamfn.sources._checkpoints import (
    After,
    CheckpointInUse,
    Checkpoints,
    Drained,
    FileCheckpoints,
    MemoryCheckpoints,
    NotACheckpoint,
    Position,
    Since,
)
from streamfn.sources._notices import (
    Clock,
    Finished,
    Notice,
    NotSettled,
    Reading,
    Report,
    Trimmed,
    TurnedAway,
    log_notice,
)
from streamfn.sources._reader import Batch, Payload, Start, StreamReader
from streamfn.sources._shards import NoStream

__all__ = [
    "After",
    "Batch",
    "CheckpointInUse",
    "Checkpoints",
    "Clock",
    "Drained",
    "FileCheckpoints",
    "Finished",
    "MemoryCheckpoints",
    "NoStream",
    "NotACheckpoint",
    "NotSettled",
    "Notice",
    "Payload",
    "Position",
    "Reading",
    "Report",
    "Since",
    "Start",
    "StreamReader",
    "StreamsClient",
    "TablesClient",
    "Trimmed",
    "TurnedAway",
    "log_notice",
]
