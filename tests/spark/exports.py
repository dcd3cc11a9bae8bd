"""Exports of the cards that `shipped` knows, and what its handlers noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.sources.export.exports import write_export

PIPELINE = "shipped:process"


def export_of(folder: Path, *files: Sequence[str]) -> Path:
    """Write an export of cards with these titles, numbered from 1 through all files, and give its place."""
    notes = folder / "notes"
    notes.mkdir()
    numbers = iter(range(1, sum(map(len, files)) + 1))
    return write_export(
        folder,
        [
            [
                {"Item": {"id": {"N": str(number)}, "title": {"S": title}, "notes": {"S": str(notes)}}}
                for title, number in zip(titles, numbers, strict=False)
            ]
            for titles in files
        ],
    )


def calls(folder: Path) -> Counter[tuple[str, int]]:
    """Count the calls for each handler and card."""
    found = (line.split() for line in _lines(folder))
    return Counter((handler, int(number)) for handler, number, *_ in found)


def pipelines(folder: Path) -> set[tuple[str, str]]:
    """Give the processes that ran handlers, each with the pipelines that it had."""
    return {(process, pipeline) for _, _, process, pipeline in map(str.split, _lines(folder))}


def mend(folder: Path) -> None:
    """Let handlers succeed from now on."""
    (folder / "notes" / "mended").touch()


def _lines(folder: Path) -> list[str]:
    path = folder / "notes" / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
