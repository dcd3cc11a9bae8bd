"""Handlers that meddle with the event loop that they run on: those after them are awaited all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from returns.result import Result, Success

from streamfn import Failed, InsertEvent, Pipeline, Raised, Strategy, concurrent, on_insert, pipeline, series
from streamfn.testing import failures, insert_event, lambda_event, values
from tests.cards import Card, cards

BATCH = lambda_event(*(insert_event(Card(number, "a")) for number in range(3)))

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)


async def stop() -> None:
    asyncio.get_running_loop().stop()


async def stop_and_wait() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)


async def stop_soon() -> None:
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def close() -> None:
    asyncio.get_running_loop().close()


async def cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancel_itself_and_wait() -> None:
    await cancel_itself()
    await asyncio.sleep(0)


async def cancel_all() -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0)


def meddling(meddle: Callable[[], Awaitable[None]], strategy: Strategy) -> Pipeline[object, object]:
    async def first(_: InsertEvent[Card]) -> Result[str, str]:
        await meddle()
        return Success("first")

    async def second(_: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.sleep(0)
        return Success("second")

    return pipeline(cards, on_insert(first), on_insert(second), strategy=strategy)


def plain(strategy: Strategy) -> Pipeline[object, object]:
    return meddling(lambda: asyncio.sleep(0), strategy)


@strategies
@pytest.mark.parametrize(
    "meddle",
    [
        stop,
        stop_and_wait,
        stop_soon,
        close,
        cancel_itself,
        cancel_itself_and_wait,
        cancel_all,
    ],
)
def test_whatever_a_handler_does_to_the_loop_each_pair_has_its_result_and_later_ones_run(
    meddle: Callable[[], Awaitable[None]], strategy: Strategy
) -> None:
    results = meddling(meddle, strategy)(BATCH)
    assert len(results) == 6
    assert values(plain(strategy)(BATCH)) == ["first", "second"] * 3


@strategies
def test_a_handler_that_stops_the_loop_has_done_its_work(strategy: Strategy) -> None:
    assert values(meddling(stop_and_wait, strategy)(BATCH)) == ["first", "second"] * 3


def test_a_handler_that_closes_the_loop_has_raised() -> None:
    process = meddling(close, series)
    assert {(each.handler, type(each.reason), str(reason_of(each))) for each in failures(process(BATCH))} == {
        ("first", Raised, "Cannot close a running event loop")
    }


def reason_of(failed: Failed[object]) -> BaseException | None:
    return failed.reason.exception if isinstance(failed.reason, Raised) else None
