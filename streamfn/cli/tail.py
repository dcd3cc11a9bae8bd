"""`streamfn tail`: the lines that a stream prints, and the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, assert_never

import typer
from returns.result import Success

from streamfn._errors import ConfigurationError, shown
from streamfn.cli._common import (
    AnyResult,
    AsJson,
    EndpointUrl,
    ExitCode,
    Name,
    Profile,
    Region,
    Shown,
    ShowValues,
    console,
    counted,
    load_named,
    output,
    overheard,
    print_error,
    print_json_line,
    shown_results,
    use_account,
)

if TYPE_CHECKING:
    from streamfn._failures import Failed
    from streamfn._lambda import LambdaFunction
    from streamfn._pipeline import Pipeline
    from streamfn.sources import Notice, StreamReader


# The lines of a stream: Results on standard output, notices on standard error.

_WAITING: Final = frozenset({"Stopped", "HeldBack"})
"""The outcomes of calls that have not started: a line follows when the record is delivered again."""


def json_lines(*, values: bool) -> Callable[[Sequence[Shown]], None]:
    """Return a printer of one JSON document a line."""

    def show(results: Sequence[Shown]) -> None:
        for each in results:
            if each.outcome not in _WAITING:
                print_json_line(each.document(values=values))

    return show


def lines_for(process: Pipeline[object, object]) -> Callable[[Sequence[Shown]], None]:
    """Return a printer of lines for people; handlers' names and event names are aligned in columns."""
    from rich.text import Text

    longest = max((len(each.name) for route in process.routes for each in route.handlers), default=0)
    printer = console()

    def show(results: Sequence[Shown]) -> None:
        for each in results:
            if each.outcome in _WAITING:
                continue
            style = "green" if each.outcome == "handled" else "red"
            told = (
                f"{each.handler or '':<{longest}}",
                f"{each.event_name or '':<6}",
                each.record.sequence_number or "-",
                each.record.event_id or "-",
                *filter(None, (each.told, each.value)),
            )
            printer.print(Text(f"{each.outcome:<9}", style), Text(shown("  ".join(told))), soft_wrap=True)
        output().flush()

    return show


def print_notice(notice: Notice) -> None:
    """Print a notice on standard error."""
    sys.stderr.write(f"streamfn: {shown(describe_notice(notice))}\n")


def describe_notice(notice: Notice) -> str:
    """Return the text of a notice."""
    from streamfn.sources import NotSettled, RequestThrottled, ShardFinished, ShardStarted, Trimmed

    match notice:
        case ShardStarted():
            return f"reading {notice.shard_id} from {notice.start}"
        case ShardFinished():
            return f"{notice.shard_id} has ended, and all of it is settled"
        case NotSettled():
            records = f"{counted(notice.count, 'record')} from {notice.sequence_number} on"
            return f"to come again: {records} ({notice.reason})"
        case RequestThrottled():
            return f"a request will be made again: {notice.reason}"
        case Trimmed():
            after = notice.sequence_number
            place = "from its beginning" if after is None else f"after {after}"
            return (
                f"{notice.shard_id} has dropped records {place}: what was written there and not read is lost"
            )
        case _:
            assert_never(notice)


# The command ``streamfn tail``.


class StartOption(Enum):
    """The place where reading starts."""

    TRIM_HORIZON = "trim_horizon"
    LATEST = "latest"


def start_option(text: str) -> StartOption:
    """Read where to begin. Fails with `typer.BadParameter`, which names the word that took the place of an old one."""
    names = [each.value for each in StartOption]
    if text in names:
        return StartOption(text)
    if text == "horizon":
        raise typer.BadParameter("horizon is now trim_horizon: write --start trim_horizon")
    raise typer.BadParameter(f"{shown(text)!r} is not one of {', '.join(names)}")


