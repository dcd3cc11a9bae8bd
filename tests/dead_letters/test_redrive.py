"""A redrive runs what was given up, once, in order, and keeps whatever it could not settle."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, cast

import pytest
from returns.result import Result, Success

from streamfn import (
    ConfigurationError,
    Event,
    Failed,
    Handler,
    HeldBack,
    InsertEvent,
    LedgerUnavailable,
    Malformed,
    OutOfTime,
    Pipeline,
    Raised,
    Refused,
    RemoveEvent,
    Undecodable,
    Unrouted,
    batched,
    batched_each,
    concurrent,
    on_event,
    on_insert,
    on_remove,
    pipeline,
    series,
)
from streamfn._execution.run import Strategy
from streamfn._time import unlimited
from streamfn.dead_letters import LetterSource, Received, SqsDeadLetters
from streamfn.ledgers import Ledger, MemoryLedger
from streamfn.ledgers._protocol import Entry, Key
from streamfn.redrive import Redriven, redrive
from streamfn.testing import insert_event
from tests.cards import Json, record
from tests.dead_letters.letters import seconds
from tests.dead_letters.queues import URL, Queue, message
from tests.dead_letters.redriving import (
    EVERYTHING,
    SCOPE,
    STREAM,
    Crash,
    Texts,
    box_of,
    left_in,
    letter_on,
    letters,
    note,
    texts_of,
    told,
)
from tests.delivery.jobs import Job, Note, WatchedLedger, notes, quiet, written

ANOTHER = f"{STREAM}-again"
"""The stream that the table got after the first one was switched off."""

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)


def following(
    tell: Job, *others: Handler[Note, object, object], strategy: Strategy = series
) -> Pipeline[object, object]:
    """Make a pipeline whose first handler is named `tell`."""
    handlers: list[Handler[Note, object, object]] = [on_event(tell, name="tell"), *others]
    first, second = handlers[0], handlers[1:]
    if second:
        return pipeline(notes, first, second[0], strategy=strategy)
    return pipeline(notes, first, strategy=strategy)


def quietly(
    process: Pipeline[object, object], source: LetterSource, ledger: Ledger | None = None
) -> list[tuple[str, str, str, str]]:
    """Redrive without a word."""
    return told(redrive(process, source, ledger=ledger or MemoryLedger(), report=quiet, unproved=True))


@strategies
def test_what_succeeds_now_is_removed_and_remembered(strategy: Strategy) -> None:
    tell, ledger = Job(), MemoryLedger()
    box = box_of(*letters(written("a1", "b1")))
    note(ledger, {("tell", "a1"): "dead", ("tell", "b1"): "dead"})
    redriven = redrive(following(tell, strategy=strategy), box, ledger=ledger, unproved=True)
    assert told(redriven) == [("tell", "a1", "handled", "removed"), ("tell", "b1", "handled", "removed")]
    assert [each.name for each in redriven] == ["1", "2"]
    assert sorted(tell.seen) == ["a1", "b1"]
    assert left_in(box) == []
    known = [entry for entry in ledger.read(EVERYTHING, unlimited) if entry.state == "handled"]
    assert sorted(entry.pair.record for entry in known) == ["a1", "b1"]


def test_only_the_handler_that_gave_up_runs() -> None:
    tell, store = Job(), Job()
    box = box_of(*letters(written("a1")))
    assert quietly(following(tell, on_event(store, name="store")), box) == [
        ("tell", "a1", "handled", "removed")
    ]
    assert (tell.seen, store.seen) == (["a1"], [])


def test_what_fails_again_stays_with_its_failure_and_is_reported() -> None:
    tell, reported = Job(a1=1), list[Failed[object]]()
    box = box_of(*letters(written("a1", "b1")))
    first, second = redrive(
        following(tell), box, ledger=MemoryLedger(), report=reported.append, unproved=True
    )
    assert told([first, second]) == [("tell", "a1", "failed", "kept"), ("tell", "b1", "handled", "removed")]
    assert first.failed is not None
    assert first.failed.reason == Refused("a1")
    assert reported == [first.failed]
    assert left_in(box) == ["a1"]
    assert quietly(following(tell), box) == [("tell", "a1", "handled", "removed")]
    assert left_in(box) == []


def test_a_handler_that_raises_ends_nothing() -> None:
    def explode(event: Event[Note]) -> Result[None, str]:
        raise ValueError(event.event_id)

    box = box_of(*letters(written("a1", "b1"), "explode"))
    redriven = redrive(
        pipeline(notes, on_event(explode)), box, ledger=MemoryLedger(), report=quiet, unproved=True
    )
    assert [each.outcome for each in redriven] == ["failed", "failed"]
    assert all(each.failed and isinstance(each.failed.reason, Raised) for each in redriven)


def test_what_the_ledger_knows_as_handled_is_skipped_and_removed() -> None:
    tell, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "dead"})
    note(ledger, {("tell", "a1"): "handled", ("store", "b1"): "handled"})
    box = box_of(*letters(written("a1", "b1")))
    assert quietly(following(tell), box, ledger) == [
        ("tell", "a1", "skipped", "removed"),
        ("tell", "b1", "handled", "removed"),
    ]
    assert tell.seen == ["b1"]


@pytest.mark.parametrize("state", ["dead", "dropped", "open"])
def test_whatever_else_the_ledger_knows_runs(state: str) -> None:
    states = {
        "dead": Entry(Key("tell", "a1"), "dead", 5),
        "dropped": Entry(Key("tell", "a1"), "dropped", 5),
    }
    tell, ledger = Job(), MemoryLedger()
    ledger.write(EVERYTHING, [states.get(state, Entry(Key("tell", "a1"), "open", 5, alone=True))], unlimited)
    assert quietly(following(tell), box_of(*letters(written("a1"))), ledger) == [
        ("tell", "a1", "handled", "removed")
    ]


def test_a_second_redrive_after_a_crash_between_run_and_remove_skips() -> None:
    tell, ledger = Job(), MemoryLedger()
    source = texts_of(*letters(written("a1", "b1")))
    source.failing["a1 tell"] = Crash()
    with pytest.raises(Crash):
        redrive(following(tell), source, ledger=ledger, unproved=True)
    source.failing.clear()
    assert quietly(following(tell), source, ledger) == [
        ("tell", "a1", "skipped", "removed"),
        ("tell", "b1", "skipped", "removed"),
    ]
    assert tell.seen == ["a1", "b1"]
    assert source.texts == {}


def test_what_cannot_be_removed_is_told_and_skipped_the_next_time(caplog: pytest.LogCaptureFixture) -> None:
    tell, ledger = Job(), MemoryLedger()
    source = texts_of(*letters(written("a1", "b1")))
    source.failing["a1 tell"] = ConnectionError("secret")
    assert quietly(following(tell), source, ledger) == [
        ("tell", "a1", "handled", "kept"),
        ("tell", "b1", "handled", "removed"),
    ]
    assert caplog.messages == ["a1 tell is done with, and was not removed: ConnectionError"]
    source.failing.clear()
    assert quietly(following(tell), source, ledger) == [("tell", "a1", "skipped", "removed")]
    assert tell.seen == ["a1", "b1"]


def test_a_success_is_in_the_ledger_before_the_next_letter_starts() -> None:
    ledger, told_before = WatchedLedger(), list[int]()

    def tell(event: Event[Note]) -> Result[str, str]:
        told_before.append(len(ledger.told()))
        return Success(event.event_id)

    redrive(
        pipeline(notes, on_event(tell)),
        box_of(*letters(written("a1", "b1", "c1"))),
        ledger=ledger,
        unproved=True,
    )
    assert told_before == [0, 1, 2]
    assert len(ledger.reads) == 1, "a portion is looked up at once"


def test_a_ledger_that_cannot_be_written_is_told_of_and_what_succeeded_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To keep the letter would repeat for sure what may otherwise never be repeated."""
    ledger = WatchedLedger(cannot_write=True)
    assert quietly(following(Job()), box_of(*letters(written("a1"))), ledger) == [
        ("tell", "a1", "handled", "removed")
    ]
    assert "the ledger could not be written" in caplog.text
    assert "secret" not in caplog.text


