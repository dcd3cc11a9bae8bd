"""What was reported of failures that say too little: each report by the smallest input that shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

import boto3
import pytest
from returns.io import IO
from returns.result import Failure, Result, Success, safe

from streamfn import (
    InsertEvent,
    Misuse,
    NotAStreamEvent,
    Outcome,
    Raised,
    Unrouted,
    acknowledge,
    lambda_handler,
    log_failures,
    on_insert,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters, NotADeadLetter, read_letter
from streamfn.ledgers import DynamoDBLedger, MemoryLedger
from streamfn.sources import StreamReader
from streamfn.testing import failures, insert_event, lambda_event
from tests.cards import STREAM, Card, cards, event, record
from tests.cli import app
from tests.cli.commands import call, objects

HERE: Final = "tests/reports/test_diagnosis.py"
HELLO: Final = lambda_event(insert_event(Card(1, "hello"), event_id="id-1"))


@dataclass(frozen=True, slots=True)
class HttpError:
    """What a service answers."""

    status: int


def port_of(text: str) -> int:
    """Read a number, or raise."""
    return int(text)


def announce(event: InsertEvent[Card]) -> Result[str, HttpError]:
    """Raise from what another function raised."""
    try:
        port_of(event.new_image.title)
    except ValueError as error:
        raise KeyError(event.new_image.title) from error
    return Success("announced")


def refuse(_: InsertEvent[Card]) -> Result[str, HttpError]:
    """Answer with an error."""
    return Failure(HttpError(422))


@safe
def look_up(event: InsertEvent[Card]) -> str:
    """Have `returns` catch what is raised."""
    return {"a": "b"}[event.new_image.title]


def line_of(function: Callable[..., object], after: int = 0) -> int:
    """Count the line on which a function begins, and lines after that."""
    return function.__code__.co_firstlineno + after


def first_line(caplog: pytest.LogCaptureFixture) -> Mapping[str, object]:
    """Read the first line of the log."""
    return cast("Mapping[str, object]", json.loads(caplog.messages[0]))


def frame(function: Callable[..., object], after: int) -> dict[str, object]:
    """Describe a frame of this file as a log does."""
    return {"file": HERE, "line": line_of(function, after), "function": function.__name__, "own": True}


RAISED: Final[Mapping[str, object]] = {
    "type": "KeyError",
    "frames": [frame(announce, 5)],
    "cause": {"type": "ValueError", "frames": [frame(announce, 3), frame(port_of, 2)]},
}


def test_a_log_line_leads_to_the_line_that_raised_and_to_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """The log said "Raised" and "KeyError", and nobody could tell which line of the code had raised.

    Now the line names file, line and function of the error and of what caused it, and no text of either.
    """
    lambda_handler(pipeline(cards, on_insert(announce)))(HELLO, None)
    line = first_line(caplog)
    assert ("Raised", "KeyError") == (line["reason"], line["detail"])
    assert f"{HERE}:{line_of(announce, 5)} in announce" == line["location"]
    assert RAISED == line["exception"]
    assert "hello" not in caplog.text


def test_a_letter_leads_to_the_line_that_raised_and_older_letters_are_read() -> None:
    """A dead letter kept no more than the log did. Now it keeps the same places, and letters without are read."""
    box = MemoryDeadLetters()
    process = pipeline(cards, on_insert(announce))
    lambda_handler(
        process, retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=1, patience=timedelta())
    )(HELLO, None)
    (letter,) = box.letters
    assert f"{HERE}:{line_of(announce, 5)} in announce" == letter.location
    assert RAISED == letter.exception
    written = cast("dict[str, object]", json.loads(letter.to_json()))
    del written["location"], written["exception"]
    older = read_letter(json.dumps(written))
    assert (None, None, letter.id) == (older.location, older.exception, older.id)


def test_a_refusal_leads_to_its_handler(caplog: pytest.LogCaptureFixture) -> None:
    """An error that is returned has no traceback, and nothing said where it came from. Now its handler's place does."""
    lambda_handler(pipeline(cards, on_insert(refuse)))(HELLO, None)
    line = first_line(caplog)
    assert f"{HERE}:{line_of(refuse)} in refuse" == line["location"]
    assert "exception" not in line
    assert "422" not in caplog.text


