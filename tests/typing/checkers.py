"""Runs mypy and basedpyright on programs, with the project's own settings."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NotRequired, TypeAlias, TypedDict, cast

ROOT: Final = Path(__file__).parents[2]

Checker: TypeAlias = Literal["mypy", "mypy with the plugin of returns", "basedpyright"]


@dataclass(frozen=True, slots=True)
class Error:
    """What a checker says of a line of a program."""

    program: str
    line: int
    code: str
    message: str


class MypyDiagnostic(TypedDict):
    """A line of mypy's ``--output=json``."""

    file: str
    line: int
    code: str | None
    message: str
    severity: Literal["error", "note"]


class PyrightPosition(TypedDict):
    """A place in a file; its lines count from 0."""

    line: int


class PyrightRange(TypedDict):
    """A part of a file."""

    start: PyrightPosition


class PyrightDiagnostic(TypedDict):
    """One of basedpyright's ``--outputjson``."""

    file: str
    message: str
    rule: NotRequired[str]
    range: PyrightRange


class PyrightReport(TypedDict):
    """basedpyright's ``--outputjson``."""

    generalDiagnostics: list[PyrightDiagnostic]


def errors_of(checker: Checker, programs: Path, scratch: Path) -> list[Error]:
    """Let a checker read all Python files below a folder; `scratch` is where its settings go."""
    match checker:
        case "mypy":
            return _mypy(programs, "--config-file", str(ROOT / "mypy.ini"))
        case "mypy with the plugin of returns":
            # A cache of its own, since mypy drops what it wrote under other settings.
            cache = ROOT / ".mypy_cache" / "returns_plugin"
            return _mypy(programs, "--config-file", str(_with_plugin(scratch)), "--cache-dir", str(cache))
        case "basedpyright":
            return _basedpyright(programs, scratch)


def _mypy(programs: Path, *options: str) -> list[Error]:
    # One by one, because the settings exclude wrong programs from folders.
    files = map(str, sorted(programs.rglob("*.py")))
    output = _run("mypy", "--output", "json", *options, *files)
    found = [cast("MypyDiagnostic", json.loads(line)) for line in output.splitlines()]  # as mypy documents it
    return [
        Error(_program(each["file"]), each["line"], each["code"] or "", each["message"])
        for each in found
        if each["severity"] == "error"
    ]


def _basedpyright(programs: Path, scratch: Path) -> list[Error]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["basedpyright"]
    settings |= {
        "include": [str(programs)],
        "exclude": [],
        "extraPaths": [str(ROOT)],
        "stubPath": str(ROOT / settings["stubPath"]),
        # These tell again of a wrong expression, wherever its value goes.
        "reportUnknownArgumentType": False,
        "reportUnknownLambdaType": False,
        "reportUnknownMemberType": False,
        "reportUnknownVariableType": False,
    }
    (scratch / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    output = _run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(scratch))
    report = cast("PyrightReport", json.loads(output))  # as basedpyright documents it
    return [
        Error(
            _program(each["file"]), each["range"]["start"]["line"] + 1, each.get("rule", ""), each["message"]
        )
        for each in report["generalDiagnostics"]
    ]


def _with_plugin(scratch: Path) -> Path:
    """Write the project's settings of mypy with the plugin that `returns` offers its users."""
    settings = RawConfigParser()
    settings.read(ROOT / "mypy.ini", encoding="utf-8")
    settings["mypy"]["plugins"] = "returns.contrib.mypy.returns_plugin"
    settings["mypy"]["mypy_path"] = str(ROOT / "typings")
    path = scratch / "mypy.ini"
    with path.open("w", encoding="utf-8") as file:
        settings.write(file)
    return path


def _run(module: str, *arguments: str) -> str:
    """Run a checker; it ends with 1 if it found errors, and with more if it could not look for them."""
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stdout + ended.stderr
    return ended.stdout


def _program(file: str) -> str:
    path = ROOT / file
    return f"{path.parent.name}/{path.name}"