def test_a_ledger_that_cannot_be_read_keeps_everything(caplog: pytest.LogCaptureFixture) -> None:
    tell, ledger, reported = Job(), WatchedLedger(cannot_read=True), list[Failed[object]]()
    broken = {"eventID": "x", "eventName": "NO"}
    box = box_of(*letters(written("a1")), letter_on(broken, ""))
    redriven = redrive(following(tell), box, ledger=ledger, report=reported.append, unproved=True)
    assert told(redriven) == [
        ("", "x", "ledger unavailable", "kept"),
        ("tell", "a1", "ledger unavailable", "kept"),
    ]
    assert [each.failed and (each.failed.handler, each.failed.reason) for each in redriven] == [
        (None, LedgerUnavailable()),
        ("tell", LedgerUnavailable()),
    ]
    assert len(reported) == 1, "it is told once"
    assert caplog.messages == ["the ledger could not be read, nothing more is redriven: ConnectionError"]
    assert tell.seen == []
    assert len(box.letters) == 2


def test_after_a_ledger_that_could_not_be_read_nothing_more_is_taken() -> None:
    """What is kept for that may have to come before what would be next."""
    tell, ledger = Job(), WatchedLedger(cannot_read=True)
    first, second, third = letters(written("a1", "b1", "a2"))
    source = texts_of(first, replace(second, scope="index"), third)
    redriven = redrive(following(tell), source, ledger=ledger, at_once=2, report=quiet, unproved=True)
    assert told(redriven) == [
        ("tell", "a1", "ledger unavailable", "kept"),
        ("tell", "b1", "ledger unavailable", "kept"),
    ]
    assert (len(ledger.reads), source.received) == (1, ["a1 tell", "b1 tell"])


