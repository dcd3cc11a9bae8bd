"""The laws of deliveries under random schedules: a short run of them, and broken variants that each of them catches."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.soak.broken import BROKEN, Break
from tests.soak.laws import LawBroken, check

ROOT: Final = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    """Leave out what is logged of the failures that schedules are full of."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, 1500, 100))
def test_the_laws_hold(first: int) -> None:
    for seed in range(first, first + 100):
        check(seed)


# Coverage would make it three times as slow, and is of what works.
@pytest.mark.no_cover
@pytest.mark.parametrize(("broken", "law"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_noticed_by_its_law(
    broken: Break, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    assert any(law in _told(seed) for seed in range(1500))


def _told(seed: int) -> str:
    try:
        check(seed)
    except LawBroken as error:
        return str(error).partition("\n\n")[0]
    return ""


def test_a_long_run_says_what_it_did_and_can_be_repeated() -> None:
    command = [sys.executable, "-m", "tests.soak", "--schedules", "40", "--seed", "7", "--processes", "2"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "40 schedules from --seed 7" in done.stdout
    assert "All laws held in 40 schedules." in done.stdout
