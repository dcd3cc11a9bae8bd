"""What `make bench` installs: what pyproject.toml asks for, and otherwise the versions that `make test` checked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]


def _pins(name: str) -> dict[str, str]:
    """Find the version of each locked project for Python 3.14, the newest that everything in the locks supports."""
    lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    lines: list[str] = re.findall(r"^[\w.-]+(?:\[[^]]*\])?==[^\\]+", lock, re.MULTILINE)
    newest = {"python_version": "3.14", "python_full_version": "3.14.0"}
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in map(Requirement, lines)
        if pin.marker is None or pin.marker.evaluate(newest)
    }


def test_the_lock_fulfils_the_group() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = cast("dict[str, list[str]]", project["dependency-groups"])  # the standard's own shape (PEP 735)
    pins = _pins("bench.txt")
    for asked in map(Requirement, groups["bench"]):
        assert asked.specifier.contains(pins[canonicalize_name(asked.name)]), f"{asked}: run `make lock`"


def test_the_library_is_measured_with_the_versions_that_are_tested() -> None:
    bench, dev = _pins("bench.txt"), _pins("dev.txt")
    assert {"boto3", "cattrs", "pydantic", "returns"} <= bench.keys() & dev.keys()
    assert {name: dev[name] for name in bench if name in dev} == {
        name: version for name, version in bench.items() if name in dev
    }
