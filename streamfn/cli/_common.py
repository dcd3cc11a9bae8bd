"""What commands share: printing, exit codes, the AWS account, pipelines and Results."""

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
from streamfn._errors import Misuse, shown
from streamfn._failures import Failed, Handled, Raised, Reason, Refused
from streamfn._payloads import NotAStreamEvent
from streamfn._records import Record, StreamRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, MutableMapping

    from botocore.exceptions import ClientError
    from rich.console import Console

    from streamfn._lambda import LambdaFunction
    from streamfn._pipeline import Pipeline


# What commands print: tables for people, and JSON for machines.
#
# On a terminal a table is as wide as that, and longer text is folded. Elsewhere it has neither colours nor
# lines, and a line for each row, as wide as need be, so that ``grep`` finds what belongs together; ``COLUMNS``
# limits that too.

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


# How a command ends: its exit code, and a line for what the user can mend instead of a traceback.


class ExitCode(IntEnum):
    """What a command tells whoever called it."""

    FINE = 0
    FAILED = 1
    """Something failed, or was found."""
    MISUSE = 2
    """It could not be done: the call was wrong, or AWS refused."""
    IN_USE = 3
    """Another process has what one alone can use, or may have it by now; nothing was done, or nothing more."""
    INTERRUPTED = 130
    """As a shell has it: 128, and the number of the signal."""


def attempt(command: Callable[[], int]) -> int:
    """Run a command, and give its exit code; what the user can mend becomes a line on standard error."""
    try:
        return command()
    except KeyboardInterrupt:
        return complain("interrupted", ExitCode.INTERRUPTED)
    except (Misuse, NotAStreamEvent) as error:
        return complain(f"{error}{_why(error)}")
    except Exception as error:
        if (said := _of_aws(error)) is None:
            raise
        return complain(said)


def say_ending() -> None:
    """Answer a signal, on standard error and at once: a command ends in good order, which may take a while."""
    with suppress(RuntimeError):  # the signal came while something was being written there
        sys.stderr.write(
            "\nstreamfn: no handler is started any more; it ends when those that run are done, "
            "or at once on another Ctrl-C\n"
        )
        sys.stderr.flush()


def complain(said: str, code: ExitCode = ExitCode.MISUSE) -> int:
    """Say on standard error, in a line, why nothing came of it, and give the exit code for that."""
    sys.stderr.write(f"streamfn: {shown(' '.join(said.split()))}\n")
    return code


def _why(error: Exception) -> str:
    """Quote what a module of the user's raised when it was imported, and from what; this is the user's own console."""
    from streamfn._lambda import NotImported

    cause = error.__cause__ if isinstance(error, NotImported) else None
    if cause is None or isinstance(cause, ModuleNotFoundError | SystemExit):
        return ""
    quoted = "" if isinstance(cause, Misuse) or not (text := _quoted(cause)) else f": {text}"
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
    except Exception as problem:  # noqa: BLE001 (a `str` of the user's may raise whatever it likes)
        return f"(its text raised {type(problem).__name__})"
    return f"{text}{hint}"


def _of_aws(error: Exception) -> str | None:
    """Say what a call to AWS came to; None for what has nothing to do with it."""
    if "botocore.exceptions" not in sys.modules:  # who has not loaded it has not raised it
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
"""What to do about errors of boto3, by their names or codes."""


def hint_for(error: BaseException) -> str:
    """Say what to do about an error of boto3, if that is known.

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
# The options become AWS's own environment variables, so that they hold for every client in the process: those
# that the user's module makes, its ledger and its dead letters included, and those of processes that are
# started for it.

EndpointUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Where AWS is; a local stand-in for it, say."),
]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region.")]
Profile: TypeAlias = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="The profile of AWS's configuration.")
]

_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""What botocore takes rather than a profile."""

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


def use_account(
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
    environment: MutableMapping[str, str] = os.environ,
) -> None:
    """Have all clients from now on work there; None leaves it to what the environment and AWS's configuration say."""
    if profile is not None:
        for name in _KEYS:
            environment.pop(name, None)
        environment["AWS_PROFILE"] = profile
        environment.pop("AWS_DEFAULT_PROFILE", None)  # which would come first
    if region is not None:
        environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = region
    if endpoint_url is not None:
        for name in [name for name in environment if name.startswith(_ENDPOINT)]:
            del environment[name]  # a variable for a single service would come first
        environment.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
        environment[_ENDPOINT] = endpoint_url


