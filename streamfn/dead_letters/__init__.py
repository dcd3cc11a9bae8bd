"""Dead letters: where records go that a handler gave up, and from where they are read back.

`SqsDeadLetters` puts them into a queue, `S3DeadLetters` into a bucket, and `MemoryDeadLetters` is the one for
tests. Others are made by fulfilling the protocol `DeadLetters`, and `LetterSource` to be read back. `redrive`
runs again what they hold.
"""

from typing import TYPE_CHECKING

from streamfn._letters import DeadLetter, DeadLetters, NotADeadLetter, read_letter
from streamfn.dead_letters._clients import S3Client, SqsClient, StreamsClient
from streamfn.dead_letters._memory import MemoryDeadLetters
from streamfn.dead_letters._s3 import S3DeadLetters
from streamfn.dead_letters._sources import LetterSource, Received, SigningKeys
from streamfn.dead_letters._sqs import SqsDeadLetters

if TYPE_CHECKING:
    from streamfn.dead_letters._redriving.redrive import redrive
    from streamfn.dead_letters._redriving.redriven import Redriven

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "LetterSource",
    "MemoryDeadLetters",
    "NotADeadLetter",
    "Received",
    "Redriven",
    "S3Client",
    "S3DeadLetters",
    "SigningKeys",
    "SqsClient",
    "SqsDeadLetters",
    "StreamsClient",
    "read_letter",
    "redrive",
]


if not TYPE_CHECKING:  # or a checker would believe that there is any name here

    def __getattr__(name: str) -> object:
        """Load redriving when it is asked for: the function that puts letters aside has no need of it."""
        if name not in {"Redriven", "redrive"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from streamfn.dead_letters._redriving import redrive, redriven

        return {"Redriven": redriven.Redriven, "redrive": redrive.redrive}[name]
