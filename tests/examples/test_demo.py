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
def demo() -> subprocess.CompletedProcess[str]:
    """Run the demo once."""
    command = [sys.executable, "-m", "examples.demo"]
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
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
    assert 5 == demo.stdout.count("✓")
    assert 0 == demo.returncode


def test_each_handler_succeeded_with_all_that_it_is_there_for(demo: subprocess.CompletedProcess[str]) -> None:
    """Announcements and backups never fail; the index fails for some cards, and succeeds in the end."""
    counts = {
        name: [int(cell) for cell in row(demo.stdout, name)[1:]] for name in ("announce", "back_up", "index")
    }

    for wanted, succeeded, _, _ in counts.values():
        assert wanted == succeeded > 0
    assert [0, 0] == [counts[name][2] for name in ("announce", "back_up")]
    _, _, failed, redelivered = counts["index"]
    assert failed == redelivered > 0


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


def test_repeats_in_slack_are_said(demo: subprocess.CompletedProcess[str]) -> None:
    """Without a memory of what succeeded, a redelivered record is announced again, and the demo does not hide it."""
    (messages, told, repeats), *_ = re.findall(
        r"(\d+) messages about (\d+) cards, (\d+) of them repeats", demo.stdout
    )

    assert int(messages) == int(told) + int(repeats)
    assert int(repeats) > 0
