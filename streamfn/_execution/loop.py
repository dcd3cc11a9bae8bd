"""One event loop, in a thread of its own, for handlers that have to be awaited.

It starts with the first such handler and stays, so that clients bound to a loop (connection pools, say) live
as long as the process. A loop in a thread of its own also works where the caller runs one already, as
notebooks and async tests do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

V = TypeVar("V")

_NAME = "streamfn-event-loop"
_starting = threading.Lock()


def submit(coroutine: Coroutine[object, object, V]) -> Future[V]:
    """Start a coroutine on the loop; it sees the caller's context variables.

    Fails with RuntimeError when called on the loop itself: waiting there for the loop would never end.
    """
    import asyncio

    if threading.current_thread().name == _NAME:
        coroutine.close()
        raise RuntimeError(
            "a handler that runs on the event loop cannot wait for another one; await it instead"
        )
    with _starting:
        loop = _loop_of(os.getpid())
    return asyncio.run_coroutine_threadsafe(coroutine, loop)


@cache
def _loop_of(pid: int) -> AbstractEventLoop:  # noqa: ARG001 (threads do not survive a fork, so each process has its own)
    import asyncio

    loop = asyncio.new_event_loop()
    threading.Thread(target=_run, args=(loop,), name=_NAME, daemon=True).start()
    return loop


def _run(loop: AbstractEventLoop) -> None:
    """Run a loop until it is stopped.

    A SystemExit or KeyboardInterrupt in a task that a handler has started leaves the loop as well as the task.
    The handler that waits for the task has it; the others still need the loop.
    """
    while True:
        try:
            return loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue
