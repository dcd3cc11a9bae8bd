"""The parts that commands share.

In this order: printing, exit codes and errors, the AWS account, pipelines by name, Results as commands show them, and
the Results of a function that Lambda calls.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, TextIO, TypeAlias, cast

import typer
from returns.result import Result, Success

from streamfn._aws import error_name
from streamfn._delivery.plain import detail_of, exception_of, location_of, raised_in
from streamfn._errors import ConfigurationError, shown
from streamfn._failures import Failed, Handled, Raised, Reason, Refused
from streamfn._payloads import NotAStreamEvent
from streamfn._records import Record, StreamRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, MutableMapping

    from botocore.exceptions import ClientError
    from rich.console import Console

    from streamfn._lambda import LambdaFunction
    from streamfn._pipeline import Pipeline


# Printing: tables for people, and JSON for machines.
#
# On a terminal a table is as wide as the terminal, and longer text is folded. Elsewhere a table has no colours and no
# borders, and each row is one line, so that ``grep`` finds whole rows; ``COLUMNS`` limits the width there as well.

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else.")]

_UNLIMITED: Final = 10_000
"""The greatest width of a table, in characters."""


_GAP: Final = 2
"""The room between columns, in characters."""

_LEAST: Final = 6
"""The room that a column which folds needs, in characters."""


class Column(NamedTuple):
    """A column of a table: its heading, and whether it is better folded than others when there is little room."""

    heading: str
    folds: bool = False


_own: Final[list[TextIO]] = []
"""Standard output, while only the command may write to it."""


def output() -> TextIO:
    """Return the stream that a command prints to."""
    return _own[-1] if _own else sys.stdout


@contextmanager
def alone_on_output() -> Generator[None]:
    """Keep standard output for the command, and send all other output (of handlers, say) to standard error.

    If the process has a descriptor for standard output, the descriptor itself is redirected until the process ends:
    this covers child processes and code that is not Python. A stand-in, such as a test's, is restored at the end.
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
    """Return whether standard output is a terminal."""
    return output().isatty()


def console() -> Console:
    """Return a console that prints for people; the terminal, ``NO_COLOR`` and ``COLUMNS`` decide its format."""
    from rich.console import Console

    width = None if on_terminal() or "COLUMNS" in os.environ else _UNLIMITED
    return Console(file=output(), width=width, highlight=False)


Cell: TypeAlias = str | tuple[str, ...]
"""A text on one line, or several such texts below one another."""


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
        print_line(line.rstrip())


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


def print_line(text: str = "") -> None:
    """Print a line."""
    write(f"{text}\n")


def write(text: str) -> None:
    """Print text as it is."""
    output().write(text)


def print_json(document: object) -> None:
    """Print a document of JSON for machines, laid out for people all the same."""
    print_line(json.dumps(document, indent=2))


def print_json_line(document: object) -> None:
    """Print a document of JSON on a line of its own."""
    print_line(json.dumps(document))
    output().flush()


def counted(number: int, one: str, many: str | None = None) -> str:
    """Format a number with its noun.

    >>> counted(1, "record"), counted(2, "record")
    ('1 record', '2 records')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def with_place(detail: str | None, location: str | None) -> str:
    """Return where in code something came about.

    >>> with_place("KeyError", "app.py:12 in announce"), with_place(None, None)
    ('KeyError at app.py:12 in announce', '')
    """
    return " at ".join(filter(None, (detail, location)))


# Exit codes and errors: a mistake that the user can correct ends in one line instead of a traceback.


class ExitCode(IntEnum):
    """The exit code of a command."""

    FINE = 0
    FAILED = 1
    """Something failed, or was found."""
    MISUSE = 2
    """The command was not possible: a wrong call, or a refusal by AWS."""
    IN_USE = 3
    """Another process uses a resource for one process alone, or may use it by now; the command stopped there."""
    INTERRUPTED = 130
    """The shell's convention: 128 plus the number of the signal."""


def run_command(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; print errors that the user can correct as one line on standard error."""
    try:
        return command()
    except KeyboardInterrupt:
        return print_error("interrupted", ExitCode.INTERRUPTED)
    except (ConfigurationError, NotAStreamEvent) as error:
        return print_error(f"{error}{_why(error)}")
    except Exception as error:
        if (said := _of_aws(error)) is None:
            raise
        return print_error(said)


def say_ending() -> None:
    """Answer a signal, on standard error and at once: a command ends in good order, which may take a while."""
    with suppress(RuntimeError):  # the signal came while something was being written there
        sys.stderr.write(
            "\nstreamfn: no handler is started any more; it ends when those that run are done, "
            "or at once on another Ctrl-C\n"
        )
        sys.stderr.flush()


def print_error(said: str, code: ExitCode = ExitCode.MISUSE) -> int:
    """Print the reason of an error as one line on standard error, and return the exit code."""
    sys.stderr.write(f"streamfn: {shown(' '.join(said.split()))}\n")
    return code


def _why(error: Exception) -> str:
    """Quote the exception that a user's module raised at its import, and where; the reader is the user."""
    from streamfn._lambda import NotImported

    cause = error.__cause__ if isinstance(error, NotImported) else None
    if cause is None or isinstance(cause, ModuleNotFoundError | SystemExit):
        return ""
    quoted = "" if isinstance(cause, ConfigurationError) or not (text := _quoted(cause)) else f": {text}"
    while (
        cause := cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    ) is not None:
        quoted += f"; before that, {_named(cause)}"
    return quoted


def _named(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, _quoted(error))))


