"""What comes of a handler, whatever it returns or raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import cast

import pytest
from returns.future import FutureFailure, FutureResult, FutureSuccess, future_safe
from returns.io import IO, IOFailure, IOSuccess, impure_safe
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Handler,
    InsertEvent,
    Outcome,
    Raised,
    Reason,
    Refused,
    Strategy,
    UpsertEvent,
    batched_each,
    concurrent,
    on_insert,
    on_upsert,
    pipeline,
    series,
)
from streamfn.testing import failures, insert_event, lambda_event, values
from tests.cards import Card, cards

HELLO = lambda_event(insert_event(Card(1, "hello")))

BOTH = pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])


async def succeed_later(event: InsertEvent[Card]) -> Result[str, str]:
    """Succeed once it is awaited."""
    await asyncio.sleep(0)
    return Success(event.new_image.title)


async def refuse_later(event: InsertEvent[Card]) -> Result[str, str]:
    """Fail once it is awaited."""
    await asyncio.sleep(0)
    return Failure(event.new_image.title)


@impure_safe
def read_file(event: InsertEvent[Card]) -> str:
    """Do what `returns` marks as impure."""
    raise FileNotFoundError(event.new_image.title)


@future_safe
async def fetch(event: InsertEvent[Card]) -> str:
    """Do what `returns` makes a FutureResult of."""
    await asyncio.sleep(0)
    return event.new_image.title


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        Success("hello"),
        IOSuccess("hello"),
    ],
)
def test_a_success_is_handled_in_every_form(answer: Outcome[str, str], strategy: Strategy) -> None:
    process = pipeline(cards, on_insert(lambda _: answer, name="answer"), strategy=strategy)
    assert values(process(HELLO)) == ["hello"]


@BOTH
@pytest.mark.parametrize("answer", [Failure("no"), IOFailure("no")])
def test_a_failure_is_refused_in_every_form(answer: Outcome[str, str], strategy: Strategy) -> None:
    process = pipeline(cards, on_insert(lambda _: answer, name="answer"), strategy=strategy)
    assert [each.reason for each in failures(process(HELLO))] == [Refused("no")]


@BOTH
def test_handlers_that_have_to_be_awaited_are(strategy: Strategy) -> None:
    """Coroutine functions, functions that return an awaitable, and FutureResults, beside one another."""

    def answer(_: InsertEvent[Card]) -> FutureResult[str, str]:
        return FutureSuccess("future")

    def refuse(_: InsertEvent[Card]) -> FutureResult[str, str]:
        return FutureFailure("no future")

    def hand_on(event: InsertEvent[Card]) -> Coroutine[object, object, Result[str, str]]:
        return succeed_later(event)

    process = pipeline(
        cards,
        on_insert(succeed_later),
        on_insert(refuse_later),
        on_insert(answer),
        on_insert(refuse),
        on_insert(hand_on),
        on_insert(fetch, name="fetch"),
        strategy=strategy,
    )
    results = process(HELLO)
    assert values(results) == ["hello", "future", "hello", "hello"]
    assert [each.reason for each in failures(results)] == [Refused("hello"), Refused("no future")]


@BOTH
def test_what_returns_catches_for_a_handler_is_refused(strategy: Strategy) -> None:
    (failed,) = failures(pipeline(cards, on_insert(read_file, name="read"), strategy=strategy)(HELLO))
    assert isinstance(failed.reason, Refused)
    assert isinstance(failed.reason.error, FileNotFoundError)


def reason_of(handler: object, strategy: Strategy = series) -> Reason[object]:
    """Run a handler that ends in one failure."""
    # What it takes and returns is what the tests are about.
    process = pipeline(cards, cast("Handler[Card, object, object]", handler), strategy=strategy)
    (failed,) = failures(process(HELLO))
    return failed.reason


def returning(value: object) -> object:
    """Make a handler that returns something, whatever the types say."""

    def returns(_: InsertEvent[Card]) -> Result[object, object]:
        return cast("Result[object, object]", value)

    return on_insert(returns)


@BOTH
@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "NoneType"), ("hello", "str"), (Success, "ABCMeta"), (IO(1), "IO[int]"), ([], "list")],
)
def test_what_is_no_result_is_a_failure_that_says_so(value: object, name: str, strategy: Strategy) -> None:
    reason = reason_of(returning(value), strategy)
    assert isinstance(reason, Raised)
    assert str(reason.exception) == f"the handler returned {name}, expected a Result"


class Odd(BaseException):
    """An exception that is no Exception."""


def raising(exception: BaseException) -> Callable[[InsertEvent[Card]], Result[str, str]]:
    """Make a function that raises."""

    def raises(_: InsertEvent[Card]) -> Result[str, str]:
        raise exception

    return raises


def raising_later(
    exception: BaseException,
) -> Callable[[InsertEvent[Card]], Coroutine[object, object, Result[str, str]]]:
    """Make a coroutine function that raises."""

    async def raises(_: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.sleep(0)
        raise exception

    return raises


@BOTH
@pytest.mark.parametrize(
    "exception", [ValueError("no"), Odd(), GeneratorExit(), asyncio.CancelledError(), StopIteration(1)]
)
def test_what_a_handler_raises_is_in_the_failure(exception: BaseException, strategy: Strategy) -> None:
    assert reason_of(on_insert(raising(exception)), strategy) == Raised(exception)


@BOTH
@pytest.mark.parametrize("exception", [ValueError("no"), Odd(), GeneratorExit(), asyncio.CancelledError()])
def test_what_is_raised_on_the_event_loop_is_in_the_failure(
    exception: BaseException, strategy: Strategy
) -> None:
    """The loop outlives it: the handler after it is awaited on the same one."""
    process = pipeline(
        cards, on_insert(raising_later(exception)), on_insert(succeed_later), strategy=strategy
    )
    results = process(HELLO)
    assert [each.reason for each in failures(results)] == [Raised(exception)]
    assert values(results) == ["hello"]


@BOTH
@pytest.mark.parametrize("exception", [KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("make", [raising, raising_later])
def test_what_is_meant_for_the_process_passes_through(
    exception: BaseException, make: Callable[[BaseException], object], strategy: Strategy
) -> None:
    function = cast("Callable[[InsertEvent[Card]], Result[str, str]]", make(exception))
    with pytest.raises(type(exception)) as raised:
        pipeline(cards, on_insert(function), strategy=strategy)(HELLO)
    assert raised.value is exception


@BOTH
def test_a_where_that_raises_fails_its_handler_and_no_other(strategy: Strategy) -> None:
    def hello(_: UpsertEvent[Card]) -> Result[str, str]:
        return Success("hello")

    process = pipeline(
        cards,
        on_insert(raising(ValueError()), name="never_called", where=lambda _: not 1 / 0),
        on_upsert(hello),
        strategy=strategy,
    )
    results = process(HELLO)
    (failed,) = failures(results)
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, ZeroDivisionError)
    assert values(results) == ["hello"]


def answering(answer: object) -> Callable[[Sequence[InsertEvent[Card]]], list[Result[int, str]]]:
    """Make a function that answers for many events, whatever the types say."""

    def each(_: Sequence[InsertEvent[Card]]) -> list[Result[int, str]]:
        return cast("list[Result[int, str]]", answer)

    return each


@BOTH
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "the handler returned 0 Results for 2 events"),
        ([Success(1)], "the handler returned 1 Results for 2 events"),
        ([Success(1)] * 3, "the handler returned 3 Results for 2 events"),
        (None, "the handler returned NoneType, expected a sequence of Results"),
        (Success([]), "the handler returned Success, expected a sequence of Results"),
    ],
)
def test_one_who_answers_for_each_event_and_does_not_has_failed_on_all(
    answer: object, message: str, strategy: Strategy
) -> None:
    """Nobody could tell which Result is whose."""
    process = pipeline(
        cards,
        on_insert(batched_each(answering(answer))),
        strategy=strategy,
    )
    results = process(lambda_event(insert_event(Card(1, "hello")), insert_event(Card(2, "bye"))))
    reasons = [each.reason for each in failures(results)]
    assert [str(each.exception) for each in reasons if isinstance(each, Raised)] == [message] * 2


@BOTH
def test_one_who_answers_for_each_event_and_raises_has_failed_on_all(strategy: Strategy) -> None:
    error = ValueError("no")

    def each(_: Sequence[InsertEvent[Card]]) -> list[Result[int, str]]:
        raise error

    process = pipeline(cards, on_insert(batched_each(each)), strategy=strategy)
    results = process(lambda_event(insert_event(Card(1, "hello")), insert_event(Card(2, "bye"))))
    assert [each.reason for each in failures(results)] == [Raised(error)] * 2


@BOTH
def test_a_bad_answer_for_one_event_is_that_events_failure(strategy: Strategy) -> None:
    process = pipeline(cards, on_insert(batched_each(answering([Success(1), None]))), strategy=strategy)
    results = process(lambda_event(insert_event(Card(1, "hello")), insert_event(Card(2, "bye"))))
    assert values(results) == [1]
    assert [each.record.event_id for each in failures(results)] == [results[1].failure().record.event_id]


@pytest.mark.parametrize("meant_for_the_process", [SystemExit, KeyboardInterrupt])
def test_the_loop_survives_what_a_task_within_a_handler_raises_for_the_process(
    meant_for_the_process: type[BaseException],
) -> None:
    async def stop() -> None:
        raise meant_for_the_process

    async def handle(_: InsertEvent[Card]) -> Result[None, str]:
        await asyncio.gather(stop())
        return Success(None)

    async def later(_: InsertEvent[Card]) -> Result[str, str]:
        return Success("later")

    batch = lambda_event(insert_event(Card(1, "a")))
    with pytest.raises(meant_for_the_process):
        pipeline(cards, on_insert(handle))(batch)
    assert values(pipeline(cards, on_insert(later))(batch)) == ["later"]


class Unbound:
    """A proxy of nothing yet, which raises even when it is asked for its class."""

    @override
    def __getattribute__(self, name: str) -> object:
        raise LookupError(name)


def unbound() -> object:
    """Make one whose type nobody knows."""
    return Unbound()


@BOTH
def test_an_answer_that_raises_when_it_is_looked_at_is_that_handlers_failure(strategy: Strategy) -> None:
    nothing = cast("Result[int, str]", unbound())

    def give(_: InsertEvent[Card]) -> Result[int, str]:
        return nothing

    async def give_later(_: InsertEvent[Card]) -> Result[int, str]:
        return nothing

    process = pipeline(
        cards,
        on_insert(give),
        on_insert(give_later),
        on_insert(batched_each(answering(nothing)), name="for all"),
        on_insert(batched_each(answering([nothing])), name="for each"),
        on_insert(succeed_later),
        strategy=strategy,
    )
    results = process(HELLO)
    assert values(results) == ["hello"]
    reasons = [each.reason for each in failures(results)]
    assert [type(each.exception) for each in reasons if isinstance(each, Raised)] == [LookupError] * 4


@BOTH
def test_answers_that_raise_once_they_have_been_awaited_are_failures(strategy: Strategy) -> None:
    async def give_later(_: Sequence[InsertEvent[Card]]) -> Sequence[Result[int, str]]:
        return cast("Sequence[Result[int, str]]", unbound())

    process = pipeline(cards, on_insert(batched_each(give_later)), strategy=strategy)
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, LookupError)
