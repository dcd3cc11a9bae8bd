"""``streamfn tail``: follows the stream of a table, and runs a pipeline on what is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from returns.result import Success

from streamfn._misuse import Misuse
from streamfn.cli._account import EndpointUrl, Profile, Region, use_account
from streamfn.cli._exits import ExitCode, complain
from streamfn.cli._lines import json_lines, lines_for, tell
from streamfn.cli._overheard import overheard
from streamfn.cli._pipelines import Name, named
from streamfn.cli._printing import AsJson, output
from streamfn.cli._results import AnyResult, ShowValues, shown_results

if TYPE_CHECKING:
    from streamfn._failures import Failed
    from streamfn._lambda import LambdaFunction
    from streamfn._pipeline import Pipeline
    from streamfn.sources import StreamReader


class Start(Enum):
    """Where to begin."""

    HORIZON = "horizon"
    LATEST = "latest"


def tail(
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
        Start | None,
        typer.Option(
            "--start",
            help="Where to begin: with the oldest records, of 24 hours, or after the latest. By default after the "
            "latest, but with a checkpoint that is yet to be made at the horizon, so that none is skipped.",
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

    Each batch is settled as the function's answer says: what failed comes again,
    and a checkpoint never moves past it. What waits for that has no line yet. It
    goes on until SIGINT (Ctrl-C) or SIGTERM, and then finishes what it is at.

    Examples:
      streamfn tail app:process --table prod-Card
      streamfn tail app:handler --start horizon --checkpoint cards.json --json

    With --json, a document a line, for each Result:
      {"eventName", "eventID", "sequenceNumber", "table", "handler", "detail",
       "location" and "exception" (of failures), "value" (with --show-values),
       "outcome"}

    Exit code:
      0  it was stopped, or the stream has ended, and no handler had failed
      1  the same, and a handler had failed
      2  the call was wrong, or AWS refused; standard error says why
      3  another reader has the checkpoint
    """
    from streamfn.sources import CheckpointInUse, FileCheckpoints, NoStream, NotACheckpoint, StreamReader

    use_account(endpoint_url, region, profile)
    process, function = named(pipeline)
    if stream is None and table is None:
        table = only_table(process)
    reader = StreamReader(
        stream,
        table=table,
        start=(start or beginning(checkpoint)).value,
        checkpoints=None if checkpoint is None else FileCheckpoints(checkpoint),
        report=tell,
    )
    show = json_lines(values=show_values) if as_json else lines_for(process)
    following = Following(reader, lambda results: show(shown_results(results, values=show_values)))
    followed = overheard(followed_function(process, function, skips=skip_failures), following.listen)
    try:
        reader.run(followed)
    except CheckpointInUse as error:
        return complain(str(error), ExitCode.IN_USE)
    except (NoStream, NotACheckpoint) as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        raise Misuse(f"{checkpoint} could not be used: {error.strerror}") from None
    return ExitCode.FAILED if following.failed else ExitCode.FINE


def only_table(process: Pipeline[object, object]) -> str:
    """Find the table that a pipeline is for. Fails with `Misuse` where there are several."""
    names = list(dict.fromkeys(route.table.name for route in process.routes))
    if len(names) != 1:
        raise Misuse(f"the pipeline is for {', '.join(names)}: say which one with --table")
    return names[0]


def beginning(checkpoint: Path | None) -> Start:
    """Say where to begin if nobody does."""
    return Start.LATEST if checkpoint is None else Start.HORIZON


def followed_function(
    process: Pipeline[object, object], function: LambdaFunction[object, object] | None, *, skips: bool
) -> LambdaFunction[object, object]:
    """Make the function that is called with batches; of a pipeline, one that need not report what is printed."""
    from streamfn import acknowledge, lambda_handler, retry

    if skips:
        return lambda_handler(process, acknowledge(_leave))
    return lambda_handler(process, retry(report=_leave)) if function is None else function


def _leave(_: Failed[object]) -> None:
    """Leave a failure to the line that is printed of it."""


class Following:
    """Shows what handlers make of a stream, and ends the reader when nobody reads that any more."""

    def __init__(self, reader: StreamReader, show: Callable[[Sequence[AnyResult]], None]) -> None:
        """Take the reader, and what prints."""
        self._reader = reader
        self._show = show
        self.failed: bool = False

    def listen(self, results: Sequence[AnyResult]) -> None:
        """Show Results."""
        self.failed = self.failed or any(not isinstance(each, Success) for each in results)
        try:
            self._show(results)
        except BrokenPipeError:
            # Python would otherwise complain once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), output().fileno())
            self._reader.stop()
