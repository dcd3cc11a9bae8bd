"""What Lambda delivers, when, and to whom: batches, windows, shards and lanes; and how it takes answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, cast

import pytest

from streamfn import ConfigurationError, StreamViewType
from streamfn.testing import EventSourceMapping, LambdaEvent, insert_event, modify_event
from tests.cards import Card, Json, record
from tests.testing.mapping.functions import Function, failing, records

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def big(number: int, size: int) -> Json:
    return record(number, change={"NewImage": {"title": {"S": "x" * size}}})


def test_batches_have_at_most_their_size() -> None:
    function = Function()
    EventSourceMapping(function, batch_size=2).deliver(*records(1, 2, 3, 4, 5))
    assert function.batches == [[1, 2], [3, 4], [5]]


def test_a_batch_has_at_most_6_mb() -> None:
    function = Function()
    EventSourceMapping(function).deliver(*(big(number, 2_500_000) for number in (1, 2, 3)))
    assert function.batches == [[1, 2], [3]]


def test_a_window_waits_for_more() -> None:
    function = Function()
    mapping = EventSourceMapping(function, batch_size=3, maximum_batching_window=10 * SECOND)
    mapping.put(*records(1))
    mapping.put(*records(2), after=9 * SECOND)
    mapping.put(*records(3), after=11 * SECOND)
    mapping.put(*records(4, 5), after=12 * SECOND)
    history = mapping.run()
    assert function.batches == [[1, 2], [3, 4, 5]]
    assert [each.began - history.invocations[0].began for each in history.invocations] == [
        0 * SECOND,
        2 * SECOND,
    ]


def test_a_full_payload_ends_a_window() -> None:
    """The record that there is no room for opens the next one."""
    function = Function()
    mapping = EventSourceMapping(function, maximum_batching_window=10 * SECOND)
    for number in (1, 2, 3):
        mapping.put(big(number, 2_500_000), after=number * SECOND)
    history = mapping.run()
    assert function.batches == [[1, 2], [3]]
    assert history.invocations[1].began - history.invocations[0].began == 10 * SECOND


@pytest.mark.parametrize(
    ("title", "fits"), [("x" * 3_145_000, True), ("é" * 1_572_500, True), ("é" * 1_580_000, False)]
)
def test_bytes_are_counted_as_they_are_sent(title: str, fits: bool) -> None:  # noqa: FBT001 (pytest gives it by name)
    function = Function()
    EventSourceMapping(function).deliver(
        *(record(number, change={"NewImage": {"title": {"S": title}}}) for number in (1, 2))
    )
    assert function.batches == ([[1, 2]] if fits else [[1], [2]])


def test_a_record_that_is_too_large_for_any_batch_is_delivered_alone() -> None:
    function = Function()
    EventSourceMapping(function).deliver(big(1, 7_000_000), big(2, 10))
    assert function.batches == [[1], [2]]


def test_without_a_window_what_is_there_is_delivered() -> None:
    function = Function()
    mapping = EventSourceMapping(function)
    mapping.put(*records(1))
    mapping.put(*records(2), after=SECOND)
    mapping.run()
    assert function.batches == [[1], [2]]


def test_an_item_has_its_shard_and_lane_and_keeps_its_order() -> None:
    function = Function(RuntimeError())
    mapping = EventSourceMapping(function, batch_size=100, shards=3, parallelization_factor=2)
    numbers = range(1, 41)
    keys = {number: {"id": {"N": str(number % 7)}} for number in numbers}
    history = mapping.deliver(*(record(number, change={"Keys": keys[number]}) for number in numbers))
    lanes: dict[int, set[tuple[str, int]]] = {}
    for invocation, batch in zip(history.invocations, function.batches, strict=True):
        assert batch == sorted(batch)
        for number in batch:
            lanes.setdefault(number % 7, set()).add((invocation.shard, invocation.lane))
    assert {len(found) for found in lanes.values()} == {1}
    assert len({lane for found in lanes.values() for lane in found}) > 3


def test_a_lane_that_waits_keeps_no_other_waiting() -> None:
    function = Function(RuntimeError())
    mapping = EventSourceMapping(function, parallelization_factor=2)
    one, other = 1, next(number for number in range(2, 20) if _lane(number) != _lane(1))
    history = mapping.deliver(*records(one, other))
    assert sorted(function.batches[:2]) == [[one], [other]]
    assert function.batches[2] == function.batches[0]
    assert [each.began for each in history.invocations][:2] == [history.invocations[0].began] * 2


def _lane(number: int) -> int:
    return (
        EventSourceMapping(Function(), parallelization_factor=2).deliver(*records(number)).invocations[0].lane
    )


@pytest.mark.parametrize(
    "answer",
    [[], None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}],
    ids=json.dumps,
)
def test_answers_that_settle_a_batch(answer: object) -> None:
    function = Function(answer)
    (invocation,) = EventSourceMapping(function).deliver(*records(1, 2, 3)).invocations
    assert (invocation.settled, invocation.error, invocation.answer) == (3, None, answer)
    assert invocation.outcome == "all settled"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": [{"itemidentifier": "2"}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": [{"itemIdentifier": 2}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": ["2"]}, "the answer has an entry without itemIdentifier"),
        (failing(2, 9), "the answer names a record that is not in the batch"),
        ({"batchItemFailures": {"itemIdentifier": "2"}}, "batchItemFailures is no list"),
        ("done", "the answer is no object"),
        ({1, 2}, "TypeError"),
        (KeyError("secret"), "KeyError"),
    ],
)
def test_answers_that_fail_a_batch(answer: object, error: str) -> None:
    function = Function(answer)
    first, second = EventSourceMapping(function).deliver(*records(1, 2, 3)).invocations
    assert (first.settled, first.error, first.outcome) == (0, error, "3 again in 1 s")
    assert (second.attempt, second.outcome) == (2, "all settled")
    assert function.batches == [[1, 2, 3], [1, 2, 3]]


def test_the_lowest_number_is_the_checkpoint() -> None:
    """By size and not as text: 99 comes before 100."""
    function = Function(failing(101, 99, 100))
    history = EventSourceMapping(function).deliver(*records(98, 99, 100, 101))
    assert function.batches == [[98, 99, 100, 101], [99, 100, 101]]
    assert history.invocations[0].outcome == "1 settled, 3 again in 1 s"


def test_without_report_batch_item_failures_an_answer_says_nothing() -> None:
    function = Function(failing(1))
    history = EventSourceMapping(function, report_batch_item_failures=False).deliver(*records(1, 2))
    assert function.batches == [[1, 2]]
    assert history.invocations[0].outcome == "all settled"


def test_attempts_take_longer_and_longer() -> None:
    function = Function(*[RuntimeError()] * 12)
    history = EventSourceMapping(function).deliver(*records(1))
    began = [each.began for each in history.invocations]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(began)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_the_function_cannot_change_what_comes_again() -> None:
    seen: list[object] = []

    def spoil(event: object, _: object) -> object:
        seen.append(json.dumps(event))
        cast("LambdaEvent", event)["Records"].clear()
        return failing(1) if len(seen) == 1 else None

    EventSourceMapping(spoil).deliver(*records(1))
    assert seen[0] == seen[1]


def test_events_are_those_of_the_streams_view_type() -> None:
    seen: list[object] = []
    mapping = EventSourceMapping(lambda event, _: seen.append(event))
    mapping.put(insert_event(Card(1, "a")), view_type=StreamViewType.KEYS_ONLY)
    mapping.run()
    assert "NewImage" not in json.dumps(seen)


def test_a_stream_goes_on() -> None:
    """A second delivery takes up where the first has ended."""
    function = Function()
    mapping = EventSourceMapping(function)
    mapping.deliver(*records(1))
    mapping.clock.advance(MINUTE)
    history = mapping.deliver(*records(2))
    assert [each.number for each in history.invocations] == [1, 2]
    assert history.invocations[1].began - history.invocations[0].began == MINUTE


def test_the_clock_begins_with_the_events_that_tests_make() -> None:
    assert EventSourceMapping(Function()).clock.now == datetime(2024, 1, 1, tzinfo=UTC)


def test_records_of_a_stream_come_in_their_order() -> None:
    second, first = insert_event(Card(1, "a")), modify_event(Card(1, "a"), Card(1, "a", "ann"))
    with pytest.raises(ValueError, match="make events in the order in which they happen"):
        EventSourceMapping(Function()).put(first, second)


def test_records_of_a_stream_arrive_in_their_order() -> None:
    """One that is there later has all that come after it wait."""
    mapping = EventSourceMapping(Function(), batch_size=2)
    mapping.put(*records(1), after=MINUTE)
    with pytest.raises(ValueError, match="sequence numbers and times ascend"):
        mapping.put(*records(2))
    mapping.put(*records(2), after=MINUTE)
    assert [each.event_ids for each in mapping.run().invocations] == [("id-1", "id-2")]


@pytest.mark.parametrize(
    "broken",
    [
        record(1, without="SequenceNumber"),
        record(1, without="eventID"),
        record(1, without="dynamodb"),
        record(1, eventID=1),
        record(1, dynamodb="change"),
    ],
    ids=["no number", "no id", "no change", "an id that is no text", "a change that is none"],
)
def test_a_broken_record_has_the_identifiers_of_a_stream(broken: Json) -> None:
    with pytest.raises(ValueError, match="has an eventID and a SequenceNumber"):
        EventSourceMapping(Function()).put(broken)


def test_a_record_that_is_broken_otherwise_is_delivered() -> None:
    function = Function()
    EventSourceMapping(function, shards=2).deliver(record(1, without="Keys"), record(2, without="eventName"))
    assert sorted(number for batch in function.batches for number in batch) == [1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EventSourceMapping(Function(), batch_size=0), "batch_size=0 should be from 1 to 10000"),
        (lambda: EventSourceMapping(Function(), parallelization_factor=11), "parallelization_factor=11"),
        (
            lambda: EventSourceMapping(Function(), maximum_batching_window=6 * MINUTE),
            "maximum_batching_window=0:06",
        ),
        (lambda: EventSourceMapping(Function(), maximum_retry_attempts=-1), "maximum_retry_attempts=-1"),
        (lambda: EventSourceMapping(Function(), maximum_record_age=SECOND), "maximum_record_age=0:00:01"),
        (lambda: EventSourceMapping(Function(), shards=0), "shards=0"),
        (lambda: EventSourceMapping(Function(), timeout=16 * MINUTE), "timeout=0:16:00"),
        (
            # What a type checker would have told.
            lambda: EventSourceMapping(Function(), on_failure=cast("Literal['S3']", "S3".lower())),
            "on_failure='s3' should be one of",
        ),
    ],
)
def test_settings_that_lambda_does_not_allow_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
