"""Changes that come through Kinesis: taken out of its entries, once each, and answered as it expects."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from streamfn import (
    BatchFailed,
    BatchResponse,
    Delivery,
    Event,
    InsertEvent,
    Malformed,
    MalformedRecord,
    NotAStreamEvent,
    StreamRecord,
    Table,
    Unrouted,
    acknowledge,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    read,
    retry,
)
from streamfn._records import is_map
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import (
    failures,
    insert_event,
    kinesis_event,
    lambda_event,
    modify_event,
    pipe_event,
    remove_event,
    values,
)
from tests.cards import Card, Json, cards

AT: Final = datetime(2024, 11, 18, 10, 9, 15, 370_001, tzinfo=UTC)

HELLO: Final = insert_event(Card(1, "hello"), sequence_number="4" * 56, at=AT)
BLUE: Final = modify_event(Card(1, "hello"), Card(1, "hello", "ada"), sequence_number="5" * 56, at=AT)
BYE: Final = remove_event(Card(2, "bye"), sequence_number="1" + "0" * 56, at=AT, expired=True)


def entry(told: object, **outer: object) -> Json:
    """Make an entry of Kinesis's that carries this, as JSON in base64 unless it is text already."""
    data = told if isinstance(told, str) else b64encode(json.dumps(told).encode()).decode()
    kinesis = {"sequenceNumber": "7", "data": data, "partitionKey": "1"} | outer
    return {
        "kinesis": kinesis,
        "eventSource": "aws:kinesis",
        "eventID": "shardId-000000000000:7",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/changes",
    }


def inside(number: int = 1, /, **change: object) -> Json:
    """Make what DynamoDB writes to Kinesis of a new card."""
    image = {"id": {"N": str(number)}, "title": {"S": "hello"}}
    return {
        "eventID": f"id-{number}",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "prod-Card",
        "dynamodb": {"Keys": dict(image), "NewImage": image, "SizeBytes": 9} | change,
        "eventSource": "aws:dynamodb",
    }


def title(event: Event[Card]) -> Result[str, str]:
    """Tell the title, and refuse those that say so."""
    image = event.new_image if isinstance(event, InsertEvent) else event.old_image
    return Failure("no") if image.title == "refuse" else Success(image.title)


process: Final = pipeline(cards, on_event(title))


def test_a_record_is_what_it_would_be_in_a_stream_but_for_the_place_and_the_view_type() -> None:
    for precision in ("MILLISECOND", "MICROSECOND"):
        found = read(kinesis_event(HELLO, BLUE, BYE, precision=precision))
        for event, record in zip([HELLO, BLUE, BYE], found, strict=True):
            assert isinstance(record, StreamRecord)
            there = event.record
            assert (record.event_id, record.event_name, record.table_name) == (
                there.event_id,
                there.event_name,
                "prod-Card",
            )
            assert (record.keys, record.new_image, record.old_image) == (
                there.keys,
                there.new_image,
                there.old_image,
            )
            assert (record.sequence_number, record.expired) == (there.sequence_number, there.expired)
            assert record.view_type is None
            assert record.event_source_arn == "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"
            at = AT if precision == "MICROSECOND" else AT.replace(microsecond=370_000)
            assert record.approximate_creation == at


def test_what_is_written_there_is_json_with_or_without_a_time() -> None:
    (undated,) = read({"Records": [entry(inside())]})
    assert isinstance(undated, StreamRecord)
    assert undated.approximate_creation is None
    (again,) = read(json.loads(json.dumps(kinesis_event(InsertEvent(undated, Card(1, "hello"))))))
    assert isinstance(again, StreamRecord)
    assert (again.approximate_creation, again.new_image) == (None, undated.new_image)


def test_a_handler_cannot_tell_on_which_way_a_change_came() -> None:
    events = [HELLO, BLUE, BYE]
    assert values(process(lambda_event(*events))) == ["hello", "hello", "bye"]
    assert values(process(kinesis_event(*events))) == values(process(lambda_event(*events)))
    assert values(process(pipe_event(*events))) == values(process(lambda_event(*events)))