def test_an_exception_that_returns_has_caught_leads_to_the_line_that_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error of `safe` is an exception with a traceback, which nobody read. Now its line is told."""
    lambda_handler(pipeline(cards, on_insert(look_up)))(HELLO, None)
    inner = cast("Callable[..., object]", look_up.__wrapped__)  # type: ignore[attr-defined] # pyright: ignore[reportFunctionMemberAccess] (functools.wraps sets it)
    assert f"{HERE}:{line_of(inner, 3)} in look_up" == first_line(caplog)["location"]


def test_the_fields_of_errors_are_logged_by_choice(caplog: pytest.LogCaptureFixture) -> None:
    """A log could not be made to say which status a service had answered. Now a report can, and none does by itself."""
    process = pipeline(cards, on_insert(refuse), on_insert(announce))
    lambda_handler(process, acknowledge(log_failures()))(HELLO, None)
    assert "422" not in caplog.text
    assert "hello" not in caplog.text
    caplog.clear()
    lambda_handler(process, acknowledge(log_failures(errors=True)))(HELLO, None)
    refused, raised = (cast("Mapping[str, object]", json.loads(each)) for each in caplog.messages)
    assert "HttpError(status=422)" == refused["error"]
    assert "KeyError('hello')" == raised["error"]


def test_the_command_line_leads_to_the_line_that_raised(tmp_path: Path) -> None:
    """`streamfn invoke` showed "KeyError" alone. Now it shows the line, and with --traceback all that Python shows."""
    payload = tmp_path / "event.json"
    payload.write_text(
        json.dumps(event(record(1, change={"NewImage": {"id": {"N": "1"}, "title": {"S": "raise"}}})))
    )
    source = Path(app.__file__).read_text(encoding="utf-8").splitlines()
    line = source.index('        raise ValueError("a secret")') + 1
    place = f"tests/cli/app.py:{line} in announce"
    ran = call("invoke", "tests.cli.app:process", str(payload), COLUMNS="200")
    assert f"ValueError at {place}" in ran.out
    assert "a secret" not in ran.out
    ran = call("invoke", "tests.cli.app:process", str(payload), "--traceback")
    assert "Traceback (most recent call last):" in ran.out
    assert 'raise ValueError("a secret")' in ran.out
    assert "streamfn/_execution" not in ran.out
    ran = call("invoke", "tests.cli.app:process", str(payload), "--json", "--traceback")
    (failed,) = [each for each in objects(ran.document["results"]) if each["outcome"] == "Raised"]
    assert place == failed["location"]
    assert str(failed["traceback"]).endswith("ValueError: a secret\n")


def test_the_help_says_that_values_are_errors_too() -> None:
    """The help of --show-values spoke of what handlers returned, and it shows errors as well."""
    assert "the errors that they failed with" in " ".join(call("invoke", "--help").out.split())


def test_a_record_of_no_table_says_what_came_and_what_there_is(caplog: pytest.LogCaptureFixture) -> None:
    """A sample event has "eventsource_arn" for an ARN, and all that was said of it was "Unrouted".

    Now the reason says what came, what is wrong with it, and which tables are declared.
    """
    process = pipeline(cards, on_insert(refuse))
    told = [
        str(failed.reason)
        for arn in (
            "eventsource_arn",
            STREAM.replace("prod-Card", "test-Card"),
            STREAM.partition("/stream")[0],
            None,
        )
        for failed in failures(process(event(record(1, eventSourceARN=arn))))
        if isinstance(failed.reason, Unrouted)
    ]
    table = "'arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card'"
    assert [
        "eventSourceARN is no ARN of a DynamoDB stream: 'eventsource_arn'; declared: prod-Card",
        "no pipeline is for the table 'test-Card'; declared: prod-Card",
        f"eventSourceARN is the ARN of a table, not of a stream: {table}; declared: prod-Card",
        "the record names neither a stream nor a table; declared: prod-Card",
    ] == told
    lambda_handler(process)(event(record(1, eventSourceARN="eventsource_arn")), None)
    assert told[0] == first_line(caplog)["detail"]


def test_an_io_is_named_as_what_the_handler_returned() -> None:
    """A handler that returned `IO(1)` was said to have returned an int."""

    def mark(_: InsertEvent[Card]) -> Outcome[int, str]:
        return cast("Outcome[int, str]", cast("object", IO(1)))

    (failed,) = failures(pipeline(cards, on_insert(mark))(HELLO))
    assert isinstance(failed.reason, Raised)
    assert "the handler returned IO[int], expected a Result" == str(failed.reason.exception)


def test_a_module_that_fails_at_import_says_what_and_where(tmp_path: Path) -> None:
    """A missing variable was told as "it raised KeyError", without its name.

    Now the console of whoever called the command shows the text and the place of the error, and what came before it.
    """
    (tmp_path / "settings_missing.py").write_text("import os\n\nTABLE = os.environ['NO_SUCH_TABLE']\n")
    (tmp_path / "settings_wrapped.py").write_text(
        "try:\n    {}['NO_SUCH_QUEUE']\nexcept KeyError as error:\n    raise RuntimeError('no queue') from error\n"
    )
    ran = call("graph", "settings_missing:process", cwd=tmp_path)
    assert "it raised KeyError (settings_missing.py, line 3): 'NO_SUCH_TABLE'" in ran.err
    ran = call("graph", "settings_wrapped:process", cwd=tmp_path)
    assert "(settings_wrapped.py, line 4): no queue; before that, KeyError: 'NO_SUCH_QUEUE'" in ran.err


def test_a_misspelt_name_is_answered_with_what_there_is(tmp_path: Path) -> None:
    """The line "app has no proces" did not say what app has. Now names that are near, and the others, are told."""
    (tmp_path / "cards_app.py").write_text("from tests.cli.app import handler, process\n")
    ran = call("graph", "cards_app:proces", cwd=tmp_path)
    assert "did you mean process? there is process, handler" in ran.err
    ran = call("graph", "cards_ap:process", cwd=tmp_path)
    assert "did you mean cards_app?" in ran.err


def test_a_missing_region_is_answered_with_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's "You must specify a region" did not say how. Now the line names the option and the variable."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    ran = call("tail", "tests.cli.app:process", "--table", "prod-Card")
    assert 2 == ran.code
    assert "(pass --region, or set AWS_REGION)" in ran.err


def test_json_s_own_words_name_what_came() -> None:
    """A payload of null was called a NoneType, a text a str. Now the words are those of JSON."""
    process = pipeline(cards, on_insert(refuse))
    for payload, word in ((None, "null"), ("text", "string"), (1, "number"), (True, "boolean")):
        with pytest.raises(NotAStreamEvent, match=f"got {word}$"):
            process(payload)
    with pytest.raises(NotADeadLetter, match="expected an object, got null"):
        read_letter("null")
    image = {"id": {"N": None}, "title": None}
    assert "$.id: expected text in N, got null; $.title: expected S, got no object but null" == str(
        cards.structure(image).failure()  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] (a stream may send anything)
    )


def test_two_workers_do_not_share_a_ledger_s_entries_unnoticed() -> None:
    """Outside of Lambda the scope of a ledger's entries was empty, and what one worker handled another one skipped.

    Now a ledger that processes share needs a scope there, before anything runs, and `StreamReader` says so at once.
    """
    handler = lambda_handler(pipeline(cards, on_insert(refuse)), retry(ledger=DynamoDBLedger("card-ledger")))
    with pytest.raises(Misuse, match=r'name it, as in retry\(ledger=…, scope="cards-worker"\)'):
        handler(HELLO, None)
    with pytest.raises(Misuse, match="scope="):
        StreamReader(STREAM).run(handler)
