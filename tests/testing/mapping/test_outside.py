"""Functions that `lambda_handler` has not made: they are seen from outside, by what they are given and answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest

from streamfn import LambdaContext, lambda_handler, on_insert, pipeline, retry
from streamfn.testing import Crash, EventSourceMapping, HalfWritten, StoreDown
from tests.cards import cards
from tests.testing.mapping.functions import Function, failing, records
from tests.testing.mapping.story import announce

MINUTE: Final = timedelta(minutes=1)


def test_nobody_knows_their_handlers() -> None:
    """Those of a function around one that `lambda_handler` made are hidden as well."""
    inner = lambda_handler(pipeline(cards, on_insert(announce)), retry())

    def around(event: object, context: LambdaContext) -> object:
        return inner(event, context)

    (invocation,) = EventSourceMapping(around).deliver(*records(1, 2)).invocations
    assert (invocation.calls, invocation.letters, invocation.store_failures) == ((), (), ())
    assert (invocation.settled, invocation.answer) == (2, {"batchItemFailures": []})


@pytest.mark.parametrize(
    ("after", "batches"),
    [(0, [[1, 2]]), (1, [[1, 2], [1, 2]]), (None, [[1, 2], [1, 2]])],
    ids=["before all", "after a call", "after all"],
)
def test_they_die_before_all_their_work_or_after_it(after: int | None, batches: list[list[int]]) -> None:
    function = Function()
    mapping = EventSourceMapping(function, faults=[Crash(1, after)])
    first, second = mapping.deliver(*records(1, 2)).invocations
    assert (first.error, first.answer, first.outcome) == ("ProcessDied", None, "2 again in 1 s")
    assert (second.error, second.outcome) == (None, "all settled")
    assert function.batches == batches


def test_a_function_that_fails_by_itself_says_what_with() -> None:
    function = Function(KeyError("secret"))
    history = EventSourceMapping(function, faults=[Crash(1)]).deliver(*records(1))
    assert [each.error for each in history.invocations] == ["KeyError", None]


def test_a_function_may_end_its_process() -> None:
    def leave(_: object, __: object) -> object:
        raise SystemExit(1)

    (invocation,) = EventSourceMapping(leave, maximum_retry_attempts=0).deliver(*records(1)).invocations
    assert invocation.error == "SystemExit"


def test_what_goes_wrong_with_stores_does_not_concern_them() -> None:
    function = Function(failing(2))
    mapping = EventSourceMapping(function, faults=[StoreDown(1, "ledger writes"), HalfWritten(1)])
    first, _ = mapping.deliver(*records(1, 2)).invocations
    assert (first.store_failures, first.error, first.settled) == ((), None, 1)


def test_they_are_told_how_much_time_is_left() -> None:
    left: list[int] = []

    def look(_: object, context: LambdaContext) -> object:
        left.append(context.get_remaining_time_in_millis())
        mapping.clock.advance(timedelta(seconds=1))
        left.append(context.get_remaining_time_in_millis())
        return None

    mapping = EventSourceMapping(look, timeout=timedelta(seconds=3))
    (invocation,) = mapping.deliver(*records(1)).invocations
    assert left == [3000, 2000]
    assert invocation.duration == timedelta(seconds=1)


def test_they_end_at_their_timeout_wherever_that_is() -> None:
    async def take_a_minute() -> None:
        mapping.clock.advance(MINUTE)

    def hang(_: object, __: object) -> object:
        mapping.clock.advance(2 * MINUTE)
        return failing(1)

    def hang_in_a_loop(_: object, __: object) -> object:
        return asyncio.run(take_a_minute())

    def hang_unnoticed(_: object, __: object) -> object:
        with suppress(BaseException):
            mapping.clock.advance(MINUTE)
        return None

    def fail_after_that(event: object, context: object) -> object:
        raise ValueError(hang_unnoticed(event, context))

    for function in (hang, hang_in_a_loop, hang_unnoticed, fail_after_that):
        mapping = EventSourceMapping(function, maximum_retry_attempts=0)
        (invocation,) = mapping.deliver(*records(1)).invocations
        assert (invocation.error, invocation.answer, invocation.duration) == ("TimedOut", None, MINUTE)
