"""`import streamfn` stays light: a Lambda function pays for it at every cold start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = {
    "asyncio",
    "attr",
    "attrs",
    "base64",
    "boto3",
    "botocore",
    "cattrs",
    "concurrent.futures",
    "hashlib",
    "hypothesis",
    "pathlib",
    "platform",
    "pkgutil",
    "pytest",
    "queue",
    "random",
    "rich",
    "signal",
    "streamfn._aws",
    "streamfn._delivery.ledger",
    "streamfn.dead_letters",
    "streamfn.ledgers",
    "streamfn.testing",
    "urllib.parse",
    "uuid",
}
"""What a function in series, with no ledger, of a model without UUIDs and without hooks of its own, has no use for."""


def _loaded_by(statement: str) -> set[str]:
    """List the modules that a fresh interpreter holds once it has run the statement."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(json.loads(done.stdout))


def _heavy_in(statement: str) -> set[str]:
    """List what a statement loads without need. `logging` is needed, and brings pathlib from Python 3.15 on."""
    return (HEAVY & _loaded_by(statement)) - _loaded_by("import logging")


def test_import_loads_nothing_heavy() -> None:
    """Neither AWS's client, nor an event loop, nor what few functions use, nor anything for tests comes in."""
    assert set() == _heavy_in("import streamfn")


def test_a_pipeline_loads_nothing_heavy() -> None:
    """Its decoders are made without cattrs, and its strategy is loaded without the other one."""
    assert set() == _heavy_in("import tests.counting.function")


def test_a_ledger_and_dead_letters_load_no_client() -> None:
    """boto3 costs a cold start more than all else together, and is left for the first use."""
    loaded = _loaded_by("import tests.counting.stores")
    assert {"streamfn._delivery.ledger"} == loaded & {
        "boto3",
        "botocore",
        "streamfn._delivery.ledger",
        "streamfn.testing",
    }


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("import asyncio", "asyncio"),
        ("import streamfn; streamfn.make_converter()", "cattrs"),
        ("import streamfn; streamfn.concurrent()", "concurrent.futures"),
        ("import streamfn.ledgers", "streamfn.ledgers"),
    ],
)
def test_what_is_used_is_loaded(statement: str, module: str) -> None:
    """The list of modules can tell, and what is left out of it is there when it is asked for."""
    assert module in HEAVY & _loaded_by(statement)
