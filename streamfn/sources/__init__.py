"""Sources: the ways in to changes on which no Lambda function is called.

`StreamReader` reads a DynamoDB stream and calls a function with what it reads, as Lambda's event source mapping would.
"""

from streamfn.sources._batch import Batch, Payload
from streamfn.sources._checkpoints import Checkpoints, MemoryCheckpoints
from streamfn.sources._client import StreamsClient, TablesClient
from streamfn.sources._clock import Clock
from streamfn.sources._files import CheckpointInUse, FileCheckpoints, NotACheckpoint
from streamfn.sources._notices import (
    Finished,
    Notice,
    NotSettled,
    Reading,
    Report,
    Trimmed,
    TurnedAway,
    log_notice,
)
from streamfn.sources._positions import After, Drained, Position, Since
from streamfn.sources._reader import StreamReader
from streamfn.sources._requests import NoStream
from streamfn.sources._rounds import Start

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
