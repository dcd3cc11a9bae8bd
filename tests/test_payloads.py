"""Reading a payload: which ones are events of a stream, and what becomes of entries that are no records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfn import MalformedRecord, NotAStreamEvent, StreamRecord, read
from streamfn._records import EVENT_NAMES, parse_record
from tests.cards import STREAM, Json, event, record


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (None, 'expected the event of a DynamoDB stream, {"Records": [...]}, got null'),
        ("Records", 'expected the event of a DynamoDB stream, {"Records": [...]}, got string'),
        ({"detail-type": "Scheduled Event"}, "got an event of EventBridge"),
        ({}, 'expected the event of a DynamoDB stream, {"Records": [...]}, got an object without Records'),
        ({"Records": None}, "got Records of type null"),
        ({"Records": {"eventID": "id-1"}}, "got Records of type object"),
        (event({"eventSource": "aws:sqs"}, {"eventSource": "aws:sqs"}), "got records of aws:sqs"),
        (event({"EventSource": "aws:sns"}), "got records of aws:sns"),
        ([{"eventSource": "aws:sqs"}], "got records of aws:sqs"),
        ({"DDBStreamBatchInfo": {}}, "got an OnFailure document without its records: redrive() reads them"),
        (
            {"KinesisBatchInfo": {}},
            "got an OnFailure document of a Kinesis stream without its records: they have to be read from the stream",
        ),
        (
            {"KinesisBatchInfo": {}, "context": {}},
            "got the dead letter of a pipe of a Kinesis stream without its records: they have to be read",
        ),
        ({"DDBStreamBatchInfo": {}, "payload": "{"}, "an OnFailure document whose payload is no JSON"),
        ({"KinesisBatchInfo": {}, "payload": []}, "an OnFailure document whose payload has no Records"),
        ({"KinesisBatchInfo": [], "payload": event()}, "got an object without Records"),
    ],
)
def test_a_payload_that_is_no_stream_event_is_one_clear_error(payload: object, message: str) -> None:
    with pytest.raises(NotAStreamEvent) as raised:
        read(payload)
    assert message in str(raised.value)


def test_no_records_are_no_error() -> None:
    assert read({"Records": []}) == []
    assert read([]) == []


def test_a_pipe_and_a_document_hold_the_same_records() -> None:
    batch = event(record(1), record(2))
    assert read(batch) == read([record(1), record(2)])
    document = {"DDBStreamBatchInfo": {"shardId": "shardId-1"}, "payload": batch}
    assert read(batch) == read(document) == read(document | {"payload": json.dumps(batch)})


def test_records_come_in_the_order_of_the_batch() -> None:
    found = read(event(record(2), record(1, "REMOVE"), record(3, "MODIFY")))
    assert [each.event_id for each in found] == ["id-2", "id-1", "id-3"]
    assert all(isinstance(each, StreamRecord) for each in found)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (None, "expected an object, got null"),
        ("text", "expected an object, got string"),
        ({}, "dynamodb is missing"),
        (record(without="dynamodb"), "dynamodb is missing"),
        (record(dynamodb="text"), "dynamodb: expected an object, got another string"),
        (record(without="eventID"), "eventID is missing"),
        (record(eventID=""), "eventID: expected text, got an empty string"),
        (record(eventID=7), "eventID: expected text, got another number"),
        (record(eventSource="aws:kinesis"), "eventSource: expected aws:dynamodb"),
        (record(without="eventName"), "eventName is missing"),
        (record(eventName="UPSERT"), "eventName: expected INSERT, MODIFY or REMOVE, got another string"),
        (record(eventName=["INSERT"]), "eventName: expected INSERT, MODIFY or REMOVE, got another array"),
        (record(without="Keys"), "dynamodb.Keys is missing"),
        (record(change={"Keys": []}), "dynamodb.Keys: expected an object, got another array"),
        (record(change={"NewImage": "text"}), "dynamodb.NewImage: expected an object, got another string"),
        (record(change={"OldImage": 0}), "dynamodb.OldImage: expected an object, got another number"),
    ],
)
def test_an_entry_that_is_no_record_stays_in_the_list_and_says_why(entry: object, problem: str) -> None:
    before, malformed, after = read(event(record(1), entry, record(3)))
    assert isinstance(malformed, MalformedRecord)
    assert (malformed.problem, malformed.position, malformed.raw) == (problem, 1, entry)
    assert [before.event_id, after.event_id] == ["id-1", "id-3"]


ODD: list[object] = [
    None,
    "",
    "text",
    7,
    -1,
    2.5,
    float("nan"),
    10**12,
    True,
    [],
    ["INSERT"],
    {},
    {"id": {"N": "1"}},
]
FIELDS = ["eventID", "eventName", "eventSource", "eventSourceARN", "dynamodb"]
PARTS = ["Keys", "NewImage", "OldImage", "ApproximateCreationDateTime", "SequenceNumber"]


@given(
    st.sampled_from(EVENT_NAMES),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD), max_size=2),
    st.dictionaries(st.sampled_from(PARTS), st.sampled_from(ODD), max_size=2),
    st.sampled_from(["", *FIELDS, *PARTS]),
)
def test_the_quick_look_at_an_entry_sees_what_the_thorough_one_sees(
    event_name: str, fields: Json, change: Json, without: str
) -> None:
    odd = record(2, event_name, change=change, without=without, **fields)
    batch: list[object] = [record(1), odd, record(3)]
    assert repr(read(event(*batch))) == repr(
        [parse_record(entry, index) for index, entry in enumerate(batch)]
    )


@pytest.mark.parametrize(
    "written", [0, -1, 0.0, -0.5, 99_999_999_999, 10**11, 253_402_300_799, -62_135_596_800]
)
def test_all_times_that_there_are_can_be_asked_for(written: float) -> None:
    (found,) = read(event(record(change={"ApproximateCreationDateTime": written})))
    assert isinstance(found, StreamRecord)
    assert found.approximate_creation is not None
    assert found.approximate_creation.timestamp() == written


def test_a_stranger_between_records_of_two_tables_costs_none_of_them() -> None:
    other = record(2, eventSourceARN=STREAM.replace("prod-Card", "prod-Deck"))
    found = read(event(record(1), other, {"body": "…"}, record(3)))
    assert [isinstance(each, StreamRecord) and each.table_name for each in found] == [
        "prod-Card",
        "prod-Deck",
        False,
        "prod-Card",
    ]


def test_what_identifies_a_malformed_record_is_kept() -> None:
    (found,) = read(event(record(7, eventName="UPSERT")))
    assert (found.event_id, found.sequence_number) == ("id-7", "7")


@pytest.mark.parametrize("number", [None, "", "seven", "-1", "1.5", "\N{ARABIC-INDIC DIGIT ONE}", 7, ["7"]])
def test_what_is_no_sequence_number_is_none(number: object) -> None:
    """Lambda would take a wrong identifier for the failure of the whole batch."""
    changed = {"SequenceNumber": number}
    whole, malformed = read(event(record(change=changed), record(change=changed, eventName="UPSERT")))
    assert (whole.sequence_number, malformed.sequence_number) == (None, None)


def test_a_stranger_among_records_is_malformed_and_loses_nobody_else() -> None:
    stranger, found = read(event({"eventSource": "aws:sqs", "body": "…"}, record()))
    assert isinstance(stranger, MalformedRecord)
    assert isinstance(found, StreamRecord)


@pytest.mark.parametrize("image", ["NewImage", "OldImage"])
def test_a_null_image_is_an_image_that_is_not_there(image: str) -> None:
    (found,) = read(event(record(change={image: None})))
    assert isinstance(found, StreamRecord)
    assert (found.new_image if image == "NewImage" else found.old_image) is None


def test_records_without_a_source_are_read_as_get_records_gives_them() -> None:
    (found,) = read(event(record(without="eventSource")))
    assert isinstance(found, StreamRecord)


def test_the_version_of_records_is_not_asked_for() -> None:
    (found,) = read(event(record(eventVersion="9.9")))
    assert isinstance(found, StreamRecord)


def test_a_malformed_record_shows_identifiers_and_hashes_by_them() -> None:
    (one,), (other,) = (read(event(record(7, dynamodb="secret", eventName="UPSERT"))) for _ in range(2))
    assert repr(one) == (
        "MalformedRecord(position=0, problem='dynamodb: expected an object, got another string', "
        "event_id='id-7', sequence_number=None)"
    )
    assert {one} == {other}


def test_a_source_of_null_is_one_that_is_left_out() -> None:
    """As tools write it that turn each field of GetRecords' answer into JSON."""
    assert isinstance(parse_record(record(eventSource=None), 0), StreamRecord)
