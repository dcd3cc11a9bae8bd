"""Ledgers: where a function remembers, from one invocation to the next, which handlers have settled which records.

`DynamoDBLedger` is the one for Lambda, `MemoryLedger` the one for tests. Others are made by fulfilling the
protocol `Ledger`.
"""

from streamfn._ledger import Entry, Ledger, Pair, Stretch
from streamfn.ledgers._backoff import LedgerBusy
from streamfn.ledgers._client import LedgerClient
from streamfn.ledgers._dynamodb import DynamoDBLedger
from streamfn.ledgers._memory import MemoryLedger
from streamfn.ledgers._segments import UnreadableSegment
from streamfn.ledgers._table import LedgerTableClient

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
