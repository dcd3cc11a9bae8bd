"""How a record goes through the library: through few files, in few calls, and in none if nobody handles its kind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Final

import pytest
from returns.result import Result, Success

import streamfn
from streamfn import (
    InsertEvent,
    LambdaFunction,
    RemoveEvent,
    lambda_handler,
    on_insert,
    on_remove,
    pipeline,
    retry,
)
from streamfn.ledgers import MemoryLedger
from streamfn.testing import insert_event, lambda_context, lambda_event
from tests.cards import Card, cards

LIBRARY: Final = Path(streamfn.__file__).parent
MOST_FILES: Final = 10


def announce(_: InsertEvent[Card]) -> Result[None, None]:
    return Success(None)


def back_up(_: RemoveEvent[Card]) -> Result[None, None]:
    return Success(None)


def files_entered(function: LambdaFunction[None, None], count: int) -> list[str]:
    """Have a function handle so many inserts, and list the file of each call of the library's own functions.

    The functions that are generated for the model count too, under the names that tracebacks show.
    """
    payload = lambda_event(*(insert_event(Card(number, "hello")) for number in range(count)))
    context = lambda_context(timedelta(minutes=1))
    function(payload, context)  # what is loaded or found out at a first record is none of a record's own way
    entered: list[str] = []

    def follow(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and (file.startswith("<streamfn") or Path(file).is_relative_to(LIBRARY)):
            entered.append(file)

    before = sys.getprofile()
    sys.setprofile(follow)
    try:
        answer = function(payload, context)
    finally:
        sys.setprofile(before)
    assert answer == {"batchItemFailures": []}
    return [file for file in entered if not file.endswith("testing/_payloads.py")]  # the context's own


def calls_of_a_record(function: LambdaFunction[None, None]) -> float:
    """Count the calls that a record more leads to."""
    return (len(files_entered(function, 20)) - len(files_entered(function, 10))) / 10


def test_a_record_goes_through_few_files() -> None:
    entered = files_entered(lambda_handler(pipeline(cards, on_insert(announce)), retry()), 1)
    own = {str(Path(file).relative_to(LIBRARY)) for file in entered if not file.startswith("<")}
    assert "_execution/run.py" in own, "the profile has seen the run"
    assert len(own) <= MOST_FILES, sorted(own)


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: lambda_handler(pipeline(cards, on_insert(announce)), retry()), 8),
        (lambda: lambda_handler(pipeline(cards, on_insert(announce)), retry(ledger=MemoryLedger())), 25),
        (lambda: lambda_handler(pipeline(cards, on_remove(back_up)), retry()), 0),
    ],
    ids=["handled", "handled and remembered", "of a kind that nobody handles"],
)
def test_a_record_leads_to_few_calls(make: Callable[[], LambdaFunction[None, None]], most: int) -> None:
    assert calls_of_a_record(make()) <= most
