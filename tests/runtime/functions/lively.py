"""A function with handlers on the event loop and in threads, whose report is a coroutine function."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Annotated

from returns.future import FutureResult
from returns.io import IOResult, IOSuccess
from returns.result import Failure, Result, Success

from streamfn import (
    Failed,
    InsertEvent,
    PartitionKey,
    Refused,
    Table,
    acknowledge,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
)


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table."""

    id: Annotated[int, PartitionKey]


loops: set[int] = set()
both_run = threading.Barrier(2)


async def on_the_loop(_: InsertEvent[Card]) -> Result[None, str]:
    """Meet the other handler, which can only be if the two run side by side."""
    loops.add(id(asyncio.get_running_loop()))
    await asyncio.to_thread(both_run.wait, 30)
    return Success(None)


def in_a_thread(_: InsertEvent[Card]) -> IOResult[None, str]:
    """Meet the handler on the loop."""
    both_run.wait(30)
    return IOSuccess(None)


def in_the_future(event: InsertEvent[Card]) -> FutureResult[int, str]:
    """Fail, for the report to have something to tell."""
    return FutureResult.from_result(Failure(f"card {event.new_image.id}"))


async def report(failed: Failed[str]) -> None:
    """Print why, and on how many loops handlers have run so far, where a test can read it."""
    await asyncio.sleep(0)
    if isinstance(failed.reason, Refused):
        print(f"reported: {failed.handler} {failed.reason.error}, {len(loops)} loop")


process = pipeline(
    Table("prod-Card", Card),
    on_insert(on_the_loop),
    on_insert(in_a_thread),
    on_insert(in_the_future),
    strategy=concurrent(workers=3),
)
handler = lambda_handler(process, acknowledge(report))
