"""The command line as a process, and what came of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple, cast
from unittest.mock import patch

import pytest

from streamfn._records import is_map
from streamfn.cli._application import run

ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What a process ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Mapping[str, object]:
        """The JSON that was written, which is all that was written."""
        read: object = json.loads(self.out)
        assert is_map(read)
        return read


def objects(held: object) -> list[Mapping[str, object]]:
    """Take a part of a document for a list of objects."""
    assert isinstance(held, list)
    found = cast("list[object]", held)  # isinstance knows the list, not what is in it
    return [each for each in found if is_map(each)]


def streamfn(*arguments: str, stdin: str = "", cwd: Path = ROOT, **environment: str) -> Ran:
    """Call a command as a process, in a pipe that is 80 characters wide."""
    done = subprocess.run(
        [sys.executable, "-m", "streamfn.cli", *arguments],
        cwd=cwd,
        env=variables(**environment),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def variables(**environment: str) -> dict[str, str]:
    """Make the environment of a process: that of the tests, and what this one is to find else."""
    return os.environ | {"COLUMNS": "80", "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"} | environment


def call(*arguments: str, stdin: str = "", cwd: Path = ROOT, **environment: str) -> Ran:
    """Call a command within this process, which is faster, and lets its lines be counted."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, variables(**environment), clear=True),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        patch.object(sys, "path", list(sys.path)),
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        run(arguments)
    code = ended.value.code
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())
