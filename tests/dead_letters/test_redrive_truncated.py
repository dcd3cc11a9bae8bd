"""Truncated letters: their records are read again, or it is told why not, and no handler runs on half of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pytest
from typing_extensions import override

from streamfn import InsertEvent, Pipeline, on_event, pipeline
from streamfn._aws import GetShardIteratorOutput, LazyClient
from streamfn._records import sequence_order
from streamfn._time import unlimited
from streamfn.dead_letters import DeadLetter, MemoryDeadLetters, StreamsClient
from streamfn.ledgers import Entry, Ledger, MemoryLedger
from streamfn.redrive import Redriven, redrive
from streamfn.redrive._documents import IDLE_AT_ONCE, RecordsExpired, Shards, StreamUnreachable
from streamfn.testing import insert_event
from tests.dead_letters.documents import Raw, Shard, number_of, raws, refusal
from tests.dead_letters.redriving import (
    EVERYTHING,
    SCOPE,
    STREAM,
    box_of,
    left_in,
    letter_on,
    letters,
    note,
    told,
)
from tests.dead_letters.streams import Stream
from tests.delivery.jobs import Job, Note, notes, quiet, written

EVENTS = written("a1", "b1", "a2", "b2")
RECORDS = raws(EVENTS)


def following(tell: Job, index: Job | None = None) -> Pipeline[object, object]:
    return pipeline(notes, on_event(tell, name="tell"), on_event(index or Job(), name="index"))


def cut(events: Sequence[InsertEvent[Note]], handler: str = "tell", level: int = 1) -> list[DeadLetter]:
    return [each.truncated(level) for each in letters(events, handler)]


def stream_of(*shards: Sequence[Raw]) -> Stream:
    return Stream([Shard(records, f"shardId-{number}") for number, records in enumerate(shards)])


def run(
    process: Pipeline[object, object],
    box: MemoryDeadLetters,
    streams: StreamsClient | None,
    ledger: Ledger | None = None,
) -> list[Redriven[object]]:
    return redrive(
        process, box, ledger=ledger or MemoryLedger(), streams=streams, unproved=True, report=quiet
    )


@pytest.mark.parametrize("level", [1, 2])
def test_the_record_of_a_truncated_letter_is_read_again_and_its_handler_gets_all_of_it(level: int) -> None:
    tell, index, box = Job(), Job(), box_of(*cut(EVENTS[:2], level=level))
    redriven = run(following(tell, index), box, stream_of(RECORDS))
    assert told(redriven) == [("tell", "a1", "handled", "removed"), ("tell", "b1", "handled", "removed")]
    assert (tell.seen, index.seen) == (["a1", "b1"], [])
    assert left_in(box) == []


def test_one_of_a_record_that_reached_no_handler_runs_for_all() -> None:
    tell, index, box = Job(), Job(), box_of(*cut(EVENTS[:1], ""))
    redriven = run(following(tell, index), box, stream_of(RECORDS))
    assert told(redriven) == [("tell", "a1", "handled", "removed"), ("index", "a1", "handled", "removed")]


def test_what_the_ledger_knows_as_handled_is_removed_and_not_read() -> None:
    tell, box, ledger, stream = Job(), box_of(*cut(EVENTS[:1])), MemoryLedger(), stream_of(RECORDS)
    note(ledger, {("tell", "a1"): "handled"})
    assert told(run(following(tell), box, stream, ledger)) == [("tell", "a1", "skipped", "removed")]
    assert (tell.seen, stream.calls) == ([], [])


def test_truncated_and_whole_letters_keep_their_order() -> None:
    tell = Job()
    whole = letters(EVENTS)
    box = box_of(whole[3], whole[2].truncated(), whole[1].truncated(2), whole[0])
    run(following(tell), box, stream_of(RECORDS))
    assert tell.seen == ["a1", "b1", "a2", "b2"]


def test_a_truncated_letter_beside_a_whole_one_of_its_record_is_no_other_change() -> None:
    tell, index = Job(), Job()
    box = box_of(*letters(EVENTS[:1]), *cut(EVENTS[:1], "index"))
    redriven = run(following(tell, index), box, stream_of(RECORDS))
    assert {each.outcome for each in redriven} == {"handled"}
    assert (tell.seen, index.seen) == (["a1"], ["a1"])


@pytest.mark.parametrize("missing", ["ValidationException", "TrimmedDataAccessException"])
def test_where_the_stream_has_forgotten_the_record_its_letter_stays(missing: str) -> None:
    tell, box = Job(), box_of(*cut(EVENTS[:1]), *letters(EVENTS[2:3]))
    stream = stream_of(RECORDS[1:])
    stream.missing = missing
    redriven = run(following(tell), box, stream)
    assert told(redriven) == [("tell", "a1", "forgotten", "kept"), ("tell", "a2", "handled", "removed")]
    assert redriven[0].detail == "no shard of the stream has the record"
    assert tell.seen == ["a2"]


def test_a_stream_that_is_gone_has_forgotten_it() -> None:
    stream = Stream([], failing=[refusal("ResourceNotFoundException")])
    (redriven,) = run(following(Job()), box_of(*cut(EVENTS[:1])), stream)
    assert (redriven.outcome, redriven.detail) == ("forgotten", "ResourceNotFoundException")


def test_where_the_stream_cannot_be_read_later_letters_of_the_handler_wait() -> None:
    """Nobody knows which item the letter is about: at level 2 it has no keys."""
    tell, index = Job(), Job()
    stream = stream_of(RECORDS)
    stream.failing.append(refusal("AccessDeniedException"))
    box = box_of(
        *letters(EVENTS[:1]), *cut(EVENTS[1:2]), *letters(EVENTS[2:3]), *letters(EVENTS[3:], "index")
    )
    redriven = run(following(tell, index), box, stream)
    assert sorted(told(redriven)) == [
        ("index", "b2", "handled", "removed"),
        ("tell", "a1", "handled", "removed"),
        ("tell", "a2", "held back", "kept"),
        ("tell", "b1", "unreachable", "kept"),
    ]
    assert {each.detail for each in redriven} == {
        "",
        "AccessDeniedException",
        "the stream could not be read for an earlier letter of the handler",
    }
    assert run(following(tell, index), box, stream)
    assert (tell.seen, index.seen) == (["a1", "b1", "a2"], ["b2"])


def test_a_letter_of_no_handler_waits_for_each_and_each_waits_for_it() -> None:
    stream = stream_of(RECORDS)
    for first, second in [("tell", ""), ("", "tell")]:
        stream.failing.append(refusal("AccessDeniedException"))
        redriven = run(
            following(Job()), box_of(*cut(EVENTS[:1], first), *letters(EVENTS[1:2], second)), stream
        )
        assert sorted(each.outcome for each in redriven) == ["held back", "unreachable"]


@pytest.mark.parametrize(
    "record",
    [{}, {"dynamodb": {"SequenceNumber": "x"}}, {"dynamodb": {"SequenceNumber": 7}}],
    ids=["nothing", "no number", "a number that is no text"],
)
def test_a_letter_that_names_no_place_stays_and_says_so(record: Raw) -> None:
    letter = replace(letter_on(record, identity="x"), is_truncated=True)
    (redriven,) = run(following(Job()), box_of(letter), stream_of(RECORDS))
    assert (redriven.outcome, redriven.removed) == ("unreadable", False)
    assert redriven.detail == "the letter was truncated, and names no place in a stream of DynamoDB"


def test_a_record_that_came_through_kinesis_cannot_be_read_again() -> None:
    letter = replace(cut(EVENTS[:1])[0], stream="arn:aws:kinesis:eu-west-1:123456789012:stream/cards")
    (redriven,) = run(following(Job()), box_of(letter), stream_of(RECORDS))
    assert redriven.outcome == "unreadable"


def test_a_letter_that_names_no_stream_goes_by_what_its_record_says() -> None:
    tell, letter = Job(), replace(cut(EVENTS[:1])[0], stream="")
    assert [each.outcome for each in run(following(tell), box_of(letter), stream_of(RECORDS))] == ["handled"]


def test_another_record_at_the_letters_place_is_not_run() -> None:
    tell = Job()
    (other,) = raws([insert_event(Note(1, "x1"), event_id="x1", sequence_number=number_of(RECORDS[0]))])
    (redriven,) = run(following(tell), box_of(*cut(EVENTS[:1])), stream_of([other]))
    assert (redriven.outcome, redriven.detail, tell.seen) == (
        "ambiguous",
        "the stream has another record at the letter's place",
        [],
    )


def find(stream: Stream, raw: Raw) -> str | None:
    shards = Shards(LazyClient(never, stream), unlimited, wait=lambda _: None)
    return shards.find(STREAM, number_of(raw)).event_id


def never() -> StreamsClient:
    raise AssertionError("there is a client already")


def test_only_shards_whose_range_has_the_record_are_asked() -> None:
    stream = stream_of(RECORDS[:1], RECORDS[1:2], [RECORDS[0], RECORDS[3]], RECORDS[2:])
    assert find(stream, RECORDS[2]) == "a2"
    assert [call for call in stream.calls if call.startswith("GetShardIterator")] == [
        "GetShardIterator shardId-2",
        "GetShardIterator shardId-3",
    ]


@pytest.mark.parametrize(
    "code", ["ValidationException", "TrimmedDataAccessException", "ResourceNotFoundException"]
)
def test_a_shard_that_does_not_have_the_record_leaves_it_to_the_next(code: str) -> None:
    stream = Stream(stream_of([RECORDS[0], RECORDS[3]], RECORDS[1:]).shards, missing=code)
    assert find(stream, RECORDS[2]) == "a2"
    without = Stream(stream.shards[:1], missing=code)
    with pytest.raises(RecordsExpired, match="no shard of the stream has the record"):
        find(without, RECORDS[2])


def test_a_shard_that_comes_to_another_record_first_does_not_have_it() -> None:
    """A server may take a number that a shard does not have for the place behind it."""

    class Lenient(Shard):
        @override
        def get_shard_iterator(
            self,
            *,
            StreamArn: str,
            ShardId: str,
            ShardIteratorType: Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"],
            SequenceNumber: str,
        ) -> GetShardIteratorOutput:
            behind = [
                sequence_order(number_of(raw)) >= sequence_order(SequenceNumber) for raw in self.records
            ]
            return {"ShardIterator": str(behind.index(True))}

    lenient = Lenient([RECORDS[0], RECORDS[3]], "shardId-0")
    assert find(Stream([lenient, Shard(RECORDS, "shardId-1")]), RECORDS[2]) == "a2"


def test_what_dynamodb_turns_away_is_asked_again() -> None:
    stream = stream_of(RECORDS)
    stream.failing += [refusal("ThrottlingException"), refusal("InternalServerError")]
    assert find(stream, RECORDS[0]) == "a1"


def test_empty_pages_are_passed_over() -> None:
    shard = Shard(RECORDS, "shardId-0", is_open=True, answers=["empty"] * (IDLE_AT_ONCE - 1))
    assert find(Stream([shard]), RECORDS[0]) == "a1"


def test_an_open_shard_that_gives_nothing_may_have_it() -> None:
    empty = Shard([], "shardId-0", is_open=True)
    with pytest.raises(
        StreamUnreachable, match="a shard that may have the record is open, and gives nothing"
    ):
        find(Stream([empty]), RECORDS[0])
    assert find(Stream([empty, Shard(RECORDS, "shardId-1")]), RECORDS[0]) == "a1"


def test_an_iterator_that_is_too_old_leaves_it_open() -> None:
    shard = Shard(RECORDS, "shardId-0", answers=[refusal("ExpiredIteratorException")])
    with pytest.raises(StreamUnreachable):
        find(Stream([shard]), RECORDS[0])
    assert find(Stream([shard]), RECORDS[0]) == "a1"


def test_a_closed_shard_that_ends_before_it_does_not_have_it() -> None:
    with pytest.raises(RecordsExpired):
        find(Stream([Shard([], "shardId-0")]), RECORDS[0])


def test_whatever_else_the_client_raises_is_said_without_its_text() -> None:
    with pytest.raises(StreamUnreachable, match=r"^ConnectionResetError$"):
        find(Stream([], failing=[ConnectionResetError("secret")]), RECORDS[0])
    with pytest.raises(StreamUnreachable, match=r"^AccessDeniedException$"):
        find(Stream([Shard(RECORDS, "shardId-0", answers=[refusal("AccessDeniedException")])]), RECORDS[0])


def test_the_scope_of_a_truncated_letter_is_asked_for_as_that_of_any_other() -> None:
    box = box_of(*cut(EVENTS[:1]))
    redriven = redrive(following(Job()), box, ledger=MemoryLedger(), scope=f"{SCOPE}-2", report=quiet)
    assert [each.outcome for each in redriven] == ["another function"]


def test_a_truncated_letter_is_proved_by_the_ledger_and_its_record_by_the_stream() -> None:
    tell, ledger, stream = Job(), MemoryLedger(), stream_of(RECORDS)
    forged = redrive(following(tell), box_of(*cut(EVENTS[:1])), ledger=ledger, streams=stream, report=quiet)
    assert ([each.outcome for each in forged], stream.calls) == (["unproved"], [])
    (whole,) = letters(EVENTS[:1])
    ledger.write(EVERYTHING, [Entry(whole.pair, "dead", letter=whole.digest)], unlimited)
    proved = redrive(following(tell), box_of(*cut(EVENTS[:1])), ledger=ledger, streams=stream, report=quiet)
    assert ([each.outcome for each in proved], tell.seen) == (["handled"], ["a1"])
