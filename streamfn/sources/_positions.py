"""Positions: how far a shard is settled, which is what a checkpoint remembers of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class After:
    """All records up to this one are settled."""

    sequence_number: str


@dataclass(frozen=True, slots=True)
class Since:
    """Nothing is settled yet, and what was written before this moment is not wanted: the reader began at the end.

    The moment is five minutes before the reader began, since clocks differ. AWS refuses the requests of a machine whose
    clock differs by more ("Troubleshooting Signature Version 4", AWS Identity and Access Management User Guide).
    """

    moment: datetime


@dataclass(frozen=True, slots=True)
class Drained:
    """The shard is closed and all its records are settled, so that its children may be read."""


Position: TypeAlias = After | Since | Drained
"""How far a shard is settled. A shard without one is read from its oldest record on."""
