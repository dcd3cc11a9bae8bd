"""Running the blocks of the documents as a reader would copy them, and commands in a folder with the page's files.

A block with a title is a file of that name. Of Python, several of one title are one file, in their order, which other
blocks of the page can import; of any other language the last block counts. Blocks of Python without a title are one
more file of the page. A block of `console` has commands, each after a dollar sign, and their output; three dots stand
for any text.
"""

from __future__ import annotations

import builtins
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final

from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

FILES: Final = "the files of the page"
MODULES: Final = "the modules of the page"
UNTITLED: Final = "page.py"
"""The file of a page's blocks of Python without a title."""

_BLOCK: Final = re.compile(r'(?P<language>\w+)(?: title="(?P<title>[^"]+)")?$\n', re.MULTILINE)
_COMMAND: Final = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_OPTIONS: Final = ELLIPSIS | NORMALIZE_WHITESPACE

_python = PythonEvaluator()


def begin(namespace: dict[str, object]) -> None:
    """Begin a document."""
    # Classes take their __module__ from here, and whoever resolves their hints looks it up.
    namespace.update({"__name__": "__main__", FILES: {}, MODULES: {}})


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


def files_of(page: str) -> dict[str, str]:
    """Give the files that a reader makes of a page's blocks of Python, by their names, in the order of the page."""
    files: dict[str, str] = {}
    for region in RawFencedCodeBlockLexer(_BLOCK)(Document(page, "")):
        if region.lexemes["language"] in {"python", "py"}:
            name = region.lexemes["title"] or UNTITLED
            files[name] = (
                f"{files[name]}\n\n{region.lexemes['source']}" if name in files else region.lexemes["source"]
            )
    return files


def _run_python(example: Example) -> None:
    """Run a block in the namespace of its file, then each `test_…` function that the block brought."""
    _keep(example)
    title = example.region.lexemes["title"]
    modules: dict[str, ModuleType] = example.namespace[MODULES]
    namespace = example.namespace
    if title is not None:
        name = Path(title).stem
        namespace = vars(modules.setdefault(name, ModuleType(name)))
    known = set(namespace)
    with _importable(modules):
        _python(Example(example.document, example.line, example.column, example.region, namespace))
        namespace["__builtins__"] = builtins  # sybil takes them away, and a test is yet to use them
        for name in [name for name in namespace if name.startswith("test_") and name not in known]:
            namespace[name]()


@contextmanager
def _importable(modules: dict[str, ModuleType]) -> Generator[None]:
    """Have the files of a page import each other. Other modules that are imported meanwhile stay imported."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)


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
