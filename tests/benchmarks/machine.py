"""Where and with what it is measured, so that a figure can be placed."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tests.benchmarks.results import Machine

LIBRARIES: Final[Sequence[str]] = (
    "streamfn",
    "attrs",
    "aws-lambda-powertools",
    "awslambdaric",
    "boto3",
    "cattrs",
    "pydantic",
    "pynamodb",
    "returns",
)


def this_machine() -> Machine:
    """Describe this machine, without its name."""
    return Machine(_processor(), os.cpu_count() or 1, f"{platform.system()} on {platform.machine()}")


def installed() -> dict[str, str]:
    """List the versions of what is measured, as far as it is installed."""
    versions: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    named = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return named[1] if named else platform.machine()
