"""What a batch takes of memory, and that nothing of it stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.memory.measuring import INVOCATIONS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("function", "misfits"), [("in_series", True), ("side_by_side", True), ("with_ledger", False)]
)
def test_nothing_is_kept_between_invocations(function: str, *, misfits: bool) -> None:
    """Less than a byte for each: whatever is kept of each takes at least eight, for a reference to it."""
    assert _measured(f"growth({function!r}, misfits={misfits})") < INVOCATIONS


def test_the_least_that_could_be_kept_is_seen() -> None:
    assert _measured("growth('leaking', misfits=False)") >= 8 * INVOCATIONS


def test_a_batch_takes_little_more_than_its_payload_and_its_events() -> None:
    holding, handling, copying = (_measured(f"peak({way!r})") for way in ("holding", "handling", "copying"))
    assert handling <= 1.5 * holding
    assert copying > 1.5 * holding, "a copy of the payload is not seen"


def _measured(what: str) -> int:
    """Measure in a fresh process, where nothing else lies about."""
    program = f"from tests.memory.measuring import growth, peak; print({what})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return int(done.stdout)
