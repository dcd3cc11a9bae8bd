"""Lambda's event made of events: the shape that AWS sends, for every view type, and with whatever a test puts in."""

from __future__ import annotations

import json

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    Image,
    KeysEvent,
    Malformed,
    MissingImage,
    StreamRecord,
    StreamViewType,
    UpsertEvent,
    on_event,
    on_keys,
    on_upsert,
    pipeline,
    read,
)
from streamfn.testing import failures, insert_event, lambda_event, modify_event, remove_event, values
from tests.cards import STREAM, Card, CardKey, cards, record
from tests.testing.models import Board, Label, boards


def kind(event: Event[Card]) -> Result[str, None]:
    return Success(type(event).__name__)


def new_title(event: UpsertEvent[Card]) -> Result[str, None]:
    return Success(event.new_image.title)


def key_title(event: KeysEvent[CardKey]) -> Result[str, None]:
    return Success(event.keys.title)


CHANGES = (
    insert_event(Card(1, "a")),
    modify_event(Card(2, "b"), Card(2, "b", "ann")),
    remove_event(Card(3, "c")),
)


def test_the_event_is_what_lambda_sends() -> None:
    """The fields of the sample event in the AWS Lambda Developer Guide, in JSON."""
    payload = lambda_event(
        remove_event(Card(1, "hello"), expired=True, event_id="id-1", sequence_number="100")
    )
    assert json.loads(json.dumps(payload)) == {
        "Records": [
            {
                "eventID": "id-1",
                "eventName": "REMOVE",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1704067200.0,
                    "Keys": {"id": {"N": "1"}, "title": {"S": "hello"}},
                    "OldImage": {"id": {"N": "1"}, "title": {"S": "hello"}},
                    "SequenceNumber": "100",
                    "SizeBytes": 28,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": STREAM,
                "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
            }
        ]
    }


def test_binaries_are_base64_wherever_they_stand() -> None:
    board = Board("a", 1, photo=b"\xff\xfe", digests=frozenset({b"\x00"}), labels=[Label("r", b"\x01")])
    (found,) = read(json.loads(json.dumps(lambda_event(insert_event(board)))))
    assert isinstance(found, StreamRecord)
    image: Image | None = found.new_image
    assert image is not None
    assert (image["photo"], image["digests"]) == ({"B": "//4="}, {"BS": ["AA=="]})
    assert boards.structure(image) == Success(board)


def test_a_pipeline_gets_what_went_in() -> None:
    results = pipeline(cards, on_event(kind))(lambda_event(*CHANGES))
    assert values(results) == ["InsertEvent", "ModifyEvent", "RemoveEvent"]
    assert [result.unwrap().record for result in results] == [event.record for event in CHANGES]


@pytest.mark.parametrize(
    ("view_type", "new", "missing"),
    [
        (StreamViewType.NEW_AND_OLD_IMAGES, ["a", "b"], []),
        (StreamViewType.NEW_IMAGE, ["a", "b"], []),
        (StreamViewType.OLD_IMAGE, [], ["NewImage", "NewImage"]),
        (StreamViewType.KEYS_ONLY, [], ["NewImage", "NewImage"]),
    ],
)
def test_a_streams_view_type_leaves_images_out(
    view_type: StreamViewType, new: list[str], missing: list[str]
) -> None:
    process = pipeline(cards, on_upsert(new_title), on_keys(CardKey, key_title))
    results = process(lambda_event(*CHANGES, view_type=view_type))
    assert [title for title in values(results) if title in new] == sorted([*new, *new])
    reasons = [failed.reason for failed in failures(results)]
    assert reasons == [MissingImage("NewImage", view_type) for _ in missing]


def test_a_batch_of_a_view_type_leaves_its_events_as_they_are() -> None:
    """The same event may go to a stream of another view type next."""
    event = insert_event(Card(1, "a"))
    lambda_event(event, view_type=StreamViewType.KEYS_ONLY)
    assert event.record.new_image is not None
    assert lambda_event(event)["Records"][0]["dynamodb"].get("NewImage") == event.record.new_image


def test_an_event_that_stands_there_twice_was_delivered_twice() -> None:
    event = insert_event(Card(1, "a"))
    first, second = pipeline(cards, on_event(kind))(lambda_event(event, event))
    assert first == second


def test_a_broken_record_may_stand_among_events() -> None:
    broken = record(7, without="eventName")
    results = pipeline(cards, on_event(kind))(lambda_event(CHANGES[0], broken, CHANGES[2]))
    assert values(results) == ["InsertEvent", "RemoveEvent"]
    (failed,) = failures(results)
    assert (failed.record.event_id, failed.reason) == ("id-7", Malformed("eventName is missing"))


def test_a_batch_may_be_empty() -> None:
    assert pipeline(cards, on_event(kind))(lambda_event()) == []
