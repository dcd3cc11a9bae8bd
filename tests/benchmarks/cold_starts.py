"""Cold starts: what a fresh process spends on a library before it can handle anything.

Zero is a process that has imported Lambda's own runtime client and json; a library costs what comes on top. Processes
of all sorts take turns. They find compiled modules, as a deployment package should hold them. The same statements are
counted in instructions, see `cold_counts`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import monotonic_ns
from typing import Final, cast

from tests.benchmarks.loads import make_load
from tests.benchmarks.results import Timing

ROOT: Final = Path(__file__).parents[2]

ZERO: Final = "zero"
UNCOMPILED: Final = "streamfn uncompiled"

_MODEL: Final = "import tests.counting.cards\n"
_FUNCTION: Final = "import tests.counting.function\n"
_BATCH: Final = "from aws_lambda_powertools.utilities.batch import BatchProcessor\n"
_PARSER: Final = "from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamRecordModel\n"
_WITHOUT_COMPILED: Final = "sys.dont_write_bytecode, sys.pycache_prefix = True, '/nowhere'\n"
"""From here on, compiled modules are neither found nor written."""

STATEMENTS: Final[Mapping[str, tuple[str, str]]] = {
    ZERO: ("streamfn", "pass"),
    "model": ("streamfn", _MODEL),
    "returns": ("returns", _MODEL + "import returns.result\n"),
    "cattrs": ("cattrs", _MODEL + "import returns.result, cattrs\n"),
    "streamfn": ("streamfn", _FUNCTION),
    "streamfn with stores": ("streamfn", "import tests.counting.stores\n"),
    UNCOMPILED: ("streamfn", _WITHOUT_COMPILED + _FUNCTION),
    "Powertools batch": ("aws_lambda_powertools", _BATCH),
    "Powertools batch and parser": ("aws_lambda_powertools", _BATCH + _PARSER),
    "boto3": ("boto3", "import boto3\n"),
}
"""What is measured, by name: the package that it needs, and the statement."""

RUNTIME: Final = "import awslambdaric.bootstrap" if find_spec("awslambdaric") else ""
"""Lambda's runtime client, which is there for Linux alone, as Lambda is."""

_PROGRAM: Final = """
import json, sys, time
{runtime}
cpu, wall = time.process_time_ns(), time.monotonic_ns()
{statement}
after = time.process_time_ns(), time.monotonic_ns()
print(json.dumps([cpu, wall - int(sys.argv[1]), after[0] - cpu, after[1] - wall]))
"""
"""Tells, in ns, what the process took before the statement, and what the statement took."""

_FIRST_RESULTS: Final = """
import json, sys, time
from tests.benchmarks.cold.app import process
with open(sys.argv[2], encoding="utf-8") as file:
    payload = json.load(file)
results = process(payload)
after = time.process_time_ns(), time.monotonic_ns()
assert len(results) == 100
print(json.dumps([0, 0, after[0], after[1] - int(sys.argv[1])]))
"""


def statements() -> dict[str, str]:
    """List the statements whose packages are installed, by name."""
    return {name: each for name, (package, each) in STATEMENTS.items() if find_spec(package) is not None}


def measure_cold(rounds: int, tell: Callable[[str], None]) -> dict[str, Timing]:
    """Measure what each statement takes in ms; of the zero, what the whole process took up to there."""
    found = statements()
    tell(f"Cold starts: {rounds} processes of each of {len(found)} sorts")
    timings = {name: Timing([], []) for name in found}
    for number in range(rounds + 1):
        for name, statement in found.items():
            figures = _run(_PROGRAM.format(runtime=RUNTIME, statement=statement))
            if number:  # the first round compiles what is not compiled yet
                cpu, wall = figures[:2] if name == ZERO else figures[2:]
                timings[name].cpu.append(cpu)
                timings[name].wall.append(wall)
    return timings


def measure_first_results(rounds: int, folder: Path) -> Timing:
    """Measure the time in ms from the start of a process to the Results of a first batch of 100 records."""
    payload = folder / "payload.json"
    payload.write_text(make_load("first", "", "card", 100).whole.text, encoding="utf-8")
    figures = [_run(_FIRST_RESULTS, str(payload)) for _ in range(rounds + 1)][1:]
    return Timing([each[2] for each in figures], [each[3] for each in figures])


def _run(program: str, *arguments: str) -> list[float]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(monotonic_ns()), *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [nanoseconds / 1e6 for nanoseconds in cast("list[int]", json.loads(done.stdout))]