def tail_command(
    pipeline: Name,
    *,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="NAME",
            help="The table, whose newest stream is read; by default the pipeline's.",
        ),
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="ARN", help="The stream, rather than a table's newest.")
    ] = None,
    start: Annotated[
        StartOption | None,
        typer.Option(
            "--start",
            help="Where to begin: with the oldest records, of 24 hours, or after the latest. By default after the "
            "latest, but with a checkpoint that is yet to be made with the oldest, so that none is skipped.",
            metavar="[trim_horizon|latest]",
            parser=start_option,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Remember there what is settled, and go on after it."
        ),
    ] = None,
    skip_failures: Annotated[
        bool, typer.Option("--skip-failures", help="Go on past what fails, instead of trying it again.")
    ] = False,
    show_values: ShowValues = False,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Follow a table's stream, run a pipeline on it, and print each Result as a line.

    Each batch is settled as the function's answer says: failures come again,
    and a checkpoint never moves past them. Records that wait for this have no line yet. The
    command runs until SIGINT (Ctrl-C) or SIGTERM, and then finishes the current work.

    Examples:
      streamfn tail app:process --table prod-Card
      streamfn tail app:handler --start trim_horizon --checkpoint a.json --json

    With --json, a document a line, for each Result:
      {"eventName", "eventID", "sequenceNumber", "table", "handler", "detail",
       "location" and "exception" (of failures), "value" (with --show-values),
       "outcome"}

    Exit code:
      0  stopped, or the stream has ended, and no handler had failed
      1  the same, and a handler had failed
      2  the call was wrong, or AWS refused; standard error says why
      3  another reader has the checkpoint
    """
    from streamfn.sources import CheckpointInUse, FileCheckpoints, NoStream, NotACheckpoint, StreamReader

    use_account(endpoint_url, region, profile)
    process, function = load_named(pipeline)
    if stream is None and table is None:
        table = only_table(process)
    reader = StreamReader(
        stream,
        table=table,
        start=(start or beginning(checkpoint)).value,
        checkpoints=None if checkpoint is None else FileCheckpoints(checkpoint),
        report=print_notice,
    )
    show = json_lines(values=show_values) if as_json else lines_for(process)
    following = Following(reader, lambda results: show(shown_results(results, values=show_values)))
    followed = overheard(followed_function(process, function, skips=skip_failures), following.listen)
    try:
        reader.run(followed)
    except CheckpointInUse as error:
        return print_error(str(error), ExitCode.IN_USE)
    except (NoStream, NotACheckpoint) as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise ConfigurationError(f"{checkpoint} could not be used: {error.strerror}") from None
    return ExitCode.FAILED if following.failed else ExitCode.FINE


def only_table(process: Pipeline[object, object]) -> str:
    """Return the table of a pipeline. Raises `ConfigurationError` if there are several."""
    names = list(dict.fromkeys(route.table.name for route in process.routes))
    if len(names) != 1:
        raise ConfigurationError(f"the pipeline is for {', '.join(names)}: say which one with --table")
    return names[0]


def beginning(checkpoint: Path | None) -> StartOption:
    """Return where to begin if nobody does."""
    return StartOption.LATEST if checkpoint is None else StartOption.TRIM_HORIZON


def followed_function(
    process: Pipeline[object, object], function: LambdaFunction[object, object] | None, *, skips: bool
) -> LambdaFunction[object, object]:
    """Return the function for batches; one made of a pipeline reports nothing, since each line is printed already."""
    from streamfn._delivery import acknowledge, retry
    from streamfn._lambda import lambda_handler

    if skips:
        return lambda_handler(process, acknowledge(_leave))
    return lambda_handler(process, retry(report=_leave)) if function is None else function


def _leave(_: Failed[object]) -> None:
    """Report nothing: the printed line shows the failure."""


class Following:
    """Shows the Results of a stream, and stops the reader when the output is closed."""

    def __init__(self, reader: StreamReader, show: Callable[[Sequence[AnyResult]], None]) -> None:
        self._reader = reader
        self._show = show
        self.failed: bool = False

    def listen(self, result: AnyResult) -> None:
        """Show a Result."""
        self.failed = self.failed or not isinstance(result, Success)
        try:
            self._show([result])
        except BrokenPipeError:
            # Python would otherwise complain once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), output().fileno())
            self._reader.stop()