@strategies
def test_letters_run_in_the_order_of_their_records(strategy: Strategy) -> None:
    """Sequence numbers differ in their lengths, and queues do not keep an order."""
    tell = Job()
    events = [insert_event(Note(1, "x"), event_id=f"r{n}", sequence_number=str(n)) for n in (100, 9, 11)]
    quietly(following(tell, strategy=strategy), box_of(*letters(events)))
    assert tell.seen == ["r9", "r11", "r100"]


@strategies
def test_what_follows_a_failure_is_held_back_for_its_item_and_handler_alone(strategy: Strategy) -> None:
    tell, store = Job(a1=1), Job()
    events = written("a1", "a2", "b1", "a3")
    process = following(tell, on_event(store, name="store"), strategy=strategy)
    reported = list[Failed[object]]()
    box = box_of(*letters(reversed(events)), *letters(events[1:2], "store"))
    redriven = redrive(process, box, ledger=MemoryLedger(), report=reported.append, unproved=True)
    assert sorted(told(redriven)) == [
        ("store", "a2", "handled", "removed"),
        ("tell", "a1", "failed", "kept"),
        ("tell", "a2", "held back", "kept"),
        ("tell", "a3", "held back", "kept"),
        ("tell", "b1", "handled", "removed"),
    ]
    held = [each.failed for each in redriven if each.outcome == "held back"]
    assert all(failed and failed.reason == HeldBack() for failed in held)
    assert [failed.record.event_id for failed in reported] == ["a1"], "what waits has not failed"
    assert sorted(tell.again()) == ["a1", "b1"]
    quietly(process, box)
    assert tell.again() == ["a1", "a2", "a3"]
    assert box.letters == ()


def test_what_follows_a_failure_is_held_back_in_later_portions_too() -> None:
    tell = Job(a2=1)
    events = written("a1", "a2", "a3")
    source = texts_of(*letters([events[1], events[2], events[0]]))
    redriven = redrive(following(tell), source, ledger=MemoryLedger(), at_once=1, report=quiet, unproved=True)
    assert told(redriven) == [
        ("tell", "a2", "failed", "kept"),
        ("tell", "a3", "held back", "kept"),
        ("tell", "a1", "handled", "removed"),
    ]


