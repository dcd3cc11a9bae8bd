"""Sources: readers of changes that do not come from Lambda.

`StreamReader` reads a DynamoDB stream and calls a function with the records, as Lambda's event source mapping would.
"""

from typing import TYPE_CHECKING

from streamfn._aws import StreamsClient, TablesClient
from streamfn._errors import names_that_moved
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
    Notice,
    NoticeReport,
    NotSettled,
    RequestThrottled,
    ShardFinished,
    ShardStarted,
    Trimmed,
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
    "MemoryCheckpoints",
    "NoStream",
    "NotACheckpoint",
    "NotSettled",
    "Notice",
    "NoticeReport",
    "Payload",
    "Position",
    "RequestThrottled",
    "ShardFinished",
    "ShardStarted",
    "Since",
    "Start",
    "StreamReader",
    "StreamsClient",
    "TablesClient",
    "Trimmed",
    "log_notice",
]

if not TYPE_CHECKING:  # or a checker would believe that there is any name here
    __getattr__ = names_that_moved(
        __name__,
        {
            "Finished": "streamfn.sources:ShardFinished",
            "Reading": "streamfn.sources:ShardStarted",
            "Report": "streamfn.sources:NoticeReport",
            "TurnedAway": "streamfn.sources:RequestThrottled",
        },
    )
