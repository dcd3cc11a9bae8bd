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
    """Find the version of each locked project."""
    lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found: list[tuple[str, str]] = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", lock, re.MULTILINE)
    return {canonicalize_name(project): version for project, version in found}


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
