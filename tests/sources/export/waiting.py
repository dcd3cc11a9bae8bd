"""A replay in processes of its own that waits at a card until it is let go."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cli.commands import ROOT

WAITING: Final = """
import os
from pathlib import Path

from returns.result import Result, Success

from streamfn import InsertEvent, on_insert, pipeline
from tests.cards import Card, cards


def announce(event: InsertEvent[Card]) -> Result[int, str]:
    with Path(os.environ["REPLAY_LOG"]).open("ab", buffering=0) as log:
        log.write(f"{event.event_id}\\n".encode())
    if "WAITS" in os.environ and event.new_image.id == 3:
        print("waits", flush=True)
        with open(os.environ["WAITS"]):  # a pipe that has a name: somebody opens the other end
            pass
    return Success(event.new_image.id)


process = pipeline(cards, on_insert(announce))
"""


@dataclass
class Waiting:
    """A replay in processes of its own that waits at a card for whoever opens a pipe, and what it has done."""

    folder: Path
    place: Path

    @contextmanager
    def begin(self, processes: int) -> Generator[subprocess.Popen[str]]:
        """Begin it, and give it when it waits; at the end none of its processes is left."""
        with subprocess.Popen(
            [sys.executable, "-m", "streamfn.cli", *self.arguments(processes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WAITS": str(self.folder / "pipe")},
            cwd=self.folder,
            start_new_session=True,  # a group of processes of its own
        ) as running:
            try:
                assert running.stdout is not None
                assert running.stdout.readline() == "waits\n"
                yield running
            finally:
                running.kill()
                os.close(os.open(self.folder / "pipe", os.O_RDWR))  # both ends, so that nobody waits any more

    def arguments(self, processes: int) -> list[str]:
        """Give the command."""
        return ["replay", "waiting:process", str(self.place), "--processes", str(processes)]

    def go_on(self) -> None:
        """Let it go on."""
        (self.folder / "pipe").write_text("")

    def go_on_or_end(self, running: subprocess.Popen[str]) -> None:
        """Let it go on, unless it ends without that."""
        while running.poll() is None:
            with suppress(OSError):  # nobody waits at the pipe, not yet or no more
                os.close(os.open(self.folder / "pipe", os.O_WRONLY | os.O_NONBLOCK))
                return

    def calls(self) -> list[str]:
        """Give the records that were run."""
        return sorted((self.folder / "log").read_text().splitlines())
