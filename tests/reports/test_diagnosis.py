"""What was reported of failures that say too little: each report by the smallest input that shows it."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from errno import ENOENT
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from returns.future import future_safe
from returns.io import IO, IOFailure, IOSuccess, impure_safe
from returns.result import Failure, Result, Success, safe
from typing_extensions import override

from streamfn import (
    ConfigurationError,
    Delivery,
    InsertEvent,
    NotAStreamEvent,
    Outcome,
    Raised,
    Unrouted,
    acknowledge,
    batched,
    chain,
    lambda_handler,
    log_failures,
    on_insert,
    pipeline,
    retry,
)
from streamfn._failures import traceback_of
from streamfn.dead_letters import DeadLetters, MemoryDeadLetters, NotADeadLetter, read_letter
from streamfn.ledgers import DynamoDBLedger, MemoryLedger
from streamfn.sources import Notice, ShardStarted, StreamReader
from streamfn.sources._notices import report_notice
from streamfn.testing import failures, insert_event, lambda_event, values
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
    with pytest.raises(ConfigurationError, match=r'name it, as in retry\(ledger=…, scope="cards-worker"\)'):
        handler(HELLO, None)
    with pytest.raises(ConfigurationError, match="scope="):
        StreamReader(STREAM).run(handler)


class Unreadable(Exception):
    """An exception that cannot be asked for anything."""

    @override
    def __getattribute__(self, name: str) -> object:
        if name in {"__traceback__", "__cause__", "__notes__", "__str__"}:
            raise RuntimeError(name)
        return cast("object", super().__getattribute__(name))


class Questioned(type):
    """The type of classes that raise when they are asked for what they do not have."""

    def __getattr__(cls, name: str) -> object:
        raise RuntimeError(name)


def odd(_: object) -> object:
    """Return a value that cannot be looked at; its class is made here, or pytest would ask it."""
    return Questioned("Odd", (), {})()


class Nameless(Exception):
    """An exception whose class says of no module, as some that are generated do."""

    __module__ = cast("str", cast("object", None))


def refusal(response: object) -> ClientError:
    """Make an error of boto3's of an answer, whatever that was."""
    return ClientError(cast("Any", response), "PutItem")  # a proxy may answer anything


