"""Running what the documents show: Python in one namespace a page, and commands in a folder with the page's files.

A block with a title is a file of that name. Of Python, several of one title are one file, in their order; of anything
else the last one counts. A block of `console` has commands, each after a dollar sign, and what they print; three dots
stand for anything.
"""

from __future__ import annotations

import builtins
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

FILES: Final = "the files of the page"
_BLOCK: Final = re.compile(r'(?P<language>\w+)(?: title="(?P<title>[^"]+)")?$\n', re.MULTILINE)
_COMMAND: Final = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_OPTIONS: Final = ELLIPSIS | NORMALIZE_WHITESPACE

_python = PythonEvaluator()


def begin(namespace: dict[str, object]) -> None:
    """Begin a document."""
    # Classes take their __module__ from here, and whoever resolves their hints looks it up.
    namespace.update({"__name__": "__main__", FILES: {}})


def blocks(document: Document) -> Iterable[Region]:
    """Find the blocks of a document that can be run, and those that are files."""
    for region in RawFencedCodeBlockLexer(_BLOCK)(document):
        language, title = region.lexemes["language"], region.lexemes["title"]
        if language == "python":
            region.evaluator = _run_python
        elif language == "console":
            region.evaluator = _run_commands
        elif title is not None:
            region.evaluator = _keep
        else:
            continue
        region.parsed = region.lexemes["source"]
        yield region


def _run_python(example: Example) -> None:
    """Run a block in its document's namespace, then each `test_…` function that the block brought."""
    _keep(example)
    known = set(example.namespace)
    _python(example)
    example.namespace["__builtins__"] = builtins  # sybil takes them away, and a test is yet to use them
    for name in [name for name in example.namespace if name.startswith("test_") and name not in known]:
        example.namespace[name]()


def _keep(example: Example) -> None:
    """Keep a block as the file that its title names."""
    files: dict[str, str] = example.namespace[FILES]
    title = example.region.lexemes["title"]
    if title is not None:
        before = files.get(title, "") if title.endswith(".py") else ""
        files[title] = before + str(example.parsed)


def _run_commands(example: Example) -> None:
    """Run each command in a folder that holds the page's files, and compare what it prints."""
    with TemporaryDirectory() as folder:
        for name, text in example.namespace[FILES].items():
            Path(folder, name).write_text(text)
        for found in _COMMAND.finditer(str(example.parsed)):
            _run_command(found["command"], found["output"], folder)


def _run_command(command: str, expected: str, folder: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "80"}
    ran = subprocess.run(
        ["/bin/bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{command} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    same = OutputChecker().check_output(expected, ran.stdout, _OPTIONS)
    assert same, f"{command} printed:\n{ran.stdout}\nand the document says:\n{expected}"
