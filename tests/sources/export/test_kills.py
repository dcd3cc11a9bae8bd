"""Replays that are killed at random moments, and run again until they are complete: what each line's handlers did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Final

import pytest

from streamfn.exports import replay
from tests.sources.export.exports import EXPORT_ID, item, write_export
from tests.sources.export.killed import calls

PIPELINE: Final = "tests.sources.export.killed:process"
ROOT: Final = Path(__file__).parents[3]
FILES: Final = 3
LINES: Final = 60
CHUNK: Final = 7
REFUSED: Final = {(0, 5), (1, 20), (2, 59)}
"""The cards that are refused, by their file and number."""

SCRIPT: Final = """
import sys
from streamfn.exports import replay

if __name__ == "__main__":
    place, processes, chunk = sys.argv[1:]
    done = replay(place, "tests.sources.export.killed:process", processes=int(processes), chunk=int(chunk))
    print("ran", flush=True)
"""


def run(folder: Path, place: Path, processes: int, **environment: str) -> bool:
    """Run a replay in processes of its own, and tell whether it came to its end."""
    script = folder / "run.py"
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(script), str(place), str(processes), str(CHUNK)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        start_new_session=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stdout == "ran\n"


@pytest.mark.parametrize(
    ("processes", "killed", "seed"),
    [(1, "self", 1), (1, "self", 2), (2, "self", 3), (2, "parent", 4), (2, "all", 5)],
)
def test_killed_at_random_and_run_again_it_runs_each_line_and_repeats_no_more_than_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, killed: str, seed: int
) -> None:
    """A kill repeats at most the chunk that each process that died was at; what failed before is still known."""
    random, log = Random(seed), tmp_path / "log"  # noqa: S311 (a schedule)
    monkeypatch.setenv("REPLAY_LOG", str(log))
    place = write_export(
        tmp_path,
        [
            [item(number, "refuse" if (file, number) in REFUSED else "hello") for number in range(LINES)]
            for file in range(FILES)
        ],
    )
    for _ in range(5 if processes == 1 else 2):
        run(tmp_path, place, processes, KILLED=killed, KILL_AT=str(random.randrange(20, 80)))
    assert run(tmp_path, place, processes)
    failed = replay(place, PIPELINE, processes=1)
    assert failed.failed == {("announce", "Refused"): len(REFUSED)}
    assert {(each.data_file[:7], each.line) for each in failed.failures()} == {
        (f"file{file:03}", number + 1) for file, number in REFUSED
    }
    monkeypatch.setenv("MENDED", "yes")
    done = replay(place, PIPELINE, processes=1)
    assert (done.is_complete, done.unfinished, done.progress_missing) == (True, {}, {})
    assert done.handled == {"announce": FILES * LINES, "index": FILES * LINES}
    found, kills = calls(log)
    assert kills
    lines = {f"{EXPORT_ID}/{file.name}/{line}" for file in done.export.files for line in range(1, LINES + 1)}
    assert set(found) == {(handler, line) for handler in ("announce", "index") for line in lines}
    refused = {f"{EXPORT_ID}/file{file:03}{EXPORT_ID[-4:]}/{number + 1}" for file, number in REFUSED}
    repeated = sum(each - 1 for (_, line), each in found.items() if line not in refused)
    dead = kills * (processes if killed == "all" else 1)
    assert repeated <= dead * CHUNK * 2
    assert not list(place.rglob(".*.new")), "what a process left that was killed while it wrote is gone"
