"""The pipeline whose replay is measured: a handler that does nothing, found by its name."""

from __future__ import annotations

from typing import Final

from returns.result import Result, Success

from streamfn import InsertEvent, Table, on_insert, pipeline
from tests.benchmarks.loads import TABLE
from tests.benchmarks.models import Card

_DONE: Final[Result[None, str]] = Success(None)


def nothing(_: InsertEvent[Card]) -> Result[None, str]:
    """Do nothing."""
    return _DONE


process = pipeline(Table(TABLE, Card), on_insert(nothing))
