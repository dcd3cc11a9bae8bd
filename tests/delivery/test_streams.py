"""A batch that joins the records of two streams: each is remembered, and put aside, under its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from returns.result import Failure, Result, Success

from streamfn import Event, PartitionKey, Table, lambda_handler, on_event, pipeline, retry, router
from streamfn._payloads import read
from streamfn._time import unlimited
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import range_of
from streamfn.testing import insert_event, lambda_event
from tests.delivery.jobs import Job, Letterbox, WatchedLedger, notes, quiet, written


@dataclass(frozen=True, slots=True)
class Tag:
    """An item of another table."""

    id: Annotated[int, PartitionKey]


class Label(Job):
    """A job on tags."""

    def label(self, event: Event[Tag]) -> Result[str, str]:
        """Do the job, or fail."""
        text = event.event_id
        self.seen.append(text)
        self.failures[text] = left = self.failures.get(text, 0) - 1
        return Failure(text) if left >= 0 else Success(text)


tags = Table("tags", Tag)
NOTES = written("a1", "b1")
TAGS = [insert_event(Tag(number), event_id=f"t{number}") for number in (1, 2)]


def test_what_two_streams_have_settled_is_known_to_a_batch_of_either() -> None:
    tell, label, ledger = Job(b1=9), Label(t1=1), MemoryLedger()
    process = router(
        pipeline(notes, on_event(tell, name="tell")), pipeline(tags, on_event(label.label, name="label"))
    )
    handler = lambda_handler(process, retry(ledger=ledger, scope="s", report=quiet))
    handler(lambda_event(*NOTES, *TAGS), None)
    assert (tell.again(), label.again()) == (["a1", "b1"], ["t1", "t2"])
    handler(lambda_event(*TAGS), None)
    assert (tell.again(), label.again()) == ([], ["t1"])
    handler(lambda_event(*NOTES), None)
    assert (tell.again(), label.again()) == (["b1"], [])


def test_an_identifier_that_begins_like_a_note_of_a_process_is_one_of_a_record() -> None:
    tell, label, ledger = Job(a1=1), Label(**{"process-2": 1}), MemoryLedger()
    process = router(
        pipeline(notes, on_event(tell, name="tell")), pipeline(tags, on_event(label.label, name="label"))
    )
    handler = lambda_handler(process, retry(ledger=ledger, scope="s", report=quiet))
    named = [insert_event(Tag(number), event_id=f"process-{number}") for number in (1, 2)]
    batch = lambda_event(*NOTES, *named)
    handler(batch, None)
    assert (tell.again(), label.again()) == (["a1", "b1"], ["process-1", "process-2"])
    handler(batch, None)
    assert (tell.again(), label.again()) == (["a1"], ["process-2"])


def test_each_streams_entries_are_its_own() -> None:
    ledger = WatchedLedger()
    process = router(
        pipeline(notes, on_event(Job(b1=1), name="tell")),
        pipeline(tags, on_event(Label().label, name="label")),
    )
    handler = lambda_handler(process, retry(ledger=ledger, scope="s", report=quiet))
    handler(lambda_event(TAGS[0], NOTES[0], TAGS[1], NOTES[1]), None)
    for events, names in ((NOTES, ["a1", "b1"]), (TAGS, ["t1", "t2"])):
        sequence_range = range_of("s", read(lambda_event(*events)))
        assert sorted(entry.pair.record for entry in ledger.read(sequence_range, unlimited)) == names


def test_a_part_of_which_there_is_nothing_to_say_is_not_written() -> None:
    ledger = WatchedLedger()
    process = router(
        pipeline(notes, on_event(Job(a1=1), name="tell")),
        pipeline(tags, on_event(Label().label, where=lambda _: False, name="label")),
    )
    lambda_handler(process, retry(ledger=ledger, scope="s", report=quiet))(lambda_event(*NOTES, *TAGS), None)
    assert len(ledger.writes) == 1


def test_an_entry_that_names_no_stream_is_of_the_first() -> None:
    ledger, box = MemoryLedger(), Letterbox()
    process = router(
        pipeline(notes, on_event(Job(), name="tell")),
        pipeline(tags, on_event(Label(t1=1).label, name="label")),
    )
    handler = lambda_handler(
        process,
        retry(ledger=ledger, dead_letters=box, max_attempts=1, patience=timedelta(), scope="s", report=quiet),
    )
    batch = lambda_event(*NOTES, *TAGS)
    assert handler({"Records": [*batch["Records"], {"eventID": "broken"}]}, None) == {"batchItemFailures": []}
    streams = {letter.pair.record: letter.stream for letter in box.letters}
    assert streams == {
        "t1": TAGS[0].record.event_source_arn,
        "broken": NOTES[0].record.event_source_arn,
    }
    assert TAGS[0].record.event_source_arn != NOTES[0].record.event_source_arn