def _quoted(error: BaseException) -> str:
    hint = hint_for(error)
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, BaseExceptionGroup):
            members = cast("tuple[BaseException, ...]", error.exceptions)  # isinstance knows no type of them
            text += f": {'; '.join(map(_named, members))}"
    except Exception as problem:  # noqa: BLE001 (a `str` of the user's may raise any exception)
        return f"(its text raised {type(problem).__name__})"
    return f"{text}{hint}"


def _of_aws(error: Exception) -> str | None:
    """Describe an error of boto3 in one line; return None for any other exception."""
    if "botocore.exceptions" not in sys.modules:  # if botocore was never imported, nobody raised its errors
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        return f"AWS refused: {_told(error)}"
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {type(error).__name__}: {error}{hint_for(error)}"
    return None


_HINTS: Final = {
    "NoRegionError": "pass --region, or set AWS_REGION",
    "NoCredentialsError": "pass --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
    "PartialCredentialsError": "pass --profile, or set AWS_PROFILE",
    "ProfileNotFound": "pass another --profile; `aws configure list-profiles` lists those that there are",
    "EndpointConnectionError": "check --region, --endpoint-url and the network",
    "TokenRetrievalError": "sign in with `aws sso login`",
    "UnauthorizedSSOTokenError": "sign in with `aws sso login`",
    "SSOTokenLoadError": "sign in with `aws sso login`",
    "ExpiredTokenException": "sign in again",
    "ExpiredToken": "sign in again",
}
"""Hints about errors of boto3, by their names or codes."""


def hint_for(error: BaseException) -> str:
    """Return a hint about an error of boto3, if there is one.

    >>> hint_for(ValueError())
    ''
    """
    hint = _HINTS.get(error_name(error)) if type(error).__module__.startswith("botocore.") else None
    return "" if hint is None else f" ({hint})"


def _told(error: ClientError) -> str:
    told = error.response.get("Error", {})  # a proxy may answer without one
    said = ": ".join(filter(None, (told.get("Code"), told.get("Message")))) or str(error)
    return f"{said}{hint_for(error)}"


# The AWS account that a command works in: its options, and the one place where clients are made.
#
# The options become AWS's own environment variables, so that they hold for every client in the process (the clients of
# the user's module, its ledger and its dead letters included) and in the processes that it starts.

EndpointUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Where AWS is; a local stand-in for it, say."),
]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region.")]
Profile: TypeAlias = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="The profile of AWS's configuration.")
]

_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The variables that botocore prefers to a profile."""

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


def use_account(
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
    environment: MutableMapping[str, str] = os.environ,
) -> None:
    """Point all later clients at this account; None keeps the environment's and AWS's own configuration."""
    if profile is not None:
        for name in _KEYS:
            environment.pop(name, None)
        environment["AWS_PROFILE"] = profile
        environment.pop("AWS_DEFAULT_PROFILE", None)  # botocore would prefer this variable
    if region is not None:
        environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = region
    if endpoint_url is not None:
        for name in [name for name in environment if name.startswith(_ENDPOINT)]:
            del environment[name]  # botocore would prefer a variable of a single service
        environment.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
        environment[_ENDPOINT] = endpoint_url


def client(service: Literal["dynamodb", "dynamodbstreams", "lambda", "s3"]) -> object:
    """Return boto3's client of a service; the caller knows the protocol that it needs.

    Raises the exceptions of botocore, which `run_command` prints as one line.
    """
    import boto3

    return boto3.client(service)


# Pipelines and functions, by the names that commands take; the current folder is on the path as well.

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A pipeline, as in app:process, or the function made of it, as in app:handler.",
    ),
]


def pipeline_named(name: str) -> Pipeline[object, object]:
    """Import a pipeline by its name. Raises `ConfigurationError`."""
    from streamfn._lambda import load_pipeline

    look_here()
    return load_pipeline(name)


def function_named(name: str) -> LambdaFunction[object, object]:
    """Import a function that Lambda calls, by its name. Raises `ConfigurationError`."""
    from streamfn._lambda import load_function

    look_here()
    return load_function(name)


def look_here() -> None:
    """Put the current folder first on the path of modules."""
    if sys.path[0] != "":
        sys.path.insert(0, "")


def load_named(name: str) -> tuple[Pipeline[object, object], LambdaFunction[object, object] | None]:
    """Import a pipeline, and the function made of it if the name is a function's. Raises `ConfigurationError`."""
    from streamfn._lambda import LambdaFunction, load

    look_here()
    found = load(name)
    return (found.process, found) if isinstance(found, LambdaFunction) else (found, None)


# Results as commands show them: by identifiers; values appear only when an option asks for them.

