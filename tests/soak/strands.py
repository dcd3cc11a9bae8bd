"""Threads of which only one runs at a time, as who waits for whom is laid down."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread


class Strand:
    """A thread that runs only while whoever resumed it waits: what is interleaved how is the schedule's alone."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._go, self._back = Lock(), Lock()
        self._go.acquire()
        self._back.acquire()
        self._work = work
        self._failed: BaseException | None = None
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 (raised where it is looked at)
            self._failed = error
        self._back.release()

    def resume(self) -> None:
        """Let it run until it pauses or ends. Fails with what it failed with."""
        self._go.release()
        self._back.acquire()
        if self._failed is not None:
            raise self._failed

    def pause(self) -> None:
        """Let the one run that resumed it, from within the thread."""
        self._back.release()
        self._go.acquire()