def test_whatever_comes_after_the_first_failure_is_held_back_in_whatever_order_it_comes() -> None:
    tell = Job(a1=1)
    events = written("a1", "a2", "a3")
    source = texts_of(*letters([events[0], events[2], events[1]]))
    redriven = redrive(following(tell), source, ledger=MemoryLedger(), at_once=1, report=quiet, unproved=True)
    assert [each.outcome for each in redriven] == ["failed", "held back", "held back"]


def test_a_second_letter_of_a_pair_is_settled_with_the_first() -> None:
    """There are two if the function died before the ledger knew of the first."""
    tell, twice = Job(b1=1), [*letters(written("a1", "b1"))] * 2
    box, ledger = box_of(*twice), MemoryLedger()
    assert sorted(quietly(following(tell), box, ledger)) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "failed", "kept"),
        ("tell", "b1", "failed", "kept"),
    ]
    assert tell.again() == ["a1", "b1"]


def test_a_letter_of_another_record_with_the_same_event_id_is_kept() -> None:
    """Letters go by the eventID: the first one would have been taken for both, and the second record lost."""
    tell = Job()
    first, namesake = letters([*written("a1"), *written("a1")])
    namesake = replace(namesake, record={**cast("Json", namesake.record), "eventName": "REMOVE"})
    redriven = [
        *redrive(following(tell), box_of(first, namesake), ledger=MemoryLedger(), report=quiet, unproved=True)
    ]
    assert [(each.outcome, each.removed) for each in redriven] == [("ambiguous", False), ("handled", True)]
    assert tell.seen == ["a1"]


def test_a_second_letter_of_a_pair_in_another_portion_does_not_run_again() -> None:
    tell, box = Job(b1=1), box_of(*letters(written("a1", "b1")) * 2)
    redriven = redrive(following(tell), box, ledger=MemoryLedger(), at_once=2, report=quiet, unproved=True)
    assert told(redriven) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "failed", "kept"),
        ("tell", "a1", "skipped", "removed"),
        ("tell", "b1", "held back", "kept"),
    ]
    assert tell.seen == ["a1", "b1"]


def test_a_letter_of_a_handler_that_is_not_there_is_kept() -> None:
    tell = Job()
    ledger = WatchedLedger()
    box = box_of(*letters(written("a1"), "announce"))
    assert quietly(following(tell), box, ledger) == [("announce", "a1", "unknown handler", "kept")]
    assert (tell.seen, ledger.reads, len(box.letters)) == ([], [], 1)


def test_a_letter_that_its_handler_no_longer_wants_is_kept_and_stays_what_it_is() -> None:
    ledger = MemoryLedger()
    note(ledger, {("tell", "a1"): "dead"}, attempts=3)
    tell = Job()
    picky: Pipeline[object, object] = pipeline(notes, on_insert(tell, name="tell", where=lambda _: False))
    box = box_of(*letters(written("a1")))
    before = ledger.read(EVERYTHING, unlimited)
    assert quietly(picky, box, ledger) == [("tell", "a1", "not wanted", "kept")]
    assert ledger.read(EVERYTHING, unlimited) == before
    elsewhere: Pipeline[object, object] = pipeline(notes, on_remove(tell, name="tell"))
    assert quietly(elsewhere, box, ledger) == [("tell", "a1", "not wanted", "kept")]
    assert (tell.seen, left_in(box)) == ([], ["a1"])


def test_a_where_that_raises_is_a_failure() -> None:
    def explode(event: InsertEvent[Note]) -> bool:
        raise ValueError(event.event_id)

    process: Pipeline[object, object] = pipeline(notes, on_insert(Job(), name="tell", where=explode))
    assert quietly(process, box_of(*letters(written("a1")))) == [("tell", "a1", "failed", "kept")]


