"""A short run of the fuzzer, and pipelines that it finds out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from returns.result import Result, Success
from typing_extensions import override

from streamfn import Failed, Handled, Malformed, Pipeline
from tests.fuzz.laws import Process, check, in_series, side_by_side
from tests.fuzz.mutations import Json, batches

ROOT: Final = Path(__file__).parents[1]

Outcomes: TypeAlias = list[Result[Handled[object], Failed[object]]]


@dataclass(frozen=True)
class Lossy(Pipeline[object, object]):
    """A pipeline that spoils its Results."""

    spoil: Callable[[Outcomes], Outcomes]

    @override
    def __call__(self, payload: object) -> Outcomes:
        return self.spoil(super().__call__(payload))


def without_last(outcomes: Outcomes) -> Outcomes:
    return outcomes[:-2]


def turned_round(outcomes: Outcomes) -> Outcomes:
    return outcomes[::-1]


def without_malformed(outcomes: Outcomes) -> Outcomes:
    return [
        each
        for each in outcomes
        if isinstance(each, Success) or not isinstance(each.failure().reason, Malformed)
    ]


def complaint(batch: list[Json], process: Process) -> str:
    """What a law says of a pipeline on a batch; nothing where it holds."""
    try:
        check(batch, process)
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("process", [in_series, side_by_side], ids=["series", "concurrent"])
def test_whatever_a_record_looks_like_it_has_a_result(process: Process) -> None:
    for batch in batches(2_000, seed=2):
        check(batch, process)


@pytest.mark.parametrize("spoil", [without_last, turned_round, without_malformed])
def test_a_pipeline_that_loses_records_is_found_out(spoil: Callable[[Outcomes], Outcomes]) -> None:
    found = {complaint(batch, Lossy(in_series.routes, spoil)) for batch in batches(500, seed=2)}
    assert found == {"a record has no Result in its place"}


def test_the_fuzzer_runs_by_itself() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--records", "120", "--seed", "3"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0] == "120 mutated records from --seed 3"
    assert told[-1] == "No exception came out, and each record has its Result."
