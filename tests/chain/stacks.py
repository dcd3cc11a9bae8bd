"""A ministack that ends and begins again at the same place, in good order or by force."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from examples.demo import ministack


@dataclass(slots=True)
class Stack:
    """Runs ministack at one port, with a folder for its state.

    It writes tables and queues into the folder when it is stopped, and reads them when it starts. What it has learnt
    since the last stop is lost when it is killed; the records of streams are lost in both cases.
    """

    folder: Path
    port: int
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Where it is, or will be again."""
        return f"http://{ministack.LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with pytest.MonkeyPatch.context() as patch:
            usual: Callable[[str, int], dict[str, str]] = vars(ministack)["_settings"]

            def settings(folder: str, port: int) -> dict[str, str]:
                return {**usual(folder, port), **self._kept()}

            patch.setattr(ministack, "free_port", lambda: self.port)
            patch.setattr(ministack, "_settings", settings)
            self._running.enter_context(ministack.running())

    def stop(self) -> None:
        """Ask it to end, and wait until it has written its state and ended."""
        self._running.close()

    def kill(self) -> None:
        """End it in the middle of whatever it does, and wait for that."""
        os.kill(int((self.folder / f"ministack-{self.port}.pid").read_text()), signal.SIGKILL)
        self._running.close()

    def _kept(self) -> dict[str, str]:
        return {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
            "TMPDIR": str(self.folder),  # where it writes what its process goes by
        }


@contextmanager
def running(folder: Path) -> Generator[Stack]:
    """Run ministack for as long as the block lasts, or for as long as it leaves it running."""
    stack = Stack(folder, ministack.free_port())
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()
