"""`streamfn invoke`: what it prints, and how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from returns.result import Success

from streamfn import ConfigurationError
from streamfn._records import is_map
from streamfn.cli._common import function_named
from streamfn.cli.invoke import invoke_command, read_payload, run_function
from tests.cards import event, record
from tests.cli import app
from tests.cli.commands import call, objects

PROCESS = "tests.cli.app:process"


def test_a_table_shows_a_result_for_each_record_and_handler(payload: str) -> None:
    ran = call("invoke", PROCESS, payload)
    assert ran.code == 1
    assert [line.split() for line in ran.out.splitlines()] == [
        ["Outcome", "Handler", "Event", "Record", "Detail"],
        ["handled", "announce", "INSERT", "1"],
        ["id-1"],
        ["handled", "back_up"],
        [
            "Refused",
            "announce",
            "INSERT",
            "2",
            "SlackError",
            "at",
            f"tests/cli/app.py:{app.announce.__code__.co_firstlineno}",
            "in",
        ],
        ["id-2", "announce"],
        ["handled", "back_up"],
        ["handled", "back_up", "REMOVE", "3"],
        ["id-3"],
        ["Malformed", "7", "dynamodb", "is", "missing"],
        [],
        ["4", "successes,", "2", "failures"],
    ]
    assert max(map(len, ran.out.splitlines())) <= 80


def test_where_lines_are_long_each_result_has_one(payload: str) -> None:
    ran = call("invoke", PROCESS, payload, COLUMNS="200")
    assert ran.out.splitlines()[3].split() == [
        *("Refused", "announce", "INSERT", "2", "id-2"),
        *("SlackError", "at", f"tests/cli/app.py:{app.announce.__code__.co_firstlineno}", "in", "announce"),
    ]
    assert "\x1b" not in ran.out
    assert ran.out.isascii()


def test_values_are_shown_where_they_are_asked_for_alone(payload: str) -> None:
    assert "hello" not in call("invoke", PROCESS, payload).out
    shown = call("invoke", PROCESS, payload, "--show-values", COLUMNS="200").out
    assert "'announced hello'" in shown
    assert "SlackError(status=400)" in shown


def test_json_is_one_document(payload: str) -> None:
    ran = call("invoke", PROCESS, payload, "--json", "--show-values")
    assert (ran.code, ran.err) == (1, "")
    assert (ran.document["handled"], ran.document["failed"]) == (4, 2)
    results = objects(ran.document["results"])
    assert results[0] == {
        "eventName": "INSERT",
        "eventID": "id-1",
        "sequenceNumber": "1",
        "table": "prod-Card",
        "handler": "announce",
        "detail": None,
        "value": "'announced hello'",
        "outcome": "handled",
    }
    assert results[-1] == {
        "eventName": None,
        "eventID": "7",
        "sequenceNumber": None,
        "table": None,
        "handler": None,
        "detail": "dynamodb is missing",
        "value": None,
        "outcome": "Malformed",
    }


def test_what_a_handler_raised_is_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "event.json"
    path.write_text(
        json.dumps(event(record(1, change={"NewImage": {"id": {"N": "1"}, "title": {"S": "raise"}}})))
    )
    assert invoke_command(PROCESS, str(path)) == 1
    assert "secret" not in (told := capsys.readouterr().out)
    assert "Raised" in told
    assert invoke_command(PROCESS, str(path), show_values=True, as_json=True) == 1
    assert "ValueError('a secret')" in capsys.readouterr().out


def test_all_well_is_zero_and_standard_input_is_a_payload() -> None:
    ran = call("invoke", PROCESS, "-", stdin=json.dumps(event(record(1, "REMOVE"))))
    assert ran.code == 0
    assert ran.out.endswith("1 success, 0 failures\n")


def test_a_payload_of_nothing_has_no_table() -> None:
    assert call("invoke", PROCESS, "-", stdin='{"Records": []}').out == "0 successes, 0 failures\n"


def test_the_answer_is_that_of_the_function(payload: str) -> None:
    """Its handlers run once, as Lambda would have them run."""
    ran = call("invoke", "tests.cli.app:in_memory", payload, "--answer", "--json")
    assert (ran.code, ran.document["answer"]) == (1, {"batchItemFailures": [{"itemIdentifier": "2"}]})
    assert (ran.document["handled"], ran.document["failed"]) == (4, 2)
    table = call("invoke", "tests.cli.app:in_memory", payload, "--answer")
    assert table.out.endswith('The answer to Lambda: {"batchItemFailures": [{"itemIdentifier": "2"}]}\n')


def test_a_function_that_raises_has_failed_as_lambda_would_say() -> None:
    broken = event({"eventID": "7", "eventSource": "aws:dynamodb"})
    run = run_function(function_named("tests.cli.app:plain"), broken)
    assert run.raised
    assert is_map(run.answer)
    assert run.answer["errorType"] == "BatchFailed"


def test_results_are_those_that_the_delivery_saw() -> None:
    run = run_function(function_named("tests.cli.app:dropping"), event(record(1, "REMOVE")))
    assert [isinstance(each, Success) for each in run.results] == [True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((PROCESS, "nowhere.json"), "nowhere.json could not be read: No such file or directory"),
        (("tests.cli.nowhere:process", "-"), "there is no module tests.cli.nowhere"),
        (("tests.cli.app:nothing", "-"), "tests.cli.app has no nothing"),
        ((PROCESS, "-"), "- is no JSON: Expecting value in line 1, column 1"),
    ],
)
def test_a_mistake_is_a_line(arguments: tuple[str, str], said: str) -> None:
    stdin = "" if arguments == (PROCESS, "-") else "{}"
    ran = call("invoke", *arguments, stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_what_is_no_event_is_refused_by_name() -> None:
    ran = call("invoke", PROCESS, "-", stdin="{}")
    assert (ran.code, ran.out) == (2, "")
    assert "got an object without Records" in ran.err


def test_bytes_and_nests_are_no_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is no text in UTF-8"):
        read_payload(str(path))
    monkeypatch.setattr("sys.stdin", io.StringIO("[" * 1_000_000))
    with pytest.raises(ConfigurationError, match=r"^- is no JSON$"):
        read_payload("-")
