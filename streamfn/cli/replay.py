"""`streamfn replay`: the progress bar, the summary, replays on Spark, and the command."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from streamfn._errors import ConfigurationError
from streamfn.cli._common import (
    AsJson,
    Column,
    EndpointUrl,
    ExitCode,
    Name,
    Profile,
    Region,
    counted,
    look_here,
    print_error,
    print_json,
    print_line,
    print_table,
    say_ending,
    use_account,
    with_place,
)

if TYPE_CHECKING:
    from streamfn.exports import OutcomeRow, Progress


# The progress of a replay, as a bar on a terminal.


@contextmanager
def bar(*, shown: bool) -> Generator[Callable[[Progress], None]]:
    """Show progress, rate and remaining time on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text
    from typing_extensions import override

    class Rate(TextColumn):
        """The number of records a second."""

        @override
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), Rate(""), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("", total=None)

        def advance(progress: Progress) -> None:
            bar.update(task, completed=progress.lines, total=progress.all_lines)

        yield advance


# The summary of a replay, for people and for machines.


@dataclass(frozen=True)
class Summary:
    """The counts of a replay; `failures` holds the first of them."""

    handled: dict[str, int]
    failed: dict[tuple[str | None, str], int]
    failures: list[OutcomeRow]
    unfinished: dict[str, str]
    interrupted: bool
    progress_missing: dict[str, str] = field(default_factory=dict[str, str])

    def document(self) -> dict[str, object]:
        """Describe it for machines."""
        return {
            "handled": self.handled,
            "failed": [
                {"handler": handler, "outcome": outcome, "count": count}
                for (handler, outcome), count in self.failed.items()
            ],
            "failures": [asdict(each) for each in self.failures],
            "unfinished": self.unfinished,
            "progress_missing": self.progress_missing,
            "interrupted": self.interrupted,
        }


def summed(outcomes: Iterable[OutcomeRow], failures: int) -> Summary:
    """Sum outcomes up as they come."""
    handled, failed = Counter[str](), Counter[tuple[str | None, str]]()
    first: list[OutcomeRow] = []
    unfinished: dict[str, str] = {}
    missing: dict[str, str] = {}
    for each in outcomes:
        if each.outcome == "handled":
            handled[each.handler or ""] += each.count
        elif each.outcome == "ProgressMissing":
            missing[each.data_file] = ", ".join(filter(None, (missing.get(each.data_file), each.detail)))
        elif each.line is None:
            unfinished[each.data_file] = each.detail or each.outcome
        else:
            failed[each.handler, each.outcome] += each.count
            first += [each] if len(first) < failures else []
    return Summary(
        dict(handled), dict(failed), first, unfinished, interrupted=False, progress_missing=missing
    )


def show(summary: Summary) -> None:
    """Print a summary for people."""
    counts = [[handler, "handled", f"{count:,}"] for handler, count in sorted(summary.handled.items())]
    counts += [[handler or "", outcome, f"{count:,}"] for (handler, outcome), count in summary.failed.items()]
    if counts:
        print_table([Column("Handler"), Column("Outcome"), Column("Records")], counts)
        print_line()
    if summary.failures:
        print_table(
            [
                Column("File", folds=True),
                Column("Line"),
                Column("Handler"),
                Column("Outcome"),
                Column("Detail", folds=True),
            ],
            [
                [
                    each.data_file,
                    str(each.line or ""),
                    each.handler or "",
                    each.outcome,
                    with_place(each.detail, each.location),
                ]
                for each in summary.failures
            ],
        )
        rest = sum(summary.failed.values()) - len(summary.failures)
        print_line(f"… and {counted(rest, 'more failure')}\n" if rest else "")
    if summary.progress_missing:
        print_table(
            [Column("File", folds=True), Column("Had no progress, and run again", folds=True)],
            [[name, lines] for name, lines in summary.progress_missing.items()],
        )
        print_line()
    if summary.unfinished:
        print_table(
            [Column("File", folds=True), Column("Could not be run to its end", folds=True)],
            [[name, why] for name, why in summary.unfinished.items()],
        )
        print_line()
    handled, failed = sum(summary.handled.values()), sum(summary.failed.values())
    told = [counted(handled, "success", "successes"), counted(failed, "failure")]
    if summary.unfinished:
        told.append(counted(len(summary.unfinished), "unfinished file"))
    print_line(", ".join(told))
    if summary.interrupted:
        print_line("It was interrupted: call it again, and it goes on from there.")


# A replay on Spark, in the current session or in a session on this machine.


