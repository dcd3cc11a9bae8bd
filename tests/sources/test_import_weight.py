"""`import streamfn.sources` loads no client of AWS, and `import streamfn` nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    """List the modules that a fresh interpreter holds once it has run the statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split())


def test_sources_load_no_client() -> None:
    assert not {"boto3", "botocore", "asyncio"} & loaded_by("import streamfn.sources")


def test_the_library_loads_no_sources() -> None:
    assert "streamfn.sources" not in loaded_by("import streamfn")
