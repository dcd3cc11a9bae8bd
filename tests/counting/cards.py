"""The model of a user who has no streamfn: what a cold start costs anyway."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Card:
    """One item of the table."""

    id: Annotated[int, "partition key"]
    title: Annotated[str, "sort key"]
    owner: str | None = None
    tags: frozenset[str] = frozenset()
    expires_at: Annotated[datetime, "time to live"] | None = None
