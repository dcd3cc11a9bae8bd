"""Programs that the type checkers must accept, and programs that they must reject line by line.

In `rejected/`, each wrong line ends with a comment such as ``# arg-type, reportArgumentType``: the codes of mypy, and
then the rules of basedpyright. A line without one must have no error, nor may any line in `accepted/` have one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias, get_args

import pytest

from tests.typing.checkers import Checker, Error, errors_of

PROGRAMS: Final = Path(__file__).parent
MARK: Final = re.compile(r"  # (?P<mypy>[a-z \-]+), (?P<basedpyright>report[\w ]+)$")

Errors: TypeAlias = Mapping[Checker, list[Error]]
Codes: TypeAlias = dict[tuple[str, int], set[str]]
"""Codes by program and line."""


@pytest.fixture(scope="session")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Errors:
    checkers: tuple[Checker, ...] = get_args(Checker)
    return {each: errors_of(each, PROGRAMS, tmp_path_factory.mktemp("settings")) for each in checkers}


@pytest.mark.parametrize(
    ("checker", "group"),
    [("mypy", "mypy"), ("mypy with the plugin of returns", "mypy"), ("basedpyright", "basedpyright")],
)
def test_each_marked_line_is_rejected_and_no_other(checker: Checker, group: str, errors: Errors) -> None:
    found: Codes = {}
    for error in errors[checker]:
        found.setdefault((error.program, error.line), set()).add(error.code)
    assert _marked(group) == found


def test_many_lines_are_marked() -> None:
    """A change of the comments' form must not make the comparison one of nothing with nothing."""
    assert _marked("mypy").keys() == _marked("basedpyright").keys()
    assert len(_marked("mypy")) > 100


@pytest.mark.parametrize(
    ("program", "code", "start"),
    [
        ("handlers.py", "on_insert(rename)", 'Argument 1 to "on_insert" has incompatible type'),
        ("handlers.py", "on_insert(returns_no_result)", 'Argument 1 to "on_insert" has incompatible type'),
        ("handlers.py", "on_keys(Card, invalidate)", 'Argument 2 to "on_keys" has incompatible type'),
        ("pipelines.py", "pipeline(cards, announce)", 'Argument 2 to "pipeline" has incompatible type'),
        ("pipelines.py", "pipeline(cards, h, None)", 'Argument 3 to "pipeline" has incompatible type'),
        ("pipelines.py", "router(h)", 'Argument 1 to "router" has incompatible type'),
    ],
)
def test_mypy_names_the_argument_that_does_not_fit(
    program: str, code: str, start: str, errors: Errors
) -> None:
    assert [start] == [message[: len(start)] for message in _messages(errors["mypy"], program, code)]


@pytest.mark.parametrize(
    ("code", "parameter"),
    [
        ("pipeline(decks, on_insert(announce))", "h1"),
        ("pipeline(cards, on_insert(announce), on_insert(open_deck))", "h2"),
        ("pipeline(cards, h, m, on_insert(open_deck))", "h3"),
    ],
)
def test_basedpyright_names_the_handler_of_another_table(code: str, parameter: str, errors: Errors) -> None:
    (message,) = _messages(errors["basedpyright"], "pipelines.py", code)
    assert f'cannot be assigned to parameter "{parameter}"' in message


def _marked(group: str) -> Codes:
    return {
        place: set(mark[group].split()) for place, line in _lines() if (mark := MARK.search(line)) is not None
    }


def _messages(errors: list[Error], program: str, code: str) -> list[str]:
    """What is said of a line of a wrong program, which is found by its code."""
    (place,) = [
        place
        for place, line in _lines()
        if place[0] == f"rejected/{program}" and MARK.sub("", line).strip() == code
    ]
    return [error.message for error in errors if (error.program, error.line) == place]


def _lines() -> Iterator[tuple[tuple[str, int], str]]:
    for path in sorted(PROGRAMS.rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield (f"{path.parent.name}/{path.name}", number), line
