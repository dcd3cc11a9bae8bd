"""What Lambda gives up, for its attempts, for its age, because the stream has forgotten it; and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streamfn.testing import EventSourceMapping
from tests.cards import STREAM, Json, record
from tests.testing.mapping.functions import Function, failing, records

FAILURE = RuntimeError()
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def described(
    conditions: dict[str, object], first: int, last: int, size: int, arrival: str = "2024-01-01T00:00:00Z"
) -> Json:
    """Give what is always the same in a document, with the parts that vary."""
    return {
        "version": "1.0",
        "requestContext": {
            "requestId": f"00000000-0000-0000-0000-{first:012d}",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:function",
            **conditions,
        },
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000",
            "startSequenceNumber": str(first),
            "endSequenceNumber": str(last),
            "approximateArrivalOfFirstRecord": arrival,
            "approximateArrivalOfLastRecord": arrival,
            "batchSize": size,
            "streamArn": STREAM,
        },
    }


def response(error: str | None) -> Json:
    return {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}


@pytest.mark.parametrize("destination", ["SQS", "SNS"])
def test_a_queue_and_a_topic_are_told_the_range_of_the_shard(destination: str) -> None:
    function = Function(FAILURE, FAILURE)
    mapping = EventSourceMapping(
        function, batch_size=2, maximum_retry_attempts=1, on_failure="SQS" if destination == "SQS" else "SNS"
    )
    mapping.deliver(*records(99, 100, 101))
    assert mapping.documents == [
        {
            **described(
                {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2},
                first=99,
                last=100,
                size=2,
            ),
            "responseContext": response("Unhandled"),
            "timestamp": "2024-01-01T00:00:01.000Z",
        }
    ]


def test_a_bucket_gets_the_records_as_well() -> None:
    mapping = EventSourceMapping(Function(FAILURE), maximum_retry_attempts=0, on_failure="S3")
    mapping.deliver(*records(1, 2))
    (document,) = mapping.documents
    assert document.pop("payload") == {"Records": records(1, 2)}
    assert document["DDBStreamBatchInfo"] == described({}, first=1, last=2, size=2)["DDBStreamBatchInfo"]


def test_only_what_was_not_settled_is_described() -> None:
    mapping = EventSourceMapping(Function(failing(2)), maximum_retry_attempts=0, on_failure="S3")
    mapping.deliver(*records(1, 2, 3))
    (document,) = mapping.documents
    assert document["payload"] == {"Records": records(2, 3)}


@pytest.mark.parametrize("answer", [failing(1), failing(9), {"batchItemFailures": [{"wrong": "1"}]}])
def test_an_answer_is_no_error_of_the_function_whatever_it_says(answer: object) -> None:
    mapping = EventSourceMapping(Function(answer), maximum_retry_attempts=0, on_failure="SQS")
    mapping.deliver(*records(1))
    (document,) = mapping.documents
    assert document["responseContext"] == response(None)


def test_without_a_destination_nobody_is_told() -> None:
    mapping = EventSourceMapping(Function(FAILURE), maximum_retry_attempts=0)
    assert len(mapping.deliver(*records(1)).discarded) == 1
    assert mapping.documents == []


def test_each_batch_that_is_given_up_has_a_document_of_its_own() -> None:
    function = Function(*[FAILURE] * 9)
    mapping = EventSourceMapping(
        function, bisect_batch_on_function_error=True, maximum_retry_attempts=0, on_failure="SQS"
    )
    mapping.deliver(*records(1, 2))
    ranges = [document["DDBStreamBatchInfo"] for document in mapping.documents]
    assert ranges == [
        described({}, first=number, last=number, size=1)["DDBStreamBatchInfo"] for number in (1, 2)
    ]


def test_a_record_without_a_stream_is_described_without_one() -> None:
    mapping = EventSourceMapping(Function(FAILURE), maximum_retry_attempts=0, on_failure="SQS")
    mapping.deliver(record(1, without="eventSourceARN"))
    (document,) = mapping.documents
    information = document["DDBStreamBatchInfo"]
    assert isinstance(information, dict)
    assert information["streamArn"] is None


def test_a_record_is_given_up_once_it_is_too_old() -> None:
    function = Function(*[FAILURE] * 99)
    mapping = EventSourceMapping(function, maximum_record_age=MINUTE, on_failure="SQS")
    history = mapping.deliver(*records(1))
    waits = [each.began - history.invocations[0].began for each in history.invocations]
    assert waits == [0 * SECOND, SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND, 31 * SECOND]
    assert [(each.event_id, each.condition, each.after) for each in history.discarded] == [
        ("id-1", "RecordAgeExceeded", 6)
    ]
    # Lambda's own documents count one invocation here and tell of no response.
    assert mapping.documents == [
        {
            **described(
                {"condition": "RecordAgeExceeded", "approximateInvokeCount": 1}, first=1, last=1, size=1
            ),
            "timestamp": "2024-01-01T00:01:03.000Z",
        }
    ]


def test_a_record_is_not_yet_too_old_at_its_age() -> None:
    function = Function()
    mapping = EventSourceMapping(function, maximum_record_age=MINUTE)
    mapping.put(*records(1))
    mapping.clock.advance(MINUTE)
    assert mapping.run().discarded == []
    assert function.batches == [[1]]


def test_the_rest_of_a_batch_goes_on_without_what_is_too_old() -> None:
    function = Function()
    mapping = EventSourceMapping(function, maximum_record_age=MINUTE)
    mapping.put(*records(1, 2))
    mapping.put(*records(3), after=2 * SECOND)
    mapping.clock.advance(MINUTE + SECOND)
    history = mapping.run()
    assert function.batches == [[3]]
    assert [(each.event_id, each.after) for each in history.discarded] == [("id-1", 0), ("id-2", 0)]


def test_the_stream_forgets_after_24_hours_and_tells_nobody() -> None:
    function = Function(*[FAILURE] * 999)
    mapping = EventSourceMapping(function, on_failure="SQS")
    mapping.put(*records(1))
    mapping.put(*records(2), after=23 * HOUR)
    history = mapping.run()
    assert [each.condition for each in history.discarded] == ["Expired", "Expired"]
    first = [each for each in history.invocations if "id-1" in each.event_ids]
    last = first[-1].began - first[0].began
    assert 24 * HOUR - 5 * MINUTE <= last <= 24 * HOUR
    assert mapping.documents == []


def test_what_the_stream_has_forgotten_is_not_merely_too_old() -> None:
    mapping = EventSourceMapping(Function(), maximum_record_age=HOUR, on_failure="SQS")
    mapping.put(*records(1))
    mapping.put(*records(2), after=HOUR)
    mapping.clock.advance(24 * HOUR + SECOND)
    history = mapping.run()
    assert [(each.event_id, each.condition) for each in history.discarded] == [
        ("id-1", "Expired"),
        ("id-2", "RecordAgeExceeded"),
    ]
    assert history.invocations == []
    (document,) = mapping.documents
    assert document["timestamp"] == "2024-01-02T00:00:01.000Z"


def test_what_is_given_up_frees_its_lane() -> None:
    function = Function(FAILURE, FAILURE)
    EventSourceMapping(function, batch_size=1, maximum_retry_attempts=1).deliver(*records(1, 2))
    assert function.batches == [[1], [1], [2]]
