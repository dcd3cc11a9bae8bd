"""What a process costs, counted in instructions: no clock is asked, so a busy machine changes nothing.

valgrind's callgrind does the counting, some fifty times slower than the processor. Two runs of one program
differ by far less than a thousandth. Bytecode is compiled beforehand, as a deployment package should hold it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def can_count() -> bool:
    """Whether valgrind is there."""
    return which("valgrind") is not None


def instructions(program: str, arguments: Iterable[str] = (), *, python: str = sys.executable) -> int:
    """Count the instructions of a fresh process that runs a program, from its start to its end.

    The program is Python, and can import `tests` and `examples`. What it costs beside another one is the
    difference of the two counts.
    """
    command = [python, "-c", program, *arguments]
    _run(command)  # compiles what it imports
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        _run(
            ["valgrind", "--tool=callgrind", f"--log-file={log}", "--callgrind-out-file=/dev/null", *command]
        )
        found = _COLLECTED.search(log.read_text())
    assert found is not None, "callgrind has counted nothing"
    return int(found[1])


def _run(command: list[str]) -> None:
    # Neither coverage nor a debugger of ours is to be counted, and sets and dictionaries are to be in one order.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"PYTHONHASHSEED": "0"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
