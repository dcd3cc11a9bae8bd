"""The demo's event source mapping delivers as Lambda does: what an answer does not settle comes again, in order."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.demo.mapping import (
    PATIENCE,
    Delivery,
    Invocation,
    Json,
    NoProgress,
    StreamEvent,
    deliver,
    sequence_number,
    settled_by,
)
from examples.demo.stream import WireRecord

NUMBERS = ("9", "10", "100")
"""Sequence numbers of differing length: as text, "9" would be the highest."""


def records(*numbers: str) -> list[WireRecord]:
    """Make records that have nothing but a sequence number."""
    return [{"eventID": number, "dynamodb": {"SequenceNumber": number}} for number in numbers]


def naming(*numbers: Json) -> Json:
    """Answer that these records failed."""
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def numbers_of(event: StreamEvent) -> list[str]:
    """Read the sequence numbers out of a Lambda event."""
    return [sequence_number(record) for record in event["Records"]]


class Function:
    """A Lambda function that answers from a list, then with success, and remembers what it was given."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.batches: list[list[str]] = []

    def __call__(self, event: StreamEvent, context: Invocation) -> object:
        """Give the next answer, or raise it if it is an exception."""
        assert context.get_remaining_time_in_millis() > 0
        self.batches.append(numbers_of(event))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("answer", [None, {}, [], naming(), {"batchItemFailures": None}], ids=repr)
def test_an_empty_answer_settles_the_batch(answer: Json) -> None:
    """These are the answers that AWS takes for success."""
    assert 3 == settled_by(answer, records(*NUMBERS))


@pytest.mark.parametrize(
    "answer",
    [
        naming(""),
        naming(None),
        naming("11"),
        naming("10", "11"),
        naming(10),
        {"batchItemFailures": [{"itemIdentifer": "10"}]},
        {"batchItemFailures": ["10"]},
        {"batchItemFailures": "10"},
    ],
    ids=repr,
)
def test_an_answer_that_names_no_record_of_the_batch_settles_nothing(answer: Json) -> None:
    """One bad identifier makes the whole batch come again, whatever else the answer says."""
    assert 0 == settled_by(answer, records(*NUMBERS))


def test_the_lowest_failed_number_is_the_checkpoint() -> None:
    """What comes before it is settled; numbers are compared as numbers."""
    assert 1 == settled_by(naming("100", "10"), records(*NUMBERS))
    assert 0 == settled_by(naming("100", "9"), records(*NUMBERS))


def test_the_rest_of_a_batch_comes_again_from_the_checkpoint() -> None:
    """Records behind a failed one are delivered again, those before it are not, and the next batch waits."""
    function = Function(naming("2"), naming("3"))

    deliveries = list(deliver(records("1", "2", "3", "4"), function, batch_size=3))

    assert [["1", "2", "3"], ["2", "3"], ["3"], ["4"]] == function.batches
    assert [1, 1, 1, 1] == [delivery.settled for delivery in deliveries]


def test_a_batch_whose_invocation_raised_comes_again_whole() -> None:
    """An exception settles nothing."""
    function = Function(OSError("connection lost"))

    assert [
        Delivery(tuple(records("1", "2")), settled=0),
        Delivery(tuple(records("1", "2")), settled=2),
    ] == list(deliver(records("1", "2"), function, batch_size=2))


def test_an_answer_that_is_not_json_fails_the_invocation() -> None:
    """The runtime cannot pass such an answer on."""
    function = Function(object())

    assert [0, 1] == [delivery.settled for delivery in deliver(records("1"), function, batch_size=1)]


def test_each_delivery_is_a_copy() -> None:
    """What a function does to its event is gone when the record comes again, as it is over a wire."""
    original = records("1")

    def destructive(event: StreamEvent, _: Invocation) -> object:
        event["Records"].clear()
        return None

    list(deliver(original, destructive, batch_size=1))

    assert records("1") == original


def test_a_function_that_settles_nothing_ends_the_demo() -> None:
    """Lambda would go on for 24 hours; the demo names the record and stops."""
    function = Function(*[naming("2")] * PATIENCE)

    with pytest.raises(NoProgress, match="record 2 "):
        list(deliver(records("2"), function, batch_size=1))

    assert PATIENCE == len(function.batches)


@given(
    count=st.integers(0, 30),
    batch_size=st.integers(1, 10),
    failures=st.lists(st.integers(0, 30), max_size=PATIENCE - 1),
)
def test_every_record_is_settled_once_and_in_order(
    count: int, batch_size: int, failures: Sequence[int]
) -> None:
    """Whatever fails and how often, no record is left out and none is passed over."""
    pending = list(failures)

    def flaky(event: StreamEvent, _: Invocation) -> object:
        failed = [number for number in numbers_of(event) if int(number) in pending]
        for number in failed:
            pending.remove(int(number))
        return naming(*failed)

    stream = records(*map(str, range(count)))
    deliveries = list(deliver(stream, flaky, batch_size=batch_size))

    settled = [record for delivery in deliveries for record in delivery.records[: delivery.settled]]
    assert stream == settled
