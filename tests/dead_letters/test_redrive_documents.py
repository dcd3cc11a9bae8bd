"""Of a batch that Lambda gave up, a redrive runs what is still open, where it can know that."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Failed,
    HeldBack,
    Pipeline,
    Unrouted,
    Unwanted,
    batched,
    on_event,
    on_insert,
    on_remove,
    pipeline,
)
from streamfn._time import unlimited
from streamfn.ledgers import Ledger, MemoryLedger
from streamfn.ledgers._protocol import Entry, Key
from streamfn.redrive import Redriven, redrive
from tests.cards import record
from tests.dead_letters.documents import Raw, Shard, document, raws, refusal
from tests.dead_letters.redriving import EVERYTHING, Crash, Texts, letter_on, note, told
from tests.delivery.jobs import START, Job, Note, WatchedLedger, notes, quiet, written

RECORDS = raws(written("a1", "b1", "c1", "a2", "b2", "c2"))
LANE = [RECORDS[0], RECORDS[3]]
"""What a lane of the mapping has of them."""


def of(*jobs: Job) -> Pipeline[object, object]:
    """Make a pipeline of handlers named `tell` and `store`."""
    tell, *store = (on_event(job, name=name) for job, name in zip(jobs, ("tell", "store"), strict=False))
    return pipeline(notes, tell, *store) if store else pipeline(notes, tell)


def driven(
    process: Pipeline[object, object],
    texts: Texts,
    ledger: Ledger,
    shard: Shard | None = None,
    *,
    everything: bool = False,
) -> list[Redriven[object]]:
    """Redrive without a word."""
    streams = Shard([]) if shard is None else shard
    return redrive(process, texts, ledger=ledger, streams=streams, everything=everything, report=quiet)


def source(*bodies: str) -> Texts:
    """Name texts by their numbers."""
    return Texts({str(number): body for number, body in enumerate(bodies, 1)})


def test_of_one_with_a_payload_what_is_not_settled_runs_and_it_is_removed() -> None:
    tell, store, ledger = Job(), Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "handled", ("store", "a1"): "open", ("tell", "b1"): "dead"})
    texts = source(document(RECORDS[:2], payload=True))
    assert told(driven(of(tell, store), texts, ledger)) == [
        ("store", "a1", "handled", "removed"),
        ("store", "b1", "handled", "removed"),
        ("tell", "a1", "skipped", "removed"),
        ("tell", "b1", "skipped", "removed"),
    ]
    assert (tell.seen, store.seen) == ([], ["a1", "b1"])
    assert texts.texts == {}


def test_of_one_without_the_range_is_read_again() -> None:
    tell, texts = Job(), source(document(RECORDS[1:4]))
    shard = Shard(RECORDS, page_size=2)
    assert told(driven(of(tell), texts, MemoryLedger(), shard)) == [
        ("tell", name, "handled", "removed") for name in ("b1", "c1", "a2")
    ]
    assert tell.seen == ["b1", "c1", "a2"]


def test_what_fails_keeps_it_and_the_next_redrive_goes_on_there() -> None:
    tell, ledger = Job(a1=1), MemoryLedger()
    texts = source(document(RECORDS, payload=True))
    assert told(driven(of(tell), texts, ledger)) == [
        ("tell", "a1", "failed", "kept"),
        ("tell", "b1", "handled", "kept"),
        ("tell", "c1", "handled", "kept"),
        ("tell", "a2", "held back", "kept"),
        ("tell", "b2", "handled", "kept"),
        ("tell", "c2", "handled", "kept"),
    ]
    assert tell.again() == ["a1", "b1", "c1", "b2", "c2"]
    again = driven(of(tell), texts, ledger)
    assert tell.again() == ["a1", "a2"]
    assert {each.outcome for each in again} == {"handled", "skipped"}
    assert texts.texts == {}


def test_what_hung_in_the_function_runs_in_its_turn() -> None:
    """Whoever redrives has as much time as that takes."""
    tell, ledger = Job(), MemoryLedger()
    ledger.write(EVERYTHING, [Entry(Key("tell", "a1"), "open", 3, START, "TimedOut")], unlimited)
    assert told(driven(of(tell), source(document(RECORDS[:2], payload=True)), ledger)) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "handled", "removed"),
    ]
    assert tell.seen == ["a1", "b1"]


def test_one_that_is_all_settled_is_removed() -> None:
    """As after a crash before it was."""
    tell, ledger = Job(), MemoryLedger()
    texts = source(document(RECORDS[:1], payload=True))
    texts.failing["1"] = Crash()
    with pytest.raises(Crash):
        driven(of(tell), texts, ledger)
    texts.failing.clear()
    assert told(driven(of(tell), texts, ledger)) == [("tell", "a1", "skipped", "removed")]
    assert tell.seen == ["a1"]


def test_one_with_nothing_for_any_handler_is_removed() -> None:
    texts = source(document(RECORDS[:1], payload=True))
    nobody: Pipeline[object, object] = pipeline(notes, on_remove(Job(), name="tell"))
    assert told(driven(nobody, texts, MemoryLedger())) == [("", "1", "skipped", "removed")]
    assert texts.texts == {}


def test_a_pair_that_failed_before_and_is_no_longer_wanted_is_dropped_as_in_the_function() -> None:
    ledger, reported = MemoryLedger(), list[Failed[object]]()
    note(ledger, {("tell", "a1"): "open"}, attempts=2)
    picky: Pipeline[object, object] = pipeline(notes, on_insert(Job(), name="tell", where=lambda _: False))
    texts = source(document(RECORDS[:2], payload=True))
    redriven = redrive(picky, texts, ledger=ledger, report=reported.append)
    assert told(redriven) == [("tell", "a1", "not wanted", "removed")]
    assert [failed.reason for failed in reported] == [Unwanted()]


def test_what_is_owed_to_a_handler_that_the_pipeline_lacks_keeps_it() -> None:
    """As a letter to such a handler stays; the pipeline that has the handler goes on there."""
    ledger, tell = MemoryLedger(), Job()
    note(ledger, {("announce", "a1"): "open", ("tell", "b1"): "handled"}, attempts=2)
    texts = source(document(RECORDS[:2], payload=True))
    assert told(driven(of(Job()), texts, ledger)) == [
        ("announce", "a1", "unknown handler", "kept"),
        ("tell", "a1", "handled", "kept"),
        ("tell", "b1", "skipped", "kept"),
    ]
    renamed: Pipeline[object, object] = pipeline(notes, on_event(tell, name="announce"))
    assert told(driven(renamed, texts, ledger))[0] == ("announce", "a1", "handled", "removed")


def test_what_is_owed_to_a_handler_of_another_kind_is_dropped_as_in_the_function() -> None:
    ledger, reported = MemoryLedger(), list[Failed[object]]()
    note(ledger, {("tell", "a1"): "open"}, attempts=2)
    elsewhere: Pipeline[object, object] = pipeline(notes, on_remove(Job(), name="tell"))
    texts = source(document(RECORDS[:1], payload=True))
    redriven = redrive(elsewhere, texts, ledger=ledger, report=reported.append)
    assert told(redriven) == [("tell", "a1", "not wanted", "removed")]
    assert [failed.reason for failed in reported] == [Unwanted()]


def test_records_that_reach_no_handler_keep_it() -> None:
    first: Raw = {key: value for key, value in record(1).items() if key != "eventSourceARN"}
    strays: list[Raw] = [first, {"eventID": "b", "dynamodb": {"SequenceNumber": "2"}}]
    one, two = driven(of(Job()), source(document(strays, payload=True)), MemoryLedger())
    assert told([one, two]) == [("", "id-1", "failed", "kept"), ("", "b", "failed", "kept")]
    assert one.failed is not None
    assert isinstance(one.failed.reason, Unrouted)


def test_among_other_records_the_batch_is_what_the_ledger_knows() -> None:
    """Other lanes' batches were clean, and left nothing there."""
    tell, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "open", ("tell", "a2"): "open"})
    texts = source(document(LANE))
    assert told(driven(of(tell), texts, ledger, Shard(RECORDS))) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "a2", "handled", "removed"),
    ]
    assert tell.seen == ["a1", "a2"]


