"""The event loop: one loop in a thread of its own, for handlers that are awaited.

The loop starts with the first such handler and runs until the process ends, so that clients bound to a loop, such as
connection pools, live as long as the process. A thread of its own also works if the caller runs an event loop already,
as notebooks and async tests do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import cache, partial
from inspect import CORO_CREATED, getcoroutinestate
from typing import TYPE_CHECKING, Final, TypeAlias

from typing_extensions import TypeVar

from streamfn._failures import Raised

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from concurrent.futures import Future

V = TypeVar("V")

Awaited: TypeAlias = tuple[Coroutine[object, object, object], Callable[[object], None]]
"""A coroutine, and the function that receives its outcome."""

CANNOT_START: Final = (RuntimeError, OSError)
"""The exceptions of a loop that gets no thread, or no file descriptors."""

_NAME = "streamfn-event-loop"
_starting = threading.Lock()
_running: Final[set[Task[None]]] = set()
"""The running tasks: a loop itself has only weak references to them."""


def submit(coroutine: Coroutine[object, object, V]) -> Future[V]:
    """Start a coroutine on the loop, with the caller's context variables, and return its future.

    Raises RuntimeError if called on the loop itself, and RuntimeError or OSError if the loop cannot start.
    """
    import asyncio

    try:
        loop = _loop()
    except CANNOT_START:
        coroutine.close()
        raise
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


def start(awaited: Sequence[Awaited]) -> None:
    """Start coroutines that raise nothing; the loop calls the function beside each with its outcome.

    The coroutines have the caller's context variables. The outcome is a `Raised` if this is called on the loop itself,
    where no caller could wait, if the loop cannot start, and if a handler cancels a coroutine before its first step.

    The cost is a third of the cost of `submit`, which sets a future and notifies its waiters on both sides.
    """

    def run() -> None:
        for coroutine, finish in awaited:
            task = loop.create_task(_finish(coroutine, finish))
            _running.add(task)
            task.add_done_callback(partial(_end, coroutine, finish))

    try:
        loop = _loop()
        loop.call_soon_threadsafe(run)
    except CANNOT_START as error:
        for coroutine, finish in awaited:
            coroutine.close()
            finish(Raised(error))


async def _finish(coroutine: Coroutine[object, object, object], finish: Callable[[object], None]) -> None:
    finish(await coroutine)


def _end(
    coroutine: Coroutine[object, object, object], finish: Callable[[object], None], task: Task[None]
) -> None:
    """Forget a task that has ended. Finish with a `Raised` if it was cancelled before its first step."""
    _running.discard(task)
    if getcoroutinestate(coroutine) == CORO_CREATED:
        from asyncio import CancelledError

        coroutine.close()
        finish(Raised(CancelledError()))


def _loop() -> AbstractEventLoop:
    """Return the loop, started if need be. Raises RuntimeError on the loop itself, where a wait would never end."""
    if threading.current_thread().name == _NAME:
        raise RuntimeError(
            "a handler that runs on the event loop cannot wait for another one; await it instead"
        )
    with _starting:
        return _loop_of(os.getpid())


@cache
def _loop_of(pid: int) -> AbstractEventLoop:  # noqa: ARG001 (threads do not survive a fork: each process has a loop)
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        threading.Thread(target=_run, args=(loop,), name=_NAME, daemon=True).start()
    except RuntimeError:
        loop.close()
        raise
    return loop


def _run(loop: AbstractEventLoop) -> None:
    """Run a loop until the process ends.

    A SystemExit or KeyboardInterrupt in a task of a handler ends the task and `run_forever`. The handler that waits for
    the task receives the exception, and other handlers still need the loop. They also need it after a handler stops it.
    """
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