def test_what_reached_no_handler_runs_for_each_that_wants_it_now() -> None:
    """As where the table was missing from the pipeline."""
    tell, store, drop, ledger = Job(b1=1), Job(), list[str](), MemoryLedger()

    def clean(event: RemoveEvent[Note]) -> Result[None, str]:
        drop.append(event.event_id)
        return Success(None)

    process: Pipeline[object, object] = pipeline(
        notes, on_event(tell, name="tell"), on_insert(store, name="store"), on_remove(clean)
    )
    note(ledger, {("", "a1"): "dead", ("store", "a1"): "handled", ("tell", "a1"): "dead"})
    box = box_of(*letters(written("a1", "b1"), ""))
    assert quietly(process, box, ledger) == [
        ("tell", "a1", "handled", "removed"),
        ("store", "a1", "skipped", "removed"),
        ("tell", "b1", "failed", "kept"),
        ("store", "b1", "handled", "kept"),
    ]
    assert (tell.seen, store.seen, drop) == (["a1", "b1"], ["b1"], [])
    assert left_in(box) == ["b1"]
    assert quietly(process, box, ledger) == [
        ("tell", "b1", "handled", "removed"),
        ("store", "b1", "skipped", "removed"),
    ]


def test_what_reached_no_handler_and_is_wanted_by_none_now_is_done_with() -> None:
    process: Pipeline[object, object] = pipeline(notes, on_remove(Job(), name="tell"))
    box = box_of(*letters(written("a1"), ""))
    assert quietly(process, box) == [("", "a1", "skipped", "removed")]


def test_what_still_reaches_no_handler_is_kept() -> None:
    stray = record(1)
    sqs = {"eventSource": "aws:sqs", "eventID": "m1"}
    nameless = {"dynamodb": {"SequenceNumber": "7"}}
    box = box_of(
        letter_on({"eventID": "b"}, ""),
        letter_on(stray, ""),
        letter_on(sqs, ""),
        letter_on(nameless, "", identity="sequence-number-7"),
    )
    note(ledger := MemoryLedger(), {("", "b"): "dead", ("", "id-1"): "dead"})
    redriven = redrive(following(Job()), box, ledger=ledger, report=quiet, unproved=True)
    assert sorted(told(redriven)) == [
        ("", "b", "failed", "kept"),
        ("", "id-1", "failed", "kept"),
        ("", "m1", "failed", "kept"),
        ("", "sequence-number-7", "failed", "kept"),
    ]
    reasons = {each.pair.record: each.failed.reason for each in redriven if each.pair and each.failed}
    assert isinstance(reasons["b"], Malformed)
    assert isinstance(reasons["id-1"], Unrouted)
    assert len(box.letters) == 4


def test_a_letter_of_a_table_that_is_not_in_the_pipeline_is_kept() -> None:
    box = box_of(letter_on(record(1), "tell"))
    (redriven,) = redrive(following(Job()), box, ledger=MemoryLedger(), report=quiet, unproved=True)
    assert told([redriven]) == [("tell", "id-1", "another stream", "kept")]
    assert redriven.detail.startswith("the pipeline has no table of 'arn:aws:dynamodb:")


def test_one_that_is_handled_is_removed_although_its_table_is_not_in_the_pipeline() -> None:
    box, ledger, reported = box_of(letter_on(record(1), "tell")), MemoryLedger(), list[Failed[object]]()
    note(ledger, {("tell", "id-1"): "handled"})
    assert told(redrive(following(Job()), box, ledger=ledger, report=reported.append, unproved=True)) == [
        ("tell", "id-1", "skipped", "removed")
    ]
    assert reported == []


