"""What comes again of a batch that failed, and for how long: attempts, splits, and deliveries more than asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from typing_extensions import override

from streamfn.testing import EventSourceMapping, LostAnswer, Repeated
from tests.testing.mapping.functions import Function, failing, records

FAILURE = RuntimeError()
SECOND = timedelta(seconds=1)


def test_a_batch_is_given_up_after_its_last_retry() -> None:
    function = Function(*[FAILURE] * 9)
    history = EventSourceMapping(function, batch_size=2, maximum_retry_attempts=2).deliver(*records(1, 2, 3))
    assert function.batches == [[1, 2], [1, 2], [1, 2], [3], [3], [3]]
    assert [each.attempt for each in history.invocations] == [1, 2, 3, 1, 2, 3]
    assert history.invocations[2].outcome == "2 given up"
    assert [(each.event_id, each.condition, each.after) for each in history.discarded] == [
        ("id-1", "RetryAttemptsExhausted", 3),
        ("id-2", "RetryAttemptsExhausted", 3),
        ("id-3", "RetryAttemptsExhausted", 6),
    ]


def test_without_retries_a_batch_has_one_attempt() -> None:
    function = Function(FAILURE)
    history = EventSourceMapping(function, batch_size=1, maximum_retry_attempts=0).deliver(*records(1, 2))
    assert function.batches == [[1], [2]]
    assert [each.outcome for each in history.invocations] == ["1 given up", "all settled"]


def test_partial_answers_use_attempts_up_whatever_they_settle() -> None:
    """The third delivery of record 3 was asked for by the second failure of its batch, and is the last."""
    function = Function(failing(2), failing(3), failing(3))
    history = EventSourceMapping(function, maximum_retry_attempts=2).deliver(*records(1, 2, 3))
    assert function.batches == [[1, 2, 3], [2, 3], [3]]
    assert [each.attempt for each in history.invocations] == [1, 2, 3]
    assert [each.outcome for each in history.invocations] == [
        "1 settled, 2 again in 1 s",
        "1 settled, 1 again in 2 s",
        "1 given up",
    ]
    assert [each.event_id for each in history.discarded] == ["id-3"]


def test_what_the_last_attempt_settles_is_not_given_up() -> None:
    function = Function(FAILURE, failing(2))
    history = EventSourceMapping(function, maximum_retry_attempts=1).deliver(*records(1, 2))
    assert history.invocations[1].outcome == "1 settled, 1 given up"
    assert [each.event_id for each in history.discarded] == ["id-2"]


def test_with_bisection_a_batch_that_fails_whole_is_halved_until_the_culprit_is_alone() -> None:
    class Culprit(Function):
        @override
        def __call__(self, event: object, _: object) -> object:
            answer = super().__call__(event, _)
            if 3 in self.batches[-1]:
                raise FAILURE
            return answer

    function = Culprit()
    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    history = mapping.deliver(*records(1, 2, 3, 4, 5))
    assert function.batches == [[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [3], [4, 5]]
    assert [each.outcome for each in history.invocations] == [
        "split into 2 and 3",
        "all settled",
        "split into 1 and 2",
        "1 again in 1 s",
        "1 given up",
        "all settled",
    ]


def test_a_split_uses_no_attempt_and_no_time() -> None:
    function = Function(FAILURE, None, FAILURE)
    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    history = mapping.deliver(*records(1, 2, 3, 4))
    assert function.batches == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    assert {each.attempt for each in history.invocations} == {1}
    assert {each.began for each in history.invocations} == {history.invocations[0].began}
    assert history.discarded == []


def test_halves_keep_the_attempts_that_their_batch_has_used() -> None:
    function = Function(failing(1), FAILURE, FAILURE, FAILURE)
    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    history = mapping.deliver(*records(1, 2))
    assert function.batches == [[1, 2], [1, 2], [1], [2]]
    assert [each.attempt for each in history.invocations] == [1, 2, 2, 2]
    assert [each.event_id for each in history.discarded] == ["id-1", "id-2"]


def test_the_second_half_waits_for_the_first() -> None:
    function = Function(FAILURE, FAILURE)
    history = EventSourceMapping(function, bisect_batch_on_function_error=True).deliver(*records(1, 2))
    assert function.batches == [[1, 2], [1], [1], [2]]
    assert [each.began - history.invocations[0].began for each in history.invocations] == [
        0 * SECOND,
        0 * SECOND,
        SECOND,
        SECOND,
    ]


def test_with_bisection_a_partial_answer_splits_the_batch_where_it_says() -> None:
    function = Function(failing(2), failing(3), failing(4))
    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    history = mapping.deliver(*records(1, 2, 3, 4))
    assert function.batches == [[1, 2, 3, 4], [2, 3, 4], [3, 4], [4]]
    assert {each.attempt for each in history.invocations} == {1}
    assert history.invocations[0].outcome == "1 settled, 3 split off"
    assert history.discarded == []


@pytest.mark.parametrize("numbers", [[1], [1, 2]])
def test_a_partial_answer_that_settles_nothing_splits_nothing_and_uses_an_attempt(numbers: list[int]) -> None:
    """Otherwise a record alone would come again for as long as the stream keeps it."""
    function = Function(*[failing(1)] * 9)
    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=2)
    history = mapping.deliver(*records(*numbers))
    assert function.batches == [numbers] * 3
    assert [each.attempt for each in history.invocations] == [1, 2, 3]
    assert len(history.discarded) == len(numbers)


def test_a_malformed_answer_fails_the_whole_batch_and_halves_it() -> None:
    function = Function(failing(9))
    EventSourceMapping(function, bisect_batch_on_function_error=True).deliver(*records(1, 2))
    assert function.batches == [[1, 2], [1], [2]]


def test_a_lost_answer_is_a_failed_attempt() -> None:
    function = Function()
    mapping = EventSourceMapping(function, maximum_retry_attempts=1, faults=[LostAnswer(1)])
    first, second = mapping.deliver(*records(1, 2)).invocations
    assert (first.settled, first.error, first.outcome) == (0, "the answer was lost", "2 again in 1 s")
    assert (second.attempt, second.outcome) == (2, "all settled")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, "all settled, and all delivered again"),
        (failing(2), "1 settled, and all delivered again"),
    ],
)
def test_a_batch_may_come_once_more_than_asked_for(answer: object, outcome: str) -> None:
    """That uses no attempt, since Lambda has taken the answer."""
    function = Function(answer)
    mapping = EventSourceMapping(function, maximum_retry_attempts=0, faults=[Repeated(1)])
    first, second = mapping.deliver(*records(1, 2, 3)).invocations
    assert function.batches == [[1, 2, 3]] * 2
    assert (first.outcome, second.outcome) == (outcome, "all settled")
    assert (first.attempt, second.attempt) == (1, 1)
    assert second.began == first.began


@pytest.mark.parametrize("answer", [failing(1), FAILURE])
def test_what_settled_nothing_comes_again_anyway(answer: object) -> None:
    function = Function(answer)
    history = EventSourceMapping(function, faults=[Repeated(1)]).deliver(*records(1, 2))
    assert function.batches == [[1, 2]] * 2
    assert history.invocations[0].outcome == "2 again in 1 s"
