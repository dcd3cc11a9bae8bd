"""One replay at a time has a progress: the next one is told so, and runs nothing, until the first has ended or died."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from streamfn.sources.export import ProgressInUse, Replay, _claims, replay
from streamfn.sources.export._claims import claimed
from streamfn.sources.export._places import place_at
from tests.cli.commands import streamfn
from tests.sources.export.exports import item, write_export
from tests.sources.export.held import Held, Ran

ROOT: Final = Path(__file__).parents[3]

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

    def begin(self, processes: int) -> subprocess.Popen[str]:
        """Begin it, and return when it waits."""
        running = subprocess.Popen(
            [sys.executable, "-m", "streamfn.cli", *self.arguments(processes)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WAITS": str(self.folder / "pipe")},
            cwd=self.folder,
        )
        assert running.stdout is not None
        assert running.stdout.readline() == "waits\n"
        return running

    def arguments(self, processes: int) -> list[str]:
        """Give the command."""
        return ["replay", "waiting:process", str(self.place), "--processes", str(processes)]

    def go_on(self) -> None:
        """Let it go on."""
        (self.folder / "pipe").write_text("")

    def calls(self) -> list[str]:
        """Give the records that were run."""
        return sorted((self.folder / "log").read_text().splitlines())


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    (tmp_path / "waiting.py").write_text(WAITING)
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("REPLAY_LOG", str(tmp_path / "log"))
    return Waiting(tmp_path, write_export(tmp_path, [[item(number) for number in range(6)], [item(10)]]))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_second_process_is_told_and_runs_nothing(waiting: Waiting, processes: int) -> None:
    """The exit code is of its own kind; the first replay comes to its end all the same."""
    with waiting.begin(processes) as running:
        ran = streamfn(*waiting.arguments(1), cwd=waiting.folder)
        assert (ran.code, ran.out) == (3, "")
        assert ran.err.startswith("streamfn: another replay has the progress at ")
        assert "wait until that has ended, or name another place" in ran.err
        waiting.go_on()
        assert running.wait() == 0
    again = streamfn(*waiting.arguments(1), "--json", cwd=waiting.folder)
    assert (again.code, again.document["handled"]) == (0, {"announce": 7})
    assert len(waiting.calls()) == len(set(waiting.calls())) == 7


def test_a_replay_that_is_killed_lets_go_of_the_progress(waiting: Waiting) -> None:
    with waiting.begin(1) as running:
        running.kill()
    again = streamfn(*waiting.arguments(1), "--json", cwd=waiting.folder)
    assert (again.code, again.document["handled"]) == (0, {"announce": 7})


def test_workers_keep_the_progress_until_they_end_when_the_process_that_began_them_is_killed(
    waiting: Waiting,
) -> None:
    """They start no other handler then, keep what they have done, and the next replay repeats nothing."""
    with waiting.begin(2) as running:
        running.kill()
        running.wait()
        assert streamfn(*waiting.arguments(1), cwd=waiting.folder).code == 3
        waiting.go_on()
        assert running.stdout is not None
        running.stdout.read()  # until the last worker has let go of it
    assert len([each for each in waiting.calls() if "file000" in each]) == 4
    again = streamfn(*waiting.arguments(1), "--json", cwd=waiting.folder)
    assert (again.code, again.document["handled"]) == (0, {"announce": 7})
    assert len(waiting.calls()) == len(set(waiting.calls())) == 7


def test_a_second_thread_is_told_and_runs_nothing(tmp_path: Path) -> None:
    place, first, second = write_export(tmp_path, [[item(1), item(2)]]), Held(), Held()
    running = Ran(place, first.process)
    assert first.begun.wait(60)
    with pytest.raises(ProgressInUse, match=r"another replay has the progress at .*streamfn-pipeline"):
        replay(place, second.process)
    first.free.set()
    running.join()
    assert isinstance(running.done, Replay)
    assert running.done.is_complete
    assert (first.calls, second.calls) == ([1, 2], [])
    assert replay(place, second.process).is_complete
    assert second.calls == []


def test_where_locks_end_with_a_process_none_goes_to_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    with claimed(place_at(tmp_path / "progress")) as first, claimed(place_at(tmp_path / "progress")):
        assert first.for_workers() is None


def test_what_a_process_inherits_goes_on_to_no_other(tmp_path: Path) -> None:
    """A program that a handler starts would keep the progress for as long as it lives."""

    class Sent:
        def detach(self) -> int:
            return os.open(tmp_path, os.O_RDONLY)

    inherited = _claims.inherit(Sent())
    assert not os.get_inheritable(inherited.descriptor)
    os.close(inherited.descriptor)
