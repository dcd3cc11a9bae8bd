"""Docstrings, comments and documents are plain English, and the documents about the code name files that exist."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "streamfn").rglob("*.py"))
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]

OPENINGS = re.compile(r"(?:What|Whatever|It|It's)\b")
VAGUE = re.compile(r"\b(?:what|whatever|whoever)\b", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z][\w'-]*")
MOST = 3
"""The most vague words among a thousand."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def of_module(source: str) -> Iterator[str]:
    """List the docstrings, of attributes as well, and the comments, with lines below one another joined."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                value = statement.value if isinstance(statement, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield re.sub(r"^ *>>>.*(?:\n.*\S.*)*", "", value.value, flags=re.MULTILINE)
    block: list[str] = []
    line = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            follows = token.line.lstrip().startswith("#") and token.start[0] == line + 1
            if not follows:
                yield "\n".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            line = token.start[0]
    yield "\n".join(block)


def of_page(text: str) -> Iterator[str]:
    """List the paragraphs, points of lists and cells of tables, without code."""
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for paragraph in prose.split("\n\n"):
        for part in re.split(r"\n(?=\s*(?:[-*|] ?|\d+\. |#))", paragraph):
            yield from part.split("|")


def sentences(text: str) -> Iterator[str]:
    """Split text at ends of sentences and at empty lines; inline code counts as one word.

    >>> [*sentences("Read a record. What? `It. What` is code: the end.")]
    ['Read a record.', 'What?', 'X is code: the end.']
    """
    for paragraph in re.split(r"\n\s*\n", re.sub(r"`[^`]*`", "X", text)):
        joined = re.sub(r"^(?:[-*]|\d+\.|#+)\s+", "", " ".join(paragraph.split()))
        for sentence in re.split(r"(?<=[.!?])[*)]*\s+(?=\W*[A-Z])", joined):
            yield sentence.lstrip("\"'(*_[ ")


def texts_of(path: Path) -> list[str]:
    source = path.read_text()
    return [*(of_module(source) if path.suffix == ".py" else of_page(source))]


def badly_begun(texts: list[str]) -> list[str]:
    return [each for text in texts for each in sentences(text) if OPENINGS.match(each)]


def vague_share(texts: list[str]) -> float:
    """Count the vague words among a thousand."""
    words = sum(len(WORD.findall(text)) for text in texts)
    return 1000 * sum(len(VAGUE.findall(text)) for text in texts) / max(words, 1)


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("a.py", '"""What a module does."""', ["What a module does."]),
        ("a.py", 'x = 1\n"""Reads. It returns."""', ["It returns."]),
        ("a.py", "x = 1  # Whatever it is", ["Whatever it is"]),
        ("a.py", "# Reads a record and\n# whatever. Writes\n# it. What else?", ["What else?"]),
        ("a.py", '"""Item. Iterates.\n\n>>> "It is code"\n\'It is\'\n"""', []),
        (
            "a.md",
            "- It is a point.\n\n## What is kept\n\n| It | a |",
            ["It is a point.", "What is kept", "It"],
        ),
        ("a.md", "Read this.\nIt is read. **What** now?", ["It is read.", "What** now?"]),
        ("a.md", "A block:\n\n```python\n# It is code.\n```\n\n`It. What`. Its end.", []),
    ],
)
def test_a_sentence_is_found_wherever_it_stands(path: str, text: str, found: list[str]) -> None:
    texts = [*(of_module(text) if path.endswith(".py") else of_page(text))]
    assert sorted(found) == sorted(each.strip() for each in badly_begun(texts))


@pytest.mark.parametrize("name", [name_of(path) for path in [*MODULES, *PAGES]])
def test_no_sentence_begins_without_a_subject(name: str) -> None:
    assert [] == badly_begun(texts_of(ROOT / name))


@pytest.mark.parametrize("paths", [MODULES, PAGES], ids=["modules", "documents"])
def test_few_words_are_vague(paths: list[Path]) -> None:
    texts = [text for path in paths for text in texts_of(path)]
    assert len(texts) > 100
    assert vague_share(texts) <= MOST


@pytest.mark.parametrize("page", ["docs/design.md", "CONTRIBUTING.md"])
def test_documents_about_the_code_name_files_that_exist(page: str) -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", (ROOT / page).read_text()))
    assert len(named) > 20
    assert [] == sorted(
        each for each in named if not (ROOT / each).exists() and not (ROOT / "streamfn" / each).exists()
    )
