"""One event loop, in a thread of its own, for handlers that have to be awaited.

It starts with the first such handler and stays, so that clients bound to a loop (connection pools, say) live
as long as the process. A loop in a thread of its own also works where the caller runs one already, as
notebooks and async tests do.
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
"""A coroutine, and the function that takes what it comes to."""

CANNOT_START: Final = (RuntimeError, OSError)
"""What is raised where a loop has no thread, or no file descriptors."""

_NAME = "streamfn-event-loop"
_starting = threading.Lock()
_running: Final[set[Task[None]]] = set()
"""What has been started: a loop itself remembers its tasks only as long as somebody else does."""


def submit(coroutine: Coroutine[object, object, V]) -> Future[V]:
    """Start a coroutine on the loop; it sees the caller's context variables.

    Fails with RuntimeError when called on the loop itself, and where the loop cannot start.
    """
    import asyncio

    try:
        loop = _loop()
    except CANNOT_START:
        coroutine.close()
        raise
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


def start(awaited: Sequence[Awaited]) -> None:
    """Start coroutines that raise nothing, and have the loop call the function beside each with what it comes to.

    They see the caller's context variables. On the loop itself, where nobody could wait for them, each comes to
    a `Raised`, as it does where the loop cannot start, or a handler cancels what has not begun.

    That takes a third of what `submit` does: a future has to be set, and to be told to others, on both sides.
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
    """Forget a task that has ended, and finish for one that was cancelled before its first step."""
    _running.discard(task)
    if getcoroutinestate(coroutine) == CORO_CREATED:
        from asyncio import CancelledError

        coroutine.close()
        finish(Raised(CancelledError()))


def _loop() -> AbstractEventLoop:
    """Give the loop, which starts if it has not; waiting for it on the loop itself would never end."""
    if threading.current_thread().name == _NAME:
        raise RuntimeError(
            "a handler that runs on the event loop cannot wait for another one; await it instead"
        )
    with _starting:
        return _loop_of(os.getpid())


@cache
def _loop_of(pid: int) -> AbstractEventLoop:  # noqa: ARG001 (threads do not survive a fork, so each process has its own)
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        threading.Thread(target=_run, args=(loop,), name=_NAME, daemon=True).start()
    except RuntimeError:
        loop.close()
        raise
    return loop


def _run(loop: AbstractEventLoop) -> None:
    """Run a loop for as long as the process lives.

    A SystemExit or KeyboardInterrupt in a task that a handler has started leaves the loop as well as the task.
    The handler that waits for the task has it; the others still need the loop. So they do where a handler stops it.
    """
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
