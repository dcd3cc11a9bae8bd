"""A pipeline whose process is killed, with SIGKILL, at a call that the environment names; handlers write what they do.

A thread kills, so that the process dies wherever it is: in the handler, while it reads, or while it keeps progress.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Final

from returns.result import Failure, Result, Success

from streamfn import InsertEvent, on_insert, pipeline
from tests.cards import Card, cards

KILL: Final = "kill"
_calls = count(1)
_now = threading.Event()


def _write(words: str) -> None:
    # One write that appends is whole, whichever processes write.
    with Path(os.environ["REPLAY_LOG"]).open("ab", buffering=0) as log:
        log.write(f"{words}\n".encode())


def _called(handler: str, event: InsertEvent[Card]) -> None:
    _write(f"{handler} {event.event_id}")
    if next(_calls) == int(os.environ.get("KILL_AT", "0")):
        _now.set()


def _kill() -> None:
    _now.wait()
    _write(KILL)
    match os.environ["KILLED"]:
        case "parent":
            os.kill(os.getppid(), signal.SIGKILL)
        case "all":
            os.killpg(0, signal.SIGKILL)
        case _:
            os.kill(os.getpid(), signal.SIGKILL)


def announce(event: InsertEvent[Card]) -> Result[int, str]:
    """Refuse some cards until they are mended."""
    _called("announce", event)
    refused = event.new_image.title == "refuse" and "MENDED" not in os.environ
    return Failure("no") if refused else Success(event.new_image.id)


def index(event: InsertEvent[Card]) -> Result[int, str]:
    """Take whatever comes."""
    _called("index", event)
    return Success(event.new_image.id)


def calls(log: Path) -> tuple[Counter[tuple[str, str]], int]:
    """Count the calls of each handler on each record, and how often a process was killed."""
    lines = log.read_text().splitlines() if log.exists() else []
    found = Counter((handler, event_id) for handler, _, event_id in (each.partition(" ") for each in lines))
    kills = found.pop((KILL, ""), 0)
    return found, kills


threading.Thread(target=_kill, daemon=True).start()
process = pipeline(cards, on_insert(announce), on_insert(index))
