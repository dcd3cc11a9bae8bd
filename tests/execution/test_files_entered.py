"""How many files of the library's own a record goes through: what one has to open who follows it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Final

from returns.result import Result, Success

import streamfn
from streamfn import InsertEvent, lambda_handler, on_insert, pipeline, retry
from streamfn.testing import insert_event, lambda_event
from tests.cards import Card, cards

LIBRARY: Final = Path(streamfn.__file__).parent
MOST: Final = 10


def announce(_: InsertEvent[Card]) -> Result[None, None]:
    return Success(None)


def test_a_record_goes_through_few_files() -> None:
    handler = lambda_handler(pipeline(cards, on_insert(announce)), retry())
    payload = lambda_event(insert_event(Card(1, "hello")))
    handler(payload, None)  # what is loaded or found out at the first record is none of its way
    entered: set[str] = set()

    def follow(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(follow)
    try:
        answer = handler(payload, None)
    finally:
        sys.setprofile(before)
    assert answer == {"batchItemFailures": []}
    own = {str(Path(file).relative_to(LIBRARY)) for file in entered if Path(file).is_relative_to(LIBRARY)}
    assert "_execution/run.py" in own, "the profile has seen the run"
    assert len(own) <= MOST, sorted(own)
