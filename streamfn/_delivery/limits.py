"""Limits: when a pair has been tried often and long enough to be given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from streamfn._ledger import Entry


@dataclass(frozen=True, slots=True)
class Limits:
    """How long pairs are tried: for `attempts`, and for as long as `patience` has not passed since the first."""

    attempts: int
    patience: timedelta

    def are_reached(self, entry: Entry, now: datetime) -> bool:
        """Whether a pair has been tried often and long enough."""
        if entry.since is None or entry.attempts < self.attempts:
            return False
        return now - entry.since >= self.patience