def client(service: Literal["dynamodb", "dynamodbstreams", "lambda", "s3"]) -> object:
    """Make boto3's client of a service; who asks for it knows the calls that it has.

    Fails with what botocore raises, which `attempt` makes a line of.
    """
    import boto3

    return boto3.client(service)


# The pipelines and functions that commands are given by name; they are also looked for where the command is
# called.

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A pipeline, as in app:process, or the function made of it, as in app:handler.",
    ),
]


def pipeline_named(name: str) -> Pipeline[object, object]:
    """Find a pipeline. Fails with `Misuse`."""
    from streamfn._lambda import load_pipeline

    look_here()
    return load_pipeline(name)


def function_named(name: str) -> LambdaFunction[object, object]:
    """Find a function that Lambda calls. Fails with `Misuse`."""
    from streamfn._lambda import load_function

    look_here()
    return load_function(name)


def look_here() -> None:
    """Have Python look for modules in the folder that the command is called in, and there first."""
    if sys.path[0] != "":
        sys.path.insert(0, "")


def load_named(name: str) -> tuple[Pipeline[object, object], LambdaFunction[object, object] | None]:
    """Find a pipeline, and the function that was made of it if that is what goes by the name. Fails with `Misuse`."""
    from streamfn._lambda import LambdaFunction, load

    look_here()
    found = load(name)
    return (found.process, found) if isinstance(found, LambdaFunction) else (found, None)


# Results as a command shows them: by what identifies them, and with values only where they are asked for.

ShowValues: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--show-values",
        help="Show what handlers returned, and the errors that they failed with: both may hold people's data.",
    ),
]

AnyResult: TypeAlias = Result[Handled[object], Failed[object]]
"""A Result of whatever handler."""

_WIDE: Final = 120
"""The fewest characters a line that have room for both identifiers of a record beside one another."""


@dataclass(frozen=True)
class Shown:
    """A Result as it is shown: `outcome` is ``handled``, or the name of the failure's reason.

    `value` is what the handler returned, or the error that it failed with or raised, and None where there is no such
    thing or it is not asked for. `location` is the place in code that tells most of a failure, `exception` describes
    what was raised, and `traceback` is Python's own, with the texts of exceptions.
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
        """What is said of a failure in a line, for people."""
        return with_place(self.detail, self.location)

    @property
    def event_name(self) -> str | None:
        """What happened to the item, if the record tells."""
        return self.record.event_name if isinstance(self.record, StreamRecord) else None


def places(location: str | None, exception: Mapping[str, object] | None) -> dict[str, object]:
    """Say for machines where in code a failure came about, as far as that is known."""
    known: dict[str, object] = {"location": location, "exception": exception}
    return {name: place for name, place in known.items() if place is not None}


def shown_results(results: Sequence[AnyResult], *, values: bool, tracebacks: bool = False) -> list[Shown]:
    """Take of Results what is shown: no image, and no value or text of an exception unless it is asked for."""
    return [_shown(result, values=values, tracebacks=tracebacks) for result in results]


def print_tracebacks(results: Sequence[Shown]) -> None:
    """Print what was raised, as Python prints what nobody catches."""
    for each in results:
        if each.traceback is not None:
            say(shown(f"{each.handler} on {each.record.event_id}:"))
            for line in each.traceback.split("\n"):
                say(shown(line))


def print_results(results: Sequence[Shown], *, values: bool) -> None:
    """Print a table; where lines are short, the identifiers of a record stand below one another, and once for it."""
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
    from streamfn._failures import text_of

    match reason:
        case Refused(error) | Raised(error):
            return text_of(error)
        case _:
            return None


# The Results of a function that Lambda calls, which only its delivery sees otherwise.


def overheard(
    function: LambdaFunction[object, object], listen: Callable[[AnyResult], None]
) -> LambdaFunction[object, object]:
    """Make a function that does the same, and has `listen` hear of each Result as well."""
    own = function.on_result

    def hear(result: AnyResult) -> Awaitable[None] | None:
        listen(result)
        return None if own is None else own(result)

    return replace(function, on_result=hear)
