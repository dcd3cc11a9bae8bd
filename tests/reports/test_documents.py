"""The documents for a reader who copies their blocks, opens the site from the disk and trusts their sentences."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.documents import UNTITLED, files_of

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if files_of(path.read_text(encoding="utf-8"))
]
ON_SPARK: Final = {"job.py", "make_export.py"}  # `make spark` runs the first, and the second writes files
CONTINUES: Final = "The blocks of Python on this page are one file: each continues the one before it."
TITLED: Final = re.compile(r'^```(?:python|py) title="(?P<title>[^"]+)"$', re.MULTILINE)
SETTINGS: Final = """\
[mypy]
strict = True
[mypy-pyspark.*]
ignore_missing_imports = True
"""


def _named(page: Path) -> str:
    return page.name


@pytest.fixture
def copied(page: Path, tmp_path: Path) -> list[str]:
    """Copy the blocks of a page into files, as their titles say, and list the files' names."""
    files = files_of(page.read_text(encoding="utf-8"))
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return list(files)


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_what_a_reader_copies_from_a_page_runs(copied: list[str], tmp_path: Path) -> None:
    """The tutorial's tests were a file without imports of what they test, so that pytest knew none of its names."""
    for name in copied:
        module = Path(name).stem
        if name in ON_SPARK:
            continue
        ran = _python("-W", "error", "-c", f"import {module}", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
    tests = [name for name in copied if name.startswith("test_")]
    if tests:
        ran = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_what_a_reader_copies_from_a_page_passes_mypy(
    copied: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same file had twelve errors of types, although the documents promise strict types."""
    (tmp_path / "mypy.ini").write_text(SETTINGS, encoding="utf-8")
    cache = tmp_path_factory.getbasetemp() / "mypy"  # one for all pages
    checked = _python("-m", "mypy", "--cache-dir", str(cache), *copied, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_a_block_that_continues_a_file_is_said_to(page: Path) -> None:
    """A block without its imports looked like a file of its own."""
    text = page.read_text(encoding="utf-8")
    begun: set[str] = set()
    for block in TITLED.finditer(text):
        before = text[: block.start()].rstrip().rpartition("\n\n")[2]
        if block["title"] in begun:
            assert f"`{block['title']}` goes on" in before or f"`{block['title']}` ends" in before
        begun.add(block["title"])
    if text.count("\n```python\n") > 1:
        assert CONTINUES in text[: text.index("```python\n")]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if UNTITLED in files_of(page.read_text())], ids=_named
)
def test_a_page_with_files_has_no_blocks_without_a_file(page: Path) -> None:
    """Where one block of a page is a file with a name, a reader must know the file of each other block."""
    assert {UNTITLED} == files_of(page.read_text(encoding="utf-8")).keys()


@pytest.mark.parametrize(
    ("difference", "here"),
    [
        ("an attribute is missing, or has another type", "`Undecodable`"),
        ("the stream leaves out an image", "`MissingImage`"),
        ("a record without `eventID` or `Keys`", "`Malformed`"),
        ("a record without `dynamodb`, or of another `eventName`", "`Malformed`"),
        ("an item that stands twice in a batch", "another chunk of `batched`"),
        ("Series, with two handlers A and B", "A1 B1 A2 B2"),
        ("two handlers of one name", "`ConfigurationError`"),
        ("two handlers of one table, each with its own list", "`router`"),
        ("a table that nobody handles", "`Unrouted`"),
        ("an ARN that is none", "`Unrouted`"),
        ("the events that `catchError` is told", "the one record that failed"),
        ("`catchError` that throws", "is logged"),
        ("a handler's return value", "`Result`"),
    ],
)
def test_the_page_for_users_of_dynamorm_stream_tells_each_difference(difference: str, here: str) -> None:
    """A function that was moved met differences of which the page said nothing; the page's blocks run what it says."""
    page = (ROOT / "docs" / "coming-from-dynamorm-stream.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"
    ]
    ((_, there, ours),) = [row for row in rows if row[0] == difference]
    assert there not in {"", ours}
    assert here in ours


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the checkout's streamfn and without the checkout's own folders."""
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
