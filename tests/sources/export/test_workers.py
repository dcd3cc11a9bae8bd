"""Workers that die before they begin, with a lock in their hands, or while all are asked to stop."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from streamfn import ConfigurationError
from streamfn.exports import open_export, progress_at, replay
from streamfn.exports._replay import WorkerJob, run_files
from tests.cli.commands import ROOT
from tests.sources.export.exports import item, write_export

PIPELINE: Final = """
import gc
import os
import signal
from multiprocessing import parent_process
from multiprocessing.synchronize import SemLock
from pathlib import Path

from returns.result import Result, Success

from streamfn import InsertEvent, on_insert, pipeline
from tests.cards import Card, cards

if parent_process() is not None and "KILLED" in os.environ:
    try:
        Path(os.environ["KILLED"]).rename(Path(os.environ["KILLED"]).with_suffix(".gone"))
    except FileNotFoundError:
        pass
    else:
        os.kill(os.getpid(), signal.SIGKILL)
if parent_process() is not None and "ALL_KILLED" in os.environ:
    os.kill(os.getpid(), signal.SIGKILL)


def announce(event: InsertEvent[Card]) -> Result[int, str]:
    if event.new_image.title == "die":
        for each in gc.get_objects():
            if isinstance(each, SemLock):
                each.acquire(timeout=1)
        os._exit(7)
    return Success(event.new_image.id)


process = pipeline(cards, on_insert(announce))
"""

SCRIPT: Final = """
import sys
from streamfn.exports import replay

if __name__ == "__main__":
    done = replay(sys.argv[1], "dying:process", processes=2)
    print(sorted(done.unfinished.values()), flush=True)
"""


@pytest.fixture
def dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a pipeline whose processes die, and give its name."""
    (tmp_path / "dying.py").write_text(PIPELINE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "dying", raising=False)
    return "dying:process"


@pytest.mark.usefixtures("dying")
def test_a_process_that_dies_with_all_that_it_could_lock_holds_up_no_other(tmp_path: Path) -> None:
    """It may die at any moment, as when it looks whether it is to stop."""
    place = write_export(tmp_path, [[item(1, "die")], [item(2)], [item(3)]])
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(script), str(place)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        timeout=60,
        check=False,
    )
    assert ran.stdout == "['the process that ran it ended']\n", ran.stderr


def test_a_process_that_is_killed_before_it_begins_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dying: str
) -> None:
    (tmp_path / "once").touch()
    monkeypatch.setenv("KILLED", str(tmp_path / "once"))
    place = write_export(tmp_path, [[item(1)], [item(2)]])
    assert replay(place, dying, processes=2).is_complete
    assert (tmp_path / "once.gone").exists()


def test_processes_that_are_all_killed_before_they_begin_are_not_begun_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dying: str
) -> None:
    monkeypatch.setenv("ALL_KILLED", "yes")
    place = write_export(tmp_path, [[item(1)], [item(2)]])
    with pytest.raises(ConfigurationError, match="processes are killed before they can begin"):
        replay(place, dying, processes=2)


def test_processes_that_ctrl_c_ends_while_they_begin_are_no_mistake(tmp_path: Path) -> None:
    """It reaches them all, and whoever began the replay has asked for it."""
    work = WorkerJob(
        open_export(write_export(tmp_path, [[item(1)]])),
        "no_such_module_here:process",
        progress_at(tmp_path),
        None,
        10,
    )
    told: list[object] = []
    run_files(work, work.export.files, 1, lambda _, news: told.append(news), lambda: True)
    assert told == []
