"""Ledgers: where a function remembers, from one invocation to the next, which handlers have settled which records.

`DynamoDBLedger` is the one for Lambda, `MemoryLedger` the one for tests. Others are made by fulfilling the
protocol `Ledger`.
"""

from streamfn._aws import LedgerClient, LedgerTableClient
from streamfn.ledgers._dynamodb import DynamoDBLedger, LedgerBusy
from streamfn.ledgers._items import UnreadableSegment
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