def test_where_other_lanes_left_entries_as_well_what_is_open_of_them_runs_too() -> None:
    tell, ledger = Job(), MemoryLedger()
    note(
        ledger,
        {("tell", "a1"): "open", ("tell", "a2"): "open", ("tell", "b1"): "handled", ("tell", "c1"): "open"},
    )
    driven(of(tell), source(document(LANE)), ledger, Shard(RECORDS))
    assert tell.seen == ["a1", "c1", "a2"]


@pytest.mark.parametrize(
    "known",
    [["a1"], ["a2"], ["b1", "c1"], ["b1", "c1", "a2"], ["a1", "b1", "c1"], []],
    ids=["the first", "the last", "others", "all but the first", "all but the last", "none"],
)
def test_where_the_ledger_does_not_know_the_batch_it_stays_until_everything_is_asked_for(
    known: Sequence[str],
) -> None:
    """A function whose process died has written nothing, or nothing of some records."""
    tell, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", name): "handled" for name in known})
    texts, shard = source(document(LANE)), Shard(RECORDS)
    (redriven,) = driven(of(tell), texts, ledger, shard)
    assert redriven == Redriven(
        "1",
        None,
        "ambiguous",
        detail="the batch had 2 records, and its range of the shard holds 4; everything=True runs all that are there",
    )
    assert (tell.seen, list(texts.texts)) == ([], ["1"])
    driven(of(tell), texts, ledger, shard, everything=True)
    assert tell.seen == [name for name in ("a1", "b1", "c1", "a2") if name not in known]
    assert texts.texts == {}


