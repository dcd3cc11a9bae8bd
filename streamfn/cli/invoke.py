"""``streamfn invoke``: run a pipeline on a payload, as Lambda would."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamfn._errors import ConfigurationError, decoded, read_json
from streamfn.cli._common import (
    AnyResult,
    AsJson,
    EndpointUrl,
    ExitCode,
    Name,
    Profile,
    Region,
    ShowValues,
    counted,
    function_named,
    overheard,
    pipeline_named,
    print_json,
    print_line,
    print_results,
    print_tracebacks,
    shown_results,
    use_account,
)

if TYPE_CHECKING:
    from streamfn._lambda import LambdaFunction

STANDARD_INPUT: Final = "-"


def invoke_command(
    pipeline: Name,
    payload: Annotated[
        str,
        typer.Argument(metavar="PAYLOAD", help="A file with what Lambda would send; - is standard input."),
    ],
    *,
    answer: Annotated[
        bool,
        typer.Option(
            "--answer",
            help="Run the function that Lambda calls, ledger and all, and show its answer.",
        ),
    ] = False,
    show_values: ShowValues = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback",
            help="Show Python's tracebacks of what was raised, whose texts may hold people's data.",
        ),
    ] = False,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Run a pipeline on a payload, and show a Result for each record and handler.

    The payload is JSON on any of the ways in: an event of a DynamoDB stream, a
    Kinesis event, a list from a pipe, a document from an OnFailure destination.

    Examples:
      streamfn invoke app:process event.json
      streamfn invoke app:handler event.json --answer

    With --json, one document:
      {"results": [{"eventName", "eventID", "sequenceNumber", "table",
        "handler", "detail", "location" and "exception" (of failures),
        "value" (with --show-values), "traceback" (with --traceback),
        "outcome"}],
       "handled": 1, "failed": 0, "answer" (with --answer): {...}}

    Exit code:
      0  every handler succeeded
      1  a handler failed, or the function raised
      2  the call was wrong; standard error says why
    """
    use_account(endpoint_url, region, profile)
    read = read_payload(payload)
    run = (
        run_function(function_named(pipeline), read)
        if answer
        else InvokeOutcome(pipeline_named(pipeline)(read))
    )
    told = shown_results(run.results, values=show_values, tracebacks=traceback)
    handled = sum(each.outcome == "handled" for each in told)
    failed = len(told) - handled
    if as_json:
        documents = [each.document(values=show_values, tracebacks=traceback) for each in told]
        last = {"answer": run.answer} if answer else {}
        print_json({"results": documents, "handled": handled, "failed": failed, **last})
    else:
        if told:
            print_results(told, values=show_values)
            print_line()
        print_tracebacks(told)
        print_line(f"{counted(handled, 'success', 'successes')}, {counted(failed, 'failure')}")
        if answer:
            print_line(f"The answer to Lambda: {json.dumps(run.answer)}")
    return ExitCode.FAILED if failed or run.raised else ExitCode.FINE


@dataclass(frozen=True)
class InvokeOutcome:
    """The outcome of a payload: the Results, and the answer to Lambda or the exception raised instead."""

    results: Sequence[AnyResult]
    answer: object = None
    raised: bool = False


def run_function(function: LambdaFunction[object, object], payload: object) -> InvokeOutcome:
    """Run a function as Lambda does, with time enough."""
    from streamfn._payloads import BatchFailed

    results: list[AnyResult] = []
    try:
        return InvokeOutcome(results, overheard(function, results.append)(payload, None))
    except BatchFailed as error:
        return InvokeOutcome(results, {"errorType": "BatchFailed", "errorMessage": str(error)}, raised=True)


def read_payload(name: str) -> object:
    """Read a payload from a file, or from standard input. Raises `ConfigurationError` where there is no JSON."""
    try:
        content = _standard_input() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name} could not be read: {error.strerror}") from None
    try:
        return read_json(content if isinstance(content, str) else decoded(content))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name} is no text in UTF-8 or UTF-16") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} is no JSON{_place(error)}") from None


def _standard_input() -> str | bytes:
    """Read standard input as it is, or as text where something else stands in for it."""
    stream: object = getattr(sys.stdin, "buffer", None)
    return stream.read() if isinstance(stream, io.BufferedIOBase) else sys.stdin.read()


def _place(error: Exception) -> str:
    """Return where text is no JSON, without quoting it."""
    if isinstance(error, json.JSONDecodeError):
        return f": {error.msg} in line {error.lineno}, column {error.colno}"
    return ""
