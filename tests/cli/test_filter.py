"""`streamfn filter`: a line that the AWS CLI takes, and on a terminal what to do with it."""

from __future__ import annotations

import json

import pytest

from streamfn.cli import mappings as command
from streamfn.mappings import filter_criteria
from tests.cli import app
from tests.cli.commands import call


def test_the_criteria_are_a_line_of_json() -> None:
    for arguments in ((), ("--json",)):
        ran = call("filter", "tests.cli.app:process", *arguments)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == json.dumps(filter_criteria(app.process)) + "\n"


def test_options_are_those_of_the_function() -> None:
    of_a_table = call("filter", "tests.cli.app:joined", "--table", "prod-Main", "--most", "1")
    assert of_a_table.document == filter_criteria(app.joined, table="prod-Main", most=1)
    through_kinesis = call("filter", "tests.cli.app:joined", "--kinesis")
    assert through_kinesis.document == filter_criteria(app.joined, through_kinesis=True)
    through_pipe = call("filter", "tests.cli.app:process", "--pipe")
    assert through_pipe.document == filter_criteria(app.process, through_pipe=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tests.cli.app:joined",), "say which one with table="),
        (("tests.cli.app:nothing_wanted",), "no handler wants any record"),
        (("tests.cli.app:process", "--most", "11"), "--most"),
        ((), "Missing argument"),
    ],
)
def test_a_mistake_is_a_line(arguments: tuple[str, ...], said: str) -> None:
    ran = call("filter", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_on_a_terminal_it_says_how_to_apply_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "on_terminal", lambda: True)
    assert command.filter_command("tests.cli.app:process") == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert json.loads(first) == filter_criteria(app.process)
    assert '    --filter-criteria "$(streamfn filter tests.cli.app:process)"' in rest
    assert command.filter_command("tests.cli.app:process", as_json=True) == 0
    assert capsys.readouterr().out == f"{first}\n"
    assert command.filter_command("tests.cli.app:everything") == 0
    assert capsys.readouterr().out == '{"Filters": []}\n\nNo filters: every record is wanted.\n'