def test_where_the_ledger_knows_fewer_records_than_there_were_it_stays() -> None:
    tell, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "open", ("tell", "a2"): "open"})
    (redriven,) = driven(of(tell), source(document(LANE, size=3)), ledger, Shard(RECORDS))
    assert (redriven.outcome, tell.seen) == ("ambiguous", [])


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ResourceNotFoundException"])
def test_one_whose_records_the_stream_has_forgotten_is_kept(code: str) -> None:
    texts = source(document(RECORDS))
    (redriven,) = driven(of(Job()), texts, MemoryLedger(), Shard(RECORDS, answers=[refusal(code)]))
    assert redriven == Redriven("1", None, "forgotten", detail=code)
    assert list(texts.texts) == ["1"]


def test_one_that_the_stream_holds_only_a_part_of_is_kept() -> None:
    tell = Job()
    (redriven,) = driven(
        of(tell), source(document(RECORDS)), MemoryLedger(), Shard(RECORDS[:4]), everything=True
    )
    assert redriven == Redriven(
        "1", None, "forgotten", detail="the batch had 6 records, and its range of the shard holds 4"
    )
    assert tell.seen == []


def test_one_whose_stream_cannot_be_read_is_kept() -> None:
    shard = Shard(RECORDS, answers=[refusal("AccessDeniedException")])
    (redriven,) = driven(of(Job()), source(document(RECORDS)), MemoryLedger(), shard)
    assert redriven == Redriven("1", None, "unreachable", detail="AccessDeniedException")


def test_one_whose_stream_no_client_can_be_made_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (redriven,) = redrive(of(Job()), source(document(RECORDS)), ledger=MemoryLedger())
    assert redriven == Redriven("1", None, "unreachable", detail="NoRegionError")