ANSWERS: Final[dict[str, tuple[BaseException, str]]] = {
    "a code": (refusal({"Error": {"Code": "ThrottlingException"}}), "ClientError (ThrottlingException)"),
    "no error": (refusal({}), "ClientError"),
    "no code": (refusal({"Error": {"Message": "hunter2"}}), "ClientError"),
    "a number": (refusal({"Error": {"Code": 7}}), "ClientError"),
    "a text": (refusal({"Error": {"Code": "no card of hunter2"}}), "ClientError"),
    "a system's error": (FileNotFoundError(ENOENT, "hunter2"), "FileNotFoundError (ENOENT)"),
    "a system's error without a number": (OSError("hunter2"), "OSError"),
    "an exception that raises": (Unreadable("hunter2"), "Unreadable"),
    "an exception of no module": (Nameless("hunter2"), "Nameless"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("is_raised", [True, False])
def test_whatever_an_error_says_of_itself_is_told_as_far_as_it_goes(
    answer: str, *, is_raised: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of boto3's without a code had the whole batch raise, with a ledger, and nothing was remembered of it.

    Now whatever an exception raises when it is asked, its failure is logged and put aside like another, and a code is
    in the detail, where a line of a command shows it too.
    """
    error, detail = ANSWERS[answer]

    def fail(_: InsertEvent[Card]) -> Result[str, BaseException]:
        if is_raised:
            raise error
        return Failure(error)

    box = MemoryDeadLetters()
    process = pipeline(cards, on_insert(fail))
    given = lambda_handler(
        process, retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=1, patience=timedelta())
    )(HELLO, None)
    assert {"batchItemFailures": []} == given
    assert [detail] == [letter.detail for letter in box.letters]
    line = first_line(caplog)
    assert detail == line["detail"]
    assert str(line["location"]).startswith(f"{HERE}:")
    assert "hunter2" not in caplog.text
    assert "hunter2" not in repr(process(HELLO))


def test_a_traceback_of_what_cannot_be_asked_is_none() -> None:
    """The option --traceback ended the command, where an exception raised when it was asked for its own traceback."""
    told = traceback_of(Unreadable("hunter2"))
    assert f"{__name__}.Unreadable, whose traceback raised RuntimeError\n" == told


def test_a_group_leads_to_the_line_of_its_first_member(caplog: pytest.LogCaptureFixture) -> None:
    """A group's place was that of the tasks being waited for. Now the line is told that raised within a task."""

    async def look_up_title(event: InsertEvent[Card]) -> str:
        return {"a": "b"}[event.new_image.title]

    async def look_up_both(event: InsertEvent[Card]) -> Result[str, str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(look_up_title(event)) for _ in range(2)]
        return Success("".join(task.result() for task in tasks))

    lambda_handler(pipeline(cards, on_insert(look_up_both)))(HELLO, None)
    line = first_line(caplog)
    assert f"{HERE}:{line_of(look_up_title, 1)} in {look_up_title.__qualname__}" == line["location"]
    assert "hello" not in caplog.text


def test_groups_within_groups_have_an_end() -> None:
    """A deep nest of groups is told by its own place, and is not followed to its end."""
    group: ExceptionGroup[Exception] = ExceptionGroup("hunter2", [ValueError("hunter2")])
    for _ in range(100):
        group = ExceptionGroup("hunter2", [group])

    def fail(_: InsertEvent[Card]) -> Result[str, str]:
        raise group

    (failed,) = failures(pipeline(cards, on_insert(fail))(HELLO))
    assert f"Raised(ExceptionGroup at {HERE}:{line_of(fail, 1)} in {fail.__qualname__})" == repr(
        failed.reason
    )


def test_a_success_may_hold_what_says_of_no_module() -> None:
    """A value of a class without a module, as some are generated, made its Success a failure."""
    value = Nameless("hello")

    def hand_back(_: InsertEvent[Card]) -> Result[Nameless, str]:
        return Success(value)

    assert [value] == values(pipeline(cards, on_insert(hand_back))(HELLO))


@safe
def swallow(_: object) -> None:
    """Report nothing, and say so in a Failure."""
    raise ConnectionError("hunter2")


@impure_safe
def swallow_in_io(_: object) -> None:
    """Do the same in an IOResult."""
    raise ConnectionError("hunter2")


@future_safe
async def swallow_later(_: object) -> None:
    """Do the same in a FutureResult."""
    raise ConnectionError("hunter2")


async def post(_: object) -> None:
    """Tell somebody, when somebody waits for that."""


def acknowledge_with(report: Callable[[object], None]) -> Delivery[object]:
    """Make a delivery that drops failures."""
    return acknowledge(report)


def retry_with(report: Callable[[object], None]) -> Delivery[object]:
    """Make a delivery that tries again."""
    return retry(report=report)


REPORTS: Final[dict[str, tuple[Callable[[object], object], str]]] = {
    "safe": (swallow, "the report returned a Failure of ConnectionError on: "),
    "impure_safe": (swallow_in_io, "the report returned a Failure of ConnectionError on: "),
    "future_safe": (swallow_later, "the report returned a Failure of ConnectionError on: "),
    "a Failure": (lambda _: Failure("hunter2"), "the report returned a Failure of str on: "),
    "a coroutine within": (
        lambda failed: Success(post(failed)),
        "the report returned a Success of a coroutine, which nobody awaits",
    ),
    "a Result within": (lambda _: Success(Failure("hunter2")), "the report returned a Success of a Result"),
    "what never runs": (lambda failed: map(post, [failed]), "the report returned a map, which nobody runs"),
    "an exception that raises": (
        lambda _: IOFailure(Unreadable("hunter2")),
        "the report returned a Failure of Unreadable on: ",
    ),
    "what cannot be looked at": (odd, "the report raised RuntimeError on: "),
}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("make", [acknowledge_with, retry_with])
def test_a_report_that_fails_without_raising_is_logged(
    name: str, make: Callable[[Callable[[object], None]], Delivery[object]], caplog: pytest.LogCaptureFixture
) -> None:
    """A report decorated with `safe` hid that it failed. Now that is logged as for one that raises."""
    report, told = REPORTS[name]
    process = pipeline(cards, on_insert(refuse))
    lambda_handler(process, make(cast("Callable[[object], None]", report)))(HELLO, None)
    (line,) = caplog.messages
    assert line.startswith(told)
    assert "id-1" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("answer", [None, 7, Success(None), Success("sent"), IOSuccess(None)])
def test_a_report_that_returns_something_has_told_all(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A report may return a Success, as one that `safe` decorates does."""
    lambda_handler(pipeline(cards, on_insert(refuse)), acknowledge(lambda _: cast("None", answer)))(
        HELLO, None
    )
    assert [] == caplog.messages


def test_a_failed_report_of_a_reader_is_logged_and_one_that_is_awaited_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A coroutine function that a reader was given as its report was never awaited, and a Failure went unnoticed."""
    awaited: list[Notice] = []

    async def note(notice: Notice) -> None:
        awaited.append(notice)

    notice = ShardStarted(STREAM, "shard", "trim_horizon")
    report_notice(note, notice)
    assert [notice] == awaited
    report_notice(swallow, notice)
    (logged,) = caplog.records
    assert "streamfn.sources" == logged.name
    assert "the report returned a Failure of ConnectionError on: Reading(" in logged.getMessage()


MODULES: Final[dict[str, tuple[str, str]]] = {
    "ends_the_process": ("import sys\n\nsys.exit(3)\n", "it ended the process (ends_the_process.py, line 3)"),
    "raises_a_group": (
        "raise ExceptionGroup('both', [KeyError('CARDS'), ValueError()])\n",
        "both (2 sub-exceptions): KeyError: 'CARDS'; ValueError",
    ),
    "asserts": ("assert False\n", "it raised AssertionError (asserts.py, line 1)"),
    "raises_what_cannot_be_shown": (
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\n\nraise Odd\n",
        "it raised Odd (raises_what_cannot_be_shown.py, line 5): (its text raised RuntimeError)",
    ),
    "raises_escapes": (r"raise ValueError('a\x1b[31m')" + "\n", r"line 1): a\x1b[31m"),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_cannot_be_imported_is_answered_in_a_line(module: str, tmp_path: Path) -> None:
    """A module that called sys.exit() ended a command without a word; others ended it with a traceback of its own."""
    text, told = MODULES[module]
    (tmp_path / f"{module}.py").write_text(text)
    ran = call("graph", f"{module}:process", cwd=tmp_path)
    assert 2 == ran.code
    (line,) = ran.err.splitlines()
    assert line.startswith(f"streamfn: {module} could not be imported: ")
    assert told in line
    assert not line.endswith(":")


def test_a_step_of_a_chain_that_returns_no_result_is_told() -> None:
    """A chain whose step returned a text failed with an AttributeError about `unwrap`."""

    def title_of(event: InsertEvent[Card]) -> Result[str, str]:
        return cast("Result[str, str]", cast("object", event.new_image.title))

    def shout(title: str) -> Result[str, str]:
        return Success(title.upper())

    (failed,) = failures(pipeline(cards, on_insert(chain(title_of, shout)))(HELLO))
    assert isinstance(failed.reason, Raised)
    assert "a step of chain(), function title_of, returned str, expected a Result" == str(
        failed.reason.exception
    )


def test_a_batched_handler_that_a_tracer_wraps_leads_to_its_function() -> None:
    """The place of such a handler was a line of this library."""
    inner = batched(refuse_all)

    @functools.wraps(inner)
    def wrapped(event: InsertEvent[Card]) -> Outcome[str, HttpError]:
        return inner(event)

    (failed,) = failures(pipeline(cards, on_insert(wrapped))(HELLO))
    assert f"{HERE}:{line_of(refuse_all)} in refuse_all" == failed.location


def refuse_all(_: Sequence[InsertEvent[Card]]) -> Result[str, HttpError]:
    """Answer with one error for all."""
    return Failure(HttpError(422))


async def store_later(*_: object) -> set[str]:
    """Store nothing before somebody waits for that."""
    return set()


def storing(returned: object) -> Callable[..., object]:
    """Make what returns that, whatever it is to store."""

    def send(*_: object) -> object:
        return returned

    return send


SENDS: Final[list[tuple[Callable[..., object], str]]] = [
    (store_later, "coroutine"),
    (storing(None), "None"),
    (storing(Success({"a"})), "Success"),
    (storing(True), "bool"),  # noqa: FBT003 (it is what is returned)
]


@pytest.mark.parametrize(("send", "kind"), SENDS)
def test_a_place_for_letters_that_says_not_which_are_stored_is_named(
    send: Callable[..., object], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A place for letters of one's own that returned something else was logged as "TypeError" alone."""
    place = SimpleNamespace(send=send)
    delivery: Delivery[object] = retry(
        ledger=MemoryLedger(),
        dead_letters=cast("DeadLetters", cast("object", place)),
        max_attempts=1,
        patience=timedelta(),
    )
    answer = lambda_handler(pipeline(cards, on_insert(refuse)), delivery)(HELLO, None)
    assert 1 == len(answer["batchItemFailures"])
    told = f"send() of SimpleNamespace returned {kind}, expected the ids of what is stored"
    assert f"dead letters could not be sent: {told}" in caplog.messages