@given(st.timedeltas(timedelta(days=4 * 365), timedelta(days=500 * 365)))
def test_the_unit_of_a_time_is_seen_from_its_size(since: timedelta) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + since
    for written, precision in (
        (since // timedelta(microseconds=1), timedelta(microseconds=1)),
        (since // timedelta(milliseconds=1), timedelta(milliseconds=1)),
    ):
        (record,) = read({"Records": [entry(inside(ApproximateCreationDateTime=written))]})
        assert isinstance(record, StreamRecord)
        assert record.approximate_creation is not None
        assert abs(record.approximate_creation - at) <= precision + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ApproximateCreationDateTime": 5_000, "ApproximateCreationDateTimePrecision": "MILLISECOND"}, 5),
        (
            {"ApproximateCreationDateTime": 5_000_000, "ApproximateCreationDateTimePrecision": "MICROSECOND"},
            5,
        ),
        ({"ApproximateCreationDateTime": 5_000, "ApproximateCreationDateTimePrecision": "FORTNIGHT"}, 5),
        ({"ApproximateCreationDateTime": 5_000.5, "ApproximateCreationDateTimePrecision": None}, 5.0005),
    ],
)
def test_a_time_is_in_the_unit_that_the_record_names(change: Json, expected: float) -> None:
    (record,) = read({"Records": [entry(inside(1, **change))]})
    assert isinstance(record, StreamRecord)
    assert record.approximate_creation == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=expected)