def test_with_a_ledger_that_cannot_be_read_it_is_kept() -> None:
    ledger = WatchedLedger(cannot_read=True)
    (redriven,) = driven(of(Job()), source(document(RECORDS, payload=True)), ledger)
    assert redriven == Redriven("1", None, "ledger unavailable")


def test_its_scope_is_the_functions_name_unless_another_is_given() -> None:
    ledger, body = WatchedLedger(), document(RECORDS[:1], payload=True)
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:prod-follow-1A2B"
    named = document(RECORDS[:1], payload=True, arn=arn)
    assert told(redrive(of(Job()), source(body), ledger=ledger))[0][2] == "handled"
    assert told(redrive(of(Job()), source(named), ledger=ledger))[0][2] == "handled"
    redriven = redrive(
        of(Job()), source(named, body), ledger=ledger, scope="follow", function="prod-follow-1A2B"
    )
    assert told(redriven) == [
        ("", "2", "another function", "kept"),
        ("tell", "a1", "skipped", "removed"),
    ]
    assert redriven[0].detail == "follow"
    assert [read.scope for read in ledger.reads] == ["follow", "prod-follow-1A2B", "follow"]
    (foreign,) = redrive(of(Job()), source(named), ledger=ledger, scope="follow")
    assert foreign == Redriven("1", None, "another function", detail="prod-follow-1A2B")


def test_a_document_and_the_letters_of_its_pairs_go_each_their_way() -> None:
    tell, store, ledger = Job(), Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "dead", ("store", "a1"): "open"})
    texts = source(document(RECORDS[:1], payload=True), letter_on(RECORDS[0]).to_json())
    assert told(driven(of(tell, store), texts, ledger)) == [
        ("store", "a1", "handled", "removed"),
        ("tell", "a1", "skipped", "removed"),
        ("tell", "a1", "handled", "removed"),
    ]
    assert (tell.seen, store.seen) == (["a1"], ["a1"])


def test_documents_and_letters_run_in_the_order_of_their_records() -> None:
    tell = Job()
    texts = source(
        letter_on(RECORDS[5]).to_json(),
        document(RECORDS[3:5], payload=True),
        letter_on(RECORDS[1]).to_json(),
        document(RECORDS[:1], payload=True),
    )
    note(ledger := MemoryLedger(), {("tell", "c2"): "dead", ("tell", "b1"): "dead"})
    driven(of(tell), texts, ledger)
    assert tell.seen == ["a1", "b1", "a2", "b2", "c2"]


def test_a_failure_in_one_holds_back_what_lies_in_another() -> None:
    tell = Job(a1=1)
    texts = source(document(RECORDS[3:4], payload=True), document(RECORDS[:1], payload=True))
    first, second = driven(of(tell), texts, MemoryLedger())
    assert told([first, second]) == [("tell", "a1", "failed", "kept"), ("tell", "a2", "held back", "kept")]
    assert second.failed is not None
    assert second.failed.reason == HeldBack()


def test_a_failure_keeps_nothing_that_is_settled() -> None:
    tell, ledger = Job(a1=1), MemoryLedger()
    note(ledger, {("tell", "a2"): "handled"})
    texts = source(document(RECORDS[:1], payload=True), document(RECORDS[3:4], payload=True))
    assert told(driven(of(tell), texts, ledger)) == [
        ("tell", "a1", "failed", "kept"),
        ("tell", "a2", "skipped", "removed"),
    ]


def test_what_is_dropped_holds_nothing_back() -> None:
    tell, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "open"}, attempts=2)
    process: Pipeline[object, object] = pipeline(
        notes, on_insert(tell, name="tell", where=lambda event: event.event_id != "a1")
    )
    texts = source(document(RECORDS[:1], payload=True), document(RECORDS[3:4], payload=True))
    assert [each.outcome for each in driven(process, texts, ledger)] == ["not wanted", "handled"]