def on_spark(pipeline: str, location: str, progress: str | None, table: str | None, failures: int) -> Summary:
    """Run a replay on Spark. Raises `ConfigurationError` where Spark is missing."""
    try:
        from pyspark.sql import SparkSession  # pyright: ignore[reportMissingModuleSource] (only types are here)
    except ImportError:
        raise ConfigurationError(
            "there is no Spark here: install streamfn[spark], or call this where there is, by spark-submit say"
        ) from None
    from streamfn import spark
    from streamfn.exports import OutcomeRow

    prepare_workers()
    frame = spark.replay(
        SparkSession.builder.getOrCreate(), location, pipeline, progress=progress, table_name=table
    )
    # A row has the fields of an Outcome; a partition of them is fetched at a time.
    rows = (cast("tuple[str, str | None, str]", row) for row in frame.toLocalIterator())
    return summed((OutcomeRow(*row) for row in rows), failures)


def prepare_workers(environment: MutableMapping[str, str] = os.environ) -> None:
    """Give Spark's workers on this machine the same Python, and the same path of modules."""
    environment.setdefault("PYSPARK_PYTHON", sys.executable)
    before = environment.get("PYTHONPATH")
    here = str(Path.cwd())
    environment["PYTHONPATH"] = here if not before else f"{here}{os.pathsep}{before}"


# The command ``streamfn replay``.


def replay_command(
    pipeline: Name,
    location: Annotated[
        str,
        typer.Argument(
            metavar="LOCATION",
            help="The folder of the export, AWSDynamoDB/<id>, or s3://bucket/…/AWSDynamoDB/<id>.",
        ),
    ],
    *,
    spark: Annotated[
        bool, typer.Option("--spark", help="Run it on Spark, in the session that there is or a local one.")
    ] = False,
    progress: Annotated[
        str | None,
        typer.Option(
            "--progress",
            metavar="LOCATION",
            help="Where to remember what has been run; by default beside the export.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", metavar="N", min=1, help="How many; by default one for each core."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", help="What the pipeline calls the table, if the export is of a copy."
        ),
    ] = None,
    failures: Annotated[
        int,
        typer.Option("--failures", metavar="N", min=0, help="How many failures to show with their places."),
    ] = 10,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Run a pipeline on all that an export of its table holds.

    Full and incremental exports to S3, in DynamoDB's JSON, there or copied to a
    folder. Called again, the command goes on where it ended, and runs failures again
    for the handlers that failed; "Unwanted" failed before, and no handler wants it
    now. SIGINT (Ctrl-C) and SIGTERM end it after the handlers that run,
    a second signal at once; the progress is kept either way.

    Examples:
      streamfn replay app:process backups/AWSDynamoDB/01693685827463-2d8752fd
      streamfn replay app:process s3://backups/AWSDynamoDB/01693685827463-2d8752fd

    With --json, one document:
      {"handled": {"announce": 1}, "failed": [{"handler", "outcome", "count"}],
       "failures": [{"data_file", "line", "handler", "outcome", "detail",
         "event_id", "count", "location"}], "unfinished": {"file": "why"},
       "progress_missing": {"file": "lines 11 to 20"}, "interrupted": false}

    Exit code:
      0    every handler succeeded on every record that it wants
      1    a handler failed, or a file could not be read
      2    the call was wrong, or AWS refused; standard error says why
      3    another replay uses the progress, and nothing ran here; or it may
           use it by now, and nothing more ran
      130  interrupted; called again, the replay goes on
    """
    from streamfn.exports import DamagedExport, NotAnExport, NotProgress, ProgressInUse

    use_account(endpoint_url, region, profile)
    look_here()
    try:
        if spark:
            if processes is not None:
                raise ConfigurationError(
                    "on Spark, its own settings say how many tasks there are: leave --processes out"
                )
            summary = on_spark(pipeline, location, progress, table, failures)
        else:
            with bar(shown=not as_json) as advance:
                summary = on_this_machine(pipeline, location, progress, processes, table, failures, advance)
    except ProgressInUse as error:
        return print_error(str(error), ExitCode.IN_USE)
    except (DamagedExport, NotAnExport, NotProgress) as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or location}: {error.strerror or type(error).__name__}"
        ) from None
    if as_json:
        print_json(summary.document())
    else:
        show(summary)
    if summary.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if summary.failed or summary.unfinished else ExitCode.FINE


def on_this_machine(
    pipeline: str,
    location: str,
    progress: str | None,
    processes: int | None,
    table: str | None,
    failures: int,
    advance: Callable[[Progress], None],
) -> Summary:
    """Run it in processes here."""
    from streamfn import exports as export

    ran = export.replay(
        location,
        pipeline,
        processes=processes,
        progress=progress,
        table_name=table,
        on_progress=advance,
        on_interrupt=say_ending,
    )
    return Summary(
        dict(ran.handled),
        dict(ran.failed),
        list(islice(ran.failures(), failures)),
        dict(ran.unfinished),
        ran.interrupted,
        dict(ran.progress_missing),
    )
