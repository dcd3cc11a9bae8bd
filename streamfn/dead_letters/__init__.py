"""Dead letters: records that a handler gave up, stored for a later attempt.

`SqsDeadLetters` stores them in a queue, `S3DeadLetters` in a bucket, and `MemoryDeadLetters` is for tests. Other
stores implement the protocol `DeadLetters`, and `LetterSource` to be read back. `streamfn.redrive` runs stored letters
again.
"""

from typing import TYPE_CHECKING

from streamfn._aws import S3Client, SqsClient, StreamsClient
from streamfn.dead_letters._protocol import (
    DeadLetter,
    DeadLetters,
    LetterSource,
    MemoryDeadLetters,
    NotADeadLetter,
    Received,
    SigningKeys,
    read_letter,
)
from streamfn.dead_letters._s3 import S3DeadLetters
from streamfn.dead_letters._sqs import SqsDeadLetters

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "LetterSource",
    "MemoryDeadLetters",
    "NotADeadLetter",
    "Received",
    "S3Client",
    "S3DeadLetters",
    "SigningKeys",
    "SqsClient",
    "SqsDeadLetters",
    "StreamsClient",
    "read_letter",
]

if not TYPE_CHECKING:  # or a checker would believe that there is any name here
    from streamfn._errors import names_that_moved

    __getattr__ = names_that_moved(__name__, {"Redriven": "streamfn.redrive", "redrive": "streamfn.redrive"})