ShowValues: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--show-values",
        help="Show what handlers returned, and the errors that they failed with: both may hold people's data.",
    ),
]

AnyResult: TypeAlias = Result[Handled[object], Failed[object]]
"""A Result of any handler."""

_WIDE: Final = 120
"""The fewest characters of a line on which both identifiers of a record fit beside one another."""


@dataclass(frozen=True)
class Shown:
    """A Result in the form that commands show; `outcome` is ``handled``, or the name of the failure's reason.

    `value` is the handler's return value, or the error that the handler returned or raised; None if there is none, or
    if no option asks for values. `location` is the most telling place in code of a failure, `exception` describes the
    exception that was raised, and `traceback` is Python's own, with the texts of exceptions.
    """

    record: Record
    handler: str | None
    outcome: str
    detail: str | None
    value: str | None
    location: str | None = None
    exception: Mapping[str, object] | None = None
    traceback: str | None = None

    def document(self, *, values: bool, tracebacks: bool = False) -> dict[str, object]:
        """Describe it for machines."""
        return {
            "eventName": self.event_name,
            "eventID": self.record.event_id,
            "sequenceNumber": self.record.sequence_number,
            "table": self.record.table_name,
            "handler": self.handler,
            "detail": self.detail,
            **places(self.location, self.exception),
            **({"value": self.value} if values else {}),
            **({"traceback": self.traceback} if tracebacks else {}),
            "outcome": self.outcome,
        }

    @property
    def told(self) -> str:
        """The failure in one line, for people."""
        return with_place(self.detail, self.location)

    @property
    def event_name(self) -> str | None:
        """The record's event name, if the record has one."""
        return self.record.event_name if isinstance(self.record, StreamRecord) else None


def places(location: str | None, exception: Mapping[str, object] | None) -> dict[str, object]:
    """Return for machines the places in code of a failure, as far as they are known."""
    known: dict[str, object] = {"location": location, "exception": exception}
    return {name: place for name, place in known.items() if place is not None}


def shown_results(results: Sequence[AnyResult], *, values: bool, tracebacks: bool = False) -> list[Shown]:
    """Convert Results for display, without images; values and texts of exceptions appear only on request."""
    return [_shown(result, values=values, tracebacks=tracebacks) for result in results]


def print_tracebacks(results: Sequence[Shown]) -> None:
    """Print exceptions as Python prints uncaught ones."""
    for each in results:
        if each.traceback is not None:
            print_line(shown(f"{each.handler} on {each.record.event_id}:"))
            for line in each.traceback.split("\n"):
                print_line(shown(line))


def print_results(results: Sequence[Shown], *, values: bool) -> None:
    """Print a table; on a narrow terminal the identifiers of a record stand below one another."""
    stacked = console().width < _WIDE
    identifiers = [Column("Record")] if stacked else [Column("Sequence number"), Column("Event id")]
    columns = [
        Column("Outcome"),
        Column("Handler"),
        Column("Event"),
        *identifiers,
        Column("Detail", folds=True),
    ]
    print_table(
        [*columns, Column("Value", folds=True)] if values else columns,
        (
            [
                each.outcome,
                each.handler or "",
                *record,
                each.told,
                *([each.value or ""] if values else []),
            ]
            for each, record in zip(
                results, _stacked(results) if stacked else map(_beside, results), strict=True
            )
        ),
    )


def _beside(result: Shown) -> list[Cell]:
    return [result.event_name or "", result.record.sequence_number or "", result.record.event_id or ""]


def _stacked(results: Sequence[Shown]) -> Iterator[list[Cell]]:
    before: Record | None = None
    for result in results:
        identifiers = filter(None, (result.record.sequence_number, result.record.event_id))
        yield ["", ""] if result.record is before else [result.event_name or "", tuple(identifiers)]
        before = result.record


def _shown(result: AnyResult, *, values: bool, tracebacks: bool) -> Shown:
    if isinstance(result, Success):
        handled = result.unwrap()
        value = repr(handled.value) if values else None
        return Shown(handled.record, handled.handler, "handled", None, value)
    failed = result.failure()
    reason = failed.reason
    return Shown(
        failed.record,
        failed.handler,
        type(reason).__name__,
        detail_of(reason),
        _value(reason) if values else None,
        location_of(reason, failed.location),
        exception_of(reason),
        _traceback(reason) if tracebacks else None,
    )


def _traceback(reason: Reason[object]) -> str | None:
    from streamfn._failures import traceback_of

    exception = raised_in(reason)
    return None if exception is None else traceback_of(exception)


def _value(reason: Reason[object]) -> str | None:
    from streamfn._failures import show_value

    match reason:
        case Refused(error) | Raised(error):
            return show_value(error)
        case _:
            return None


# The Results of a function that Lambda calls: only its delivery sees these otherwise.


def overheard(
    function: LambdaFunction[object, object], listen: Callable[[AnyResult], None]
) -> LambdaFunction[object, object]:
    """Make a function that does the same, and has `listen` hear of each Result as well."""
    own = function.on_result

    def hear(result: AnyResult) -> Awaitable[None] | None:
        listen(result)
        return None if own is None else own(result)

    return replace(function, on_result=hear)
