"""Ledgers: where a function remembers, from one invocation to the next, which handlers have settled which records.

`DynamoDBLedger` is the one for Lambda, `MemoryLedger` the one for tests. Others are made by fulfilling the
protocol `Ledger`.
"""

from streamfn._ledger import Entry, Ledger, Pair, Stretch
from streamfn.ledgers._memory import MemoryLedger

__all__ = ["Entry", "Ledger", "MemoryLedger", "Pair", "Stretch"]
