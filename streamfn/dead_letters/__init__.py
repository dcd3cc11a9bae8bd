"""Dead letters: where records go that a handler gave up, and from where they are read back.

`SqsDeadLetters` puts them into a queue, `S3DeadLetters` into a bucket, and `MemoryDeadLetters` is the one for
tests. Others are made by fulfilling the protocol `DeadLetters`, and `LetterSource` to be read back.
`streamfn.redrive` runs again what they hold.
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
