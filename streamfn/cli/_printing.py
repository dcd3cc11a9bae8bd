"""What commands print: tables for people, and JSON for machines.

On a terminal a table is as wide as that, and longer text is folded. Elsewhere it has neither colours nor lines, and a
line for each row, as wide as need be, so that ``grep`` finds what belongs together; ``COLUMNS`` limits that too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TextIO, TypeAlias

import typer

from streamfn._texts import shown

if TYPE_CHECKING:
    from rich.console import Console

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else.")]

_UNLIMITED: Final = 10_000
"""As wide as a table ever is, in characters."""


_GAP: Final = 2
"""The room between columns, in characters."""

_LEAST: Final = 6
"""The room that a column which folds needs, in characters."""


class Column(NamedTuple):
    """A column of a table: its heading, and whether it is better folded than others when there is little room."""

    heading: str
    folds: bool = False


_own: Final[list[TextIO]] = []
"""Standard output, while it is for the command alone."""


def output() -> TextIO:
    """Give what a command prints to."""
    return _own[-1] if _own else sys.stdout


@contextmanager
def alone_on_output() -> Generator[None]:
    """Keep standard output for the command, and send to standard error what else is printed, by handlers say.

    In a process that has one, the descriptor itself leads there, for the processes that are started and for what is not
    Python, and does so until the process ends. In place of anything else, a test's say, there is what was before.
    """
    stdout = sys.stdout
    stdout.flush()
    try:
        number, errors = stdout.fileno(), sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        number = errors = -1  # a stand-in has no descriptor
    own = stdout
    if number >= 0:
        own = os.fdopen(os.dup(number), "w", encoding=stdout.encoding, errors=stdout.errors)
        os.dup2(errors, number)
    sys.stdout = sys.stderr
    _own.append(own)
    try:
        yield
    finally:
        own.flush()
        if own is stdout:
            sys.stdout = stdout
            _own.pop()


def on_terminal() -> bool:
    """Whether somebody looks at what is printed."""
    return output().isatty()


def console() -> Console:
    """Make what prints for people; it goes by the terminal, ``NO_COLOR`` and ``COLUMNS``."""
    from rich.console import Console

    width = None if on_terminal() or "COLUMNS" in os.environ else _UNLIMITED
    return Console(file=output(), width=width, highlight=False)


Cell: TypeAlias = str | tuple[str, ...]
"""A text on one line, whatever it holds, or lines of such text below one another."""


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table with its headings. Characters that no terminal shows are written as in Python."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    printer = console()
    cells = [
        ["\n".join(map(shown, (cell,) if isinstance(cell, str) else cell)) for cell in row] for row in rows
    ]
    with_lines = on_terminal()
    gap = _GAP - 1 if with_lines else _GAP  # a box brings one of its own
    table = Table(
        box=box.SIMPLE_HEAD if with_lines else None, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False
    )
    for column, least in zip(columns, _least_widths(columns, cells, printer.width), strict=True):
        table.add_column(column.heading, overflow="fold", no_wrap=least is not None)
    for row in cells:
        table.add_row(*map(Text, row))
    with printer.capture() as captured:
        printer.print(table)
    for line in captured.get().splitlines():
        say(line.rstrip())


def _least_widths(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int
) -> Sequence[int | None]:
    """Keep columns from being folded that others are folded for, if there is room."""
    longest = [
        None if column.folds else max(len(line) for cell in texts for line in cell.split("\n"))
        for column, *texts in zip(columns, [column.heading for column in columns], *cells, strict=True)
    ]
    taken = sum(each or _LEAST for each in longest) + _GAP * (len(columns) - 1)
    return longest if taken <= width else [None] * len(longest)


def say(text: str = "") -> None:
    """Print a line."""
    write(f"{text}\n")


def write(text: str) -> None:
    """Print text as it is."""
    output().write(text)


def print_json(document: object) -> None:
    """Print a document of JSON for machines, laid out for people all the same."""
    say(json.dumps(document, indent=2))


def print_json_line(document: object) -> None:
    """Print a document of JSON on a line of its own."""
    say(json.dumps(document))
    output().flush()


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say a number with its noun.

    >>> counted(1, "record"), counted(2, "record")
    ('1 record', '2 records')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def with_place(detail: str | None, location: str | None) -> str:
    """Say where in code something came about.

    >>> with_place("KeyError", "app.py:12 in announce"), with_place(None, None)
    ('KeyError at app.py:12 in announce', '')
    """
    return " at ".join(filter(None, (detail, location)))
