"""The demo, run as a user runs it: it ends by itself, and what it says was checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# It would lead the demo astray if it looked.
ENVIRONMENT = {
    "PATH": "/nonexistent",
    "PYTHONUTF8": "1",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run the demo once."""
    command = [sys.executable, "-m", "examples.demo"]
    environment = {**ENVIRONMENT, "TMPDIR": str(tmp_path_factory.mktemp("demo"))}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def row(output: str, first: str) -> list[str]:
    """Read the cells of a table's row by its first cell."""
    (line,) = re.findall(rf"^│ +{first} +│(.*)│$", output, flags=re.MULTILINE)
    return [cell.strip() for cell in line.split("│")]


def test_nothing_was_lost(demo: subprocess.CompletedProcess[str]) -> None:
    """It says so, it exits with 0, and it complains of nothing."""
    assert "" == demo.stderr
    assert "Nothing was lost" in demo.stdout
    assert "✗" not in demo.stdout
    assert 8 == demo.stdout.count("✓")
    assert 0 == demo.returncode


def test_what_was_handled_and_what_is_a_dead_letter_is_what_was_wanted(
    demo: subprocess.CompletedProcess[str],
) -> None:
    """Announcements and backups never fail and never run again; the index fails for some cards, two of them always."""
    counts = {
        name: [int(cell) for cell in row(demo.stdout, name)[1:]] for name in ("announce", "back_up", "index")
    }

    assert counts == {
        "announce": [240, 240, 0, 0, 0],
        "back_up": [90, 90, 0, 0, 0],
        "index": [519, 513, 100, 94, 6],
    }


def test_the_same_records_fare_differently_three_ways(demo: subprocess.CompletedProcess[str]) -> None:
    """The counts are the same in every run."""
    assert ["700", "0", "0"] == row(demo.stdout, "Slack messages that are repeats")
    assert ["252", "0", "0"] == row(demo.stdout, "S3 writes that are repeats")
    assert ["26", "0", "0"] == row(demo.stdout, "new cards unknown to Slack")
    assert ["11", "0", "0"] == row(demo.stdout, "removed cards missing in S3")
    assert ["63", "41", "0"] == row(demo.stdout, "index changes lost")
    assert ["58", "0", "0"] == row(demo.stdout, "of them blocked, never tried")
    assert ["0", "0", "6"] == row(demo.stdout, "index changes kept as dead letters")


def test_it_leaves_a_page_behind_and_says_where(demo: subprocess.CompletedProcess[str]) -> None:
    """The page has each delivery to the function."""
    page = Path(demo.stdout.splitlines()[-1])

    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [page.parent] == list(page.parent.parent.iterdir()), "and nothing else"


def test_it_fits_a_terminal(demo: subprocess.CompletedProcess[str]) -> None:
    """Eighty columns do, but for the path of the page, which is to be copied."""
    assert max(map(len, demo.stdout.splitlines()[:-1])) <= 80


def test_a_demo_that_is_told_to_end_leaves_nothing_behind() -> None:
    """Its ministack ends as well: no process of its group is left."""
    command = [sys.executable, "-m", "examples.demo"]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Starting ministack")
        demo.terminate()

    assert 1 == demo.returncode
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)
