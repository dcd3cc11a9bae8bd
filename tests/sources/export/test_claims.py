"""One replay at a time has a progress: the next one is told so, and runs nothing, until the first has ended or died."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from streamfn.exports import ProgressInUse, Replay, replay
from streamfn.exports import _progress as _claims
from streamfn.exports._export import storage_at
from streamfn.exports._progress import claimed
from tests.cli.commands import streamfn
from tests.sources.export.exports import item, write_export
from tests.sources.export.held import Held, Ran
from tests.sources.export.waiting import Waiting


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
    with claimed(storage_at(tmp_path / "progress")) as first, claimed(storage_at(tmp_path / "progress")):
        assert first.for_workers() is None


def test_what_a_process_inherits_goes_on_to_no_other(tmp_path: Path) -> None:
    """A program that a handler starts would keep the progress for as long as it lives."""

    class Sent:
        def detach(self) -> int:
            return os.open(tmp_path, os.O_RDONLY)

    inherited = _claims.inherit(Sent())
    assert not os.get_inheritable(inherited.descriptor)
    os.close(inherited.descriptor)