@pytest.mark.parametrize("written", ["now", 10**400, True, [], float("nan")])
def test_a_time_that_cannot_be_read_is_none(written: object) -> None:
    (record,) = read({"Records": [entry(inside(ApproximateCreationDateTime=written))]})
    assert isinstance(record, StreamRecord)
    assert record.approximate_creation is None


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (entry("not base64!"), "kinesis.data: expected a record of DynamoDB"),
        (entry("ü"), "kinesis.data: expected a record of DynamoDB"),
        (entry(b64encode(b"{").decode()), "kinesis.data: expected a record of DynamoDB"),
        (entry(b64encode(b"[" * 100_000).decode()), "kinesis.data: expected a record of DynamoDB"),
        (entry([1]), "kinesis.data: expected a record of DynamoDB"),
        (entry({"order": 1}), "kinesis.data: expected a record of DynamoDB"),
        (entry(inside(), data=None), "kinesis.data: expected a record of DynamoDB"),
        (entry(inside() | {"eventID": None}), "eventID is missing"),
        (entry(inside() | {"eventSource": "aws:sqs"}), "eventSource: expected aws:dynamodb"),
        (entry(inside(Keys=None)), "dynamodb.Keys is missing"),
    ],
)
def test_an_entry_that_holds_no_record_keeps_its_place_and_fails(broken: Json, problem: str) -> None:
    first, found, last = read({"Records": [entry(inside(1)), broken, entry(inside(3))]})
    assert isinstance(found, MalformedRecord)
    assert (found.problem, found.position, found.sequence_number) == (problem, 1, "7")
    assert [first.event_id, last.event_id] == ["id-1", "id-3"]
    (failed,) = failures(process({"Records": [broken]}))
    assert failed.reason == Malformed(problem)
    answer = lambda_handler(process)({"Records": [broken]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_entries_that_are_none_at_all_fail_among_those_of_kinesis() -> None:
    broken: list[object] = [None, {}, entry(inside(1))]
    assert [type(each).__name__ for each in read({"Records": broken})] == [
        "MalformedRecord",
        "MalformedRecord",
        "StreamRecord",
    ]
    with pytest.raises(BatchFailed, match="no sequence number"):
        lambda_handler(process, retry(report=lambda _: None))({"Records": broken}, None)


def test_a_dead_letter_of_a_broken_entry_bears_the_name_that_redriving_finds() -> None:
    letters = MemoryDeadLetters()
    delivery: Delivery[str] = retry(ledger=MemoryLedger(), dead_letters=letters, report=lambda _: None)
    assert lambda_handler(process, delivery)({"Records": [entry("?")]}, None) == {"batchItemFailures": []}
    (letter,) = letters.letters
    assert letter.pair.record == "shardId-000000000000:7"


def test_a_change_that_comes_twice_is_handled_once_whatever_the_delivery() -> None:
    twice = kinesis_event(HELLO, BYE, HELLO)
    assert values(process(twice)) == ["hello", "bye"]
    seen: list[str] = []

    def count(event: Event[Card]) -> Result[None, str]:
        seen.append(event.event_id)
        return Success(None)

    deliveries: list[Delivery[str]] = [acknowledge(), retry(), retry(ledger=MemoryLedger())]
    for delivery in deliveries:
        seen.clear()
        assert lambda_handler(pipeline(cards, on_event(count)), delivery)(twice, None) == {
            "batchItemFailures": []
        }
        assert seen == [HELLO.event_id, BYE.event_id]


def test_changes_that_differ_are_both_handled_though_they_have_one_event_id() -> None:
    """AWS gives no two changes one eventID; fixtures do."""
    namesake = kinesis_event(insert_event(Card(2, "other"), event_id=HELLO.event_id))["Records"][0]
    payload = kinesis_event(HELLO, namesake)
    assert values(process(payload)) == ["hello", "other"]
    handler = lambda_handler(process, retry(ledger=MemoryLedger()))
    with pytest.raises(BatchFailed, match="two records that differ have one eventID"):
        handler(payload, None)


def test_broken_entries_of_one_name_are_not_taken_for_the_same_change() -> None:
    broken = entry(inside(Keys=None))
    assert 3 == len(read({"Records": [entry(inside()), broken, broken]}))


def test_records_go_by_the_table_that_they_name() -> None:
    other = pipeline(Table("prod-Deck", Card), on_insert(lambda event: Success(event.event_id), name="other"))
    (failed,) = failures(other(kinesis_event(HELLO)))
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"
    assert failed.reason == Unrouted(arn, "prod-Card")


def test_what_nobody_wants_is_left_out_broken_or_not() -> None:
    inserts = pipeline(cards, on_insert(lambda event: Success(event.event_id), name="inserts"))
    removal = entry(inside(Keys=None) | {"eventName": "REMOVE"})
    assert [] == inserts({"Records": [removal, *kinesis_event(BYE)["Records"]]})


def answer_of(payload: object) -> BatchResponse:
    """Have a function answer, whose handler refuses what says so."""
    return lambda_handler(process, retry(report=lambda _: None))(payload, None)


def refused(number: str) -> InsertEvent[Card]:
    """Make an event that its handler refuses."""
    return insert_event(Card(int(number), "refuse"), sequence_number=number, event_id=f"id-{number}")


def test_kinesis_is_told_the_lowest_sequence_number_of_its_own() -> None:
    batch = kinesis_event(refused("9"), refused("10"))
    assert answer_of(batch) == {"batchItemFailures": [{"itemIdentifier": "9"}]}


def test_a_pipe_is_told_the_event_id_of_each_record_that_has_to_come_again() -> None:
    fine = insert_event(Card(1, "hello"), sequence_number="8", event_id="id-8")
    batch = pipe_event(fine, refused("9"), refused("10"))
    assert answer_of(batch) == {
        "batchItemFailures": [{"itemIdentifier": "id-9"}, {"itemIdentifier": "id-10"}]
    }
    assert answer_of(pipe_event(fine)) == {"batchItemFailures": []}
    assert answer_of([]) == {"batchItemFailures": []}


def test_a_pipe_is_told_of_a_record_once_however_many_handlers_failed() -> None:
    def too(event: InsertEvent[Card]) -> Result[str, str]:
        return Failure(event.new_image.title)

    both = lambda_handler(pipeline(cards, on_event(title), on_insert(too)), retry(report=lambda _: None))
    assert both(pipe_event(refused("9")), None) == {"batchItemFailures": [{"itemIdentifier": "id-9"}]}


def test_a_pipe_that_reads_kinesis_is_told_what_kinesis_calls_its_entries() -> None:
    def flat(event: InsertEvent[Card]) -> dict[str, object]:
        (nested,) = kinesis_event(event)["Records"]
        kinesis = nested["kinesis"]
        assert is_map(kinesis)
        return {name: value for name, value in {**nested, **kinesis}.items() if name != "kinesis"}

    odd = b64encode(json.dumps(inside(1) | {"eventName": "UPSERT"}).encode()).decode()
    batch = [
        flat(refused("9")),
        {**flat(refused("10")), "data": "?"},
        {**flat(refused("11")), "data": odd},
    ]
    assert answer_of(batch) == {
        "batchItemFailures": [
            {"itemIdentifier": "shardId-000000000000:9"},
            {"itemIdentifier": "shardId-000000000000:10"},
            {"itemIdentifier": "shardId-000000000000:11"},
        ]
    }


def test_where_a_pipe_has_no_name_for_a_record_the_whole_batch_comes_again() -> None:
    with pytest.raises(BatchFailed, match="no eventID that an answer could name"):
        answer_of([*pipe_event(refused("9")), {"eventSource": "aws:dynamodb"}])


def test_who_hands_in_a_document_is_told_of_failures_by_an_exception() -> None:
    def document(event: InsertEvent[Card]) -> Json:
        return {"DDBStreamBatchInfo": {"shardId": "shardId-1"}, "payload": lambda_event(event)}

    assert answer_of(document(HELLO)) == {"batchItemFailures": []}
    with pytest.raises(BatchFailed, match="1 failures; the first: "):
        answer_of(document(refused("9")))


def test_a_window_is_refused_by_a_function_that_keeps_no_state() -> None:
    window: Json = {**lambda_event(HELLO), "isFinalInvokeForWindow": False, "state": {}}
    with pytest.raises(NotAStreamEvent, match="make the function with window_handler"):
        answer_of(window)