def test_what_still_does_not_fit_the_model_is_kept_and_holds_back_its_item() -> None:
    broken, whole = written("a1", "a2")
    raw = broken.record.raw
    raw["dynamodb"]["NewImage"] = {"id": {"S": "secret"}}
    box = box_of(letter_on(raw), letter_on(whole.record.raw))
    first, second = redrive(following(Job()), box, ledger=MemoryLedger(), report=quiet, unproved=True)
    assert told([first, second]) == [("tell", "a1", "failed", "kept"), ("tell", "a2", "held back", "kept")]
    assert first.failed is not None
    assert isinstance(first.failed.reason, Undecodable)
    assert "secret" not in repr([first, second])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected JSON"),
        ("[]", "expected an object, got array"),
        (json.dumps({"version": 3}), "expected a dead letter of version 1 or 2, got 3"),
        (
            json.dumps({"KinesisBatchInfo": {}}),
            "the document does not name its function, its stream, or the range of its shard",
        ),
        (
            letter_on(written("a1")[0].record.raw, identity="another").to_json(),
            "the letter's record is not the one that its id names",
        ),
        (
            json.dumps({"DDBStreamBatchInfo": {}}),
            "the document does not name its function, its stream, or the range of its shard",
        ),
    ],
    ids=["nothing", "a list", "a later letter", "Kinesis", "another record", "half a document"],
)
def test_what_nobody_can_read_is_kept_with_the_reason(text: str, why: str) -> None:
    source = Texts({"x": text})
    (redriven,) = redrive(following(Job()), source, ledger=MemoryLedger(), unproved=True)
    assert redriven == Redriven("x", None, "unreadable", detail=why)
    assert list(source.texts) == ["x"]


class SharedLedger(MemoryLedger):
    """A ledger that other processes could share."""

    needs_scope: ClassVar[bool] = True


def test_a_letter_without_a_scope_is_told_of_where_others_could_share_its_entries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (first,) = letters(written("a1"))
    for ledger in (MemoryLedger(), SharedLedger()):
        redrive(following(Job()), box_of(replace(first, scope="")), ledger=ledger, unproved=True)
    redrive(following(Job()), box_of(first), ledger=SharedLedger(), unproved=True)
    (line,) = caplog.messages
    assert "names no function: what the ledger knows of it may be of any function without a scope" in line


def test_letters_of_other_functions_stay_where_a_scope_is_asked_for() -> None:
    tell = Job()
    first, second = letters(written("a1", "b1"))
    box = box_of(first, replace(second, scope="index"))
    (foreign, own) = redrive(following(tell), box, ledger=MemoryLedger(), scope=SCOPE, unproved=True)
    assert told([foreign, own]) == [
        ("tell", "b1", "another function", "kept"),
        ("tell", "a1", "handled", "removed"),
    ]
    assert foreign.detail == "index"
    assert quietly(following(tell), box) == [("tell", "b1", "handled", "removed")]


def test_functions_and_streams_are_looked_up_in_the_ledger_each_by_itself() -> None:
    ledger = WatchedLedger()
    first, second, third = letters(written("a1", "b1", "c1"))
    box = box_of(first, replace(second, scope="index"), replace(third, stream=ANOTHER))
    quietly(following(Job()), box, ledger)
    assert [(read.scope, read.stream) for read in ledger.reads] == [
        ("follow", first.stream),
        ("follow", ANOTHER),
        ("index", first.stream),
    ]
    assert sorted(ledger.told()) == [("tell", name, "handled") for name in ("a1", "b1", "c1")]


@pytest.mark.parametrize("kind", ["each", "all"])
def test_in_a_batched_handler_each_letter_is_tried_alone(kind: str) -> None:
    """Where one fails, its neighbours would otherwise have to stay as well."""
    job, chunks = Job(b1=1), list[int]()

    def each(events: Iterable[Event[Note]]) -> list[Result[str, str]]:
        chunks.append(len(together := tuple(events)))
        return job.each(together)

    def at_once(events: Iterable[Event[Note]]) -> Result[str, str]:
        chunks.append(len(together := tuple(events)))
        return job.all(together)

    function = batched_each(each) if kind == "each" else batched(at_once)
    process: Pipeline[object, object] = pipeline(notes, on_event(function, name="tell"))
    assert quietly(process, box_of(*letters(written("a1", "b1", "c1")))) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "failed", "kept"),
        ("tell", "c1", "handled", "removed"),
    ]
    assert chunks == [1, 1, 1]


