"""Records that share a name, and what was taken for done because of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    BatchFailed,
    InsertEvent,
    Strategy,
    batched,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn.ledgers import MemoryLedger
from streamfn.testing import EventSourceMapping, insert_event, kinesis_event, lambda_event, values
from tests.cards import Card, cards

SHARED: Final = [insert_event(Card(number, str(number)), event_id="1") for number in (1, 2, 3)]


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    """Fail on the third card."""
    return Failure("no") if event.new_image.id == 3 else Success(event.new_image.title)


process: Final = pipeline(cards, on_insert(announce))


@pytest.mark.parametrize(
    "payload", [lambda_event(*SHARED), kinesis_event(*SHARED)], ids=["stream", "kinesis"]
)
def test_records_that_share_an_event_id_are_never_taken_for_one(payload: object) -> None:
    """Sample events and other libraries' fixtures give all records one eventID.

    With a ledger only the first ran, and the answer was that of a clean batch. So tests were green without running
    anything. Now the ledger's delivery refuses the batch and names the records; without a ledger all of them run.
    """
    assert values(process(payload)) == ["1", "2"]
    assert len(process(payload)) == 3
    handler = lambda_handler(process, retry(ledger=MemoryLedger()))
    with pytest.raises(BatchFailed, match=r"two records that differ have one eventID, .*event_id='1'"):
        handler(payload, None)


def test_the_simulator_refuses_two_changes_of_one_event_id() -> None:
    """Its history tells records apart by their eventID, as a real stream's reader may."""
    mapping = EventSourceMapping(lambda_handler(process))
    with pytest.raises(ValueError, match="each change has an eventID of its own, and '1' is there already"):
        mapping.put(*SHARED)


def test_changes_of_two_streams_that_share_all_names_are_not_one() -> None:
    """A fixture for two tables may repeat one record, and the change of the second table counts as the first's."""
    first, second = (
        lambda_event(insert_event(Card(1, "a"), event_id="1", sequence_number="101"))["Records"][0]
        for _ in range(2)
    )
    second["eventSourceARN"] = str(first.get("eventSourceARN")).replace("table/", "table/other-")
    called: list[str | None] = []

    def note(event: InsertEvent[Card]) -> Result[None, str]:
        called.append(event.record.table_name)
        return Success(None)

    handler = lambda_handler(pipeline(cards, on_insert(note)), retry(ledger=MemoryLedger(), scope="cards"))
    with pytest.raises(BatchFailed, match="two records that differ have one eventID"):
        handler({"Records": [first, second]}, None)
    assert called == []
    assert handler({"Records": [first, first]}, None) == {"batchItemFailures": []}
    assert called == ["prod-Card"]


@pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])
@pytest.mark.parametrize("form", ["single", "batched"])
def test_a_change_that_stands_twice_in_a_batch_is_handled_once(form: str, strategy: Strategy) -> None:
    called: list[int] = []

    def note(event: InsertEvent[Card]) -> Result[None, str]:
        called.append(event.new_image.id)
        return Success(None)

    def note_all(events: Sequence[InsertEvent[Card]]) -> Result[None, str]:
        called.extend(event.new_image.id for event in events)
        return Success(None)

    handler = on_insert(note) if form == "single" else on_insert(batched(note_all))
    function = lambda_handler(
        pipeline(cards, handler, strategy=strategy), retry(ledger=MemoryLedger(), scope="cards")
    )
    payload = lambda_event(*(insert_event(Card(number, "a"), event_id=f"{number}") for number in (1, 2, 1)))
    payload["Records"][2] = payload["Records"][0]
    assert function(payload, None) == {"batchItemFailures": []}
    assert sorted(called) == [1, 2]
