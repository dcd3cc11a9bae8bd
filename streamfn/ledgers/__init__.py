"""Ledgers: the memory of a function, from one invocation to the next, of which handlers have settled which records.

`DynamoDBLedger` is the ledger for Lambda, `MemoryLedger` the one for tests. Other ledgers implement the protocol
`Ledger`.
"""

from streamfn._aws import LedgerBusy, LedgerClient
from streamfn.ledgers._dynamodb import DynamoDBLedger
from streamfn.ledgers._items import LedgerTableClient, UnreadableSegment
from streamfn.ledgers._protocol import Entry, Ledger, MemoryLedger, Pair, Stretch

__all__ = [
    "DynamoDBLedger",
    "Entry",
    "Ledger",
    "LedgerBusy",
    "LedgerClient",
    "LedgerTableClient",
    "MemoryLedger",
    "Pair",
    "Stretch",
    "UnreadableSegment",
]
