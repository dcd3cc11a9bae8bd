"""Signals that ask what runs for long to end in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

_ASKING: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals(stop: Callable[[], None], *, unwinds: bool = False) -> Generator[None]:
    """Call `stop` on SIGINT and SIGTERM for as long as the block lasts, if it runs in the main thread.

    Python lets no other thread handle signals. The first signal also brings back the handlers that were there before,
    so that a second Ctrl-C does what it always does. A second SIGTERM ends the process, or `unwinds` it: then it raises
    a KeyboardInterrupt where nobody else handles it, so that the block can keep what it has done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in _ASKING}

    def restore() -> None:
        for number, handler in found.items():
            if handler is not None:  # one that was not set from Python cannot be set from it
                signal.signal(number, handler)

    def handle(_number: int, _frame: object) -> None:
        restore()
        if unwinds and found[signal.SIGTERM] is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        stop()

    for number, handler in found.items():
        if handler is not None:
            signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