def test_letters_are_taken_a_portion_at_a_time() -> None:
    """Nothing more is taken before what was taken is done with, however many there are."""
    source = texts_of(*letters(written(*(f"{name}1" for name in "abcdefg"))))
    waiting = list[int]()

    def tell(event: Event[Note]) -> Result[str, str]:
        waiting.append(len(source.received))
        return Success(event.event_id)

    redrive(pipeline(notes, on_event(tell)), source, ledger=MemoryLedger(), at_once=3, unproved=True)
    assert waiting == [3, 3, 3, 6, 6, 6, 7]


def test_a_portion_of_large_letters_is_a_smaller_one() -> None:
    large = [replace(each, reason="x" * 9_000_000) for each in letters(written("a1", "b1", "c1"))]
    source = texts_of(*large)
    waiting = list[int]()

    def tell(event: Event[Note]) -> Result[str, str]:
        waiting.append(len(source.received))
        return Success(event.event_id)

    redrive(pipeline(notes, on_event(tell)), source, ledger=MemoryLedger(), unproved=True)
    assert waiting == [2, 2, 3]


def test_a_fifo_queue_is_taken_letter_by_letter() -> None:
    """It gives nothing more of a handler before what it gave is removed."""
    bodies = [letter.to_json() for letter in letters(written("b1", "a1"))]
    queue = Queue(pages=[[message("x", bodies[0]), message("y", bodies[1])]])
    deleted = list[int]()

    def tell(event: Event[Note]) -> Result[str, str]:
        deleted.append(len(queue.deleted))
        return Success(event.event_id)

    redrive(
        pipeline(notes, on_event(tell)),
        SqsDeadLetters(f"{URL}.fifo", client=queue),
        ledger=MemoryLedger(),
        unproved=True,
    )
    assert deleted == [0, 1]


def test_it_stops_when_time_is_up_and_keeps_the_rest() -> None:
    """A second is kept for the ledger and the source."""
    tell, ledger, left = Job(), MemoryLedger(), [3.0]

    def slow(event: Event[Note]) -> Result[str, str]:
        left[0] -= 0.8
        return tell(event)

    source = texts_of(*letters(written("a1", "b1", "c1", "d1")))
    redriven = redrive(
        pipeline(notes, on_event(slow, name="tell")),
        source,
        ledger=ledger,
        at_once=3,
        seconds_left=lambda: left[0],
        report=quiet,
        unproved=True,
    )
    assert told(redriven) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "handled", "removed"),
        ("tell", "c1", "out of time", "kept"),
    ]
    assert redriven[2].failed is not None
    assert redriven[2].failed.reason == OutOfTime()
    assert source.received == ["a1 tell", "b1 tell", "c1 tell"]
    assert quietly(following(tell), source, ledger) == [
        ("tell", "c1", "handled", "removed"),
        ("tell", "d1", "handled", "removed"),
    ]


def test_nothing_is_taken_where_there_is_no_time_at_all() -> None:
    source = texts_of(*letters(written("a1")))
    assert (
        redrive(
            following(Job()), source, ledger=MemoryLedger(), seconds_left=seconds(1.0, 1.0), unproved=True
        )
        == []
    )
    assert source.received == []


def test_what_the_source_raises_comes_through() -> None:
    class Down:
        def receive(self) -> Iterator[Received]:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        redrive(following(Job()), Down(), ledger=MemoryLedger(), unproved=True)


def test_a_portion_of_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at_once=0 should be 1 or more"):
        redrive(following(Job()), box_of(), ledger=MemoryLedger(), at_once=0, unproved=True)


def test_failures_are_logged_by_their_identifiers(caplog: pytest.LogCaptureFixture) -> None:
    events = [insert_event(Note(1, "hunter2"), event_id="a1")]
    with caplog.at_level(logging.WARNING):
        redriven = redrive(
            following(Job(a1=1)), box_of(*letters(events)), ledger=MemoryLedger(), unproved=True
        )
    (line,) = caplog.messages
    assert json.loads(line)["handler"] == "tell"
    assert "hunter2" not in caplog.text + repr(redriven)
    assert "a1" in repr(redriven)
