"""`import streamfn` stays light: a Lambda function pays for it at every cold start."""

import json
import subprocess
import sys

HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "hypothesis",
    "pytest",
    "rich",
    "streamfn.testing",
}


def _loaded_by(statement: str) -> set[str]:
    """List the modules that a fresh interpreter holds once it has run the statement."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_import_loads_nothing_heavy() -> None:
    """Neither AWS's client, nor an event loop, nor anything for tests comes in with the library."""
    assert set() == HEAVY & _loaded_by("import streamfn")


def test_the_list_of_modules_can_tell() -> None:
    """A statement that does load one of them is seen to."""
    assert {"asyncio"} <= HEAVY & _loaded_by("import asyncio")
