"""Ledgers: the memory of a function, from one invocation to the next, of which handlers have settled which records.

`DynamoDBLedger` is the ledger for Lambda, `MemoryLedger` the one for tests. Other ledgers implement the protocol
`Ledger`.
"""

from typing import TYPE_CHECKING

from streamfn._aws import LedgerClient, LedgerTableClient
from streamfn._errors import names_that_moved
from streamfn.ledgers._dynamodb import DynamoDBLedger, LedgerThrottled
from streamfn.ledgers._items import UnreadableSegment
from streamfn.ledgers._protocol import Entry, Key, Ledger, MemoryLedger, SequenceRange

__all__ = [
    "DynamoDBLedger",
    "Entry",
    "Key",
    "Ledger",
    "LedgerClient",
    "LedgerTableClient",
    "LedgerThrottled",
    "MemoryLedger",
    "SequenceRange",
    "UnreadableSegment",
]

if not TYPE_CHECKING:  # or a checker would believe that there is any name here
    __getattr__ = names_that_moved(
        __name__,
        {
            "LedgerBusy": "streamfn.ledgers:LedgerThrottled",
            "Pair": "streamfn.ledgers:Key",
            "Stretch": "streamfn.ledgers:SequenceRange",
        },
    )