def test_a_redrive_uses_up_no_attempt_of_the_function() -> None:
    ledger = MemoryLedger()
    note(ledger, {("tell", "a1"): "open"}, attempts=2)
    driven(of(Job(a1=1)), source(document(RECORDS[:1], payload=True)), ledger)
    assert {entry.attempts for entry in ledger.read(EVERYTHING, unlimited)} == {2}


def test_a_chunk_that_fails_is_halved_until_the_event_is_found() -> None:
    job, ledger = Job(b1=3), MemoryLedger()
    process: Pipeline[object, object] = pipeline(notes, on_event(batched(job.all), name="tell"))
    texts = source(document(RECORDS[:3], payload=True))
    assert [each.outcome for each in driven(process, texts, ledger)] == ["handled", "failed", "handled"]
    assert told(driven(process, texts, ledger))[0] == ("tell", "b1", "handled", "removed")


def test_a_record_that_is_in_it_twice_runs_once() -> None:
    tell = Job(a1=1)
    texts, ledger = source(document([RECORDS[0], RECORDS[0]], payload=True)), MemoryLedger()
    assert told(driven(of(tell), texts, ledger)) == [("tell", "a1", "failed", "kept")]
    assert told(driven(of(tell), texts, ledger)) == [("tell", "a1", "handled", "removed")]
    assert tell.seen == ["a1", "a1"]


def test_one_with_two_records_of_one_event_id_stays_where_it_is() -> None:
    """Whoever goes by the eventID would take the one for the other."""
    tell = Job()
    namesake: Raw = {**RECORDS[1], "eventID": RECORDS[0]["eventID"]}
    (redriven,) = driven(of(tell), source(document([RECORDS[0], namesake], payload=True)), MemoryLedger())
    assert (redriven.outcome, redriven.removed, tell.seen) == ("ambiguous", False, [])
    assert "one eventID" in redriven.detail


def test_without_time_it_is_not_even_read() -> None:
    left = [2.5]

    def slow(event: Event[Note]) -> Result[str, str]:
        left[0] -= 1.6
        return Success(event.event_id)

    shard = Shard(RECORDS)
    texts = source(letter_on(RECORDS[0]).to_json(), document(RECORDS[3:]))
    redriven = redrive(
        pipeline(notes, on_event(slow, name="tell")),
        texts,
        ledger=MemoryLedger(),
        unproved=True,
        streams=shard,
        seconds_left=lambda: left[0],
    )
    assert told(redriven) == [("tell", "a1", "handled", "removed"), ("", "2", "out of time", "kept")]
    assert shard.seeks == []


def test_what_is_written_counts_for_the_scope_of_the_document() -> None:
    ledger = MemoryLedger()
    driven(of(Job()), source(document(RECORDS[:2], payload=True)), ledger)
    assert {entry.pair.record: entry.state for entry in ledger.read(EVERYTHING, unlimited)} == {
        "a1": "handled",
        "b1": "handled",
    }


def test_what_is_tried_alone_and_fails_keeps_nothing_that_comes_after_it_from_being_tried() -> None:
    """A redrive gives nothing up, so that what fails would stand before the rest in each redrive."""
    events = written(*(f"{item}1" for item in "abcdefgh"))
    calls: list[list[str]] = []

    def tell(chunk: Sequence[Event[Note]]) -> Result[str, str]:
        calls.append([event.event_id for event in chunk])
        return Success("yes") if calls[-1] == ["h1"] else Failure("no")

    ledger = MemoryLedger()
    entries = [Entry(Key("tell", event.event_id), "open", alone=True) for event in events]
    ledger.write(EVERYTHING, entries, unlimited)
    texts = source(document(raws(events), payload=True))
    process = pipeline(notes, on_event(batched(tell), name="tell"))
    outcomes = {name: outcome for _, name, outcome, _ in told(driven(process, texts, ledger))}
    assert calls == [[event.event_id] for event in events]
    assert outcomes.pop("h1") == "handled"
    assert {*outcomes.values()} == {"failed"}
