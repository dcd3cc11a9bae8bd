"""``streamfn replay``: runs a pipeline on all that an export of a table holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from streamfn._misuse import Misuse
from streamfn.cli._account import EndpointUrl, Profile, Region, use_account
from streamfn.cli._bar import bar
from streamfn.cli._exits import ExitCode, complain, say_ending
from streamfn.cli._on_spark import on_spark
from streamfn.cli._pipelines import Name, look_here
from streamfn.cli._printing import AsJson, print_json
from streamfn.cli._summaries import Summary, show

if TYPE_CHECKING:
    from streamfn.sources.export import Progress


def replay(
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
    folder. Called again it goes on where it ended, and runs again what failed,
    for the handlers that failed; "Unwanted" failed before, and nobody wants it
    now. SIGINT (Ctrl-C) and SIGTERM end it when the handlers that run are done,
    a second one at once; what has been done is remembered either way.

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
      3    another replay has the progress, and nothing was run here; or it may
           have it by now, and nothing more was run
      130  it was interrupted; called again it goes on
    """
    from streamfn.sources.export import DamagedExport, NotAnExport, NotProgress, ProgressInUse

    use_account(endpoint_url, region, profile)
    look_here()
    try:
        if spark:
            if processes is not None:
                raise Misuse("on Spark, its own settings say how many tasks there are: leave --processes out")
            summary = on_spark(pipeline, location, progress, table, failures)
        else:
            with bar(shown=not as_json) as advance:
                summary = on_this_machine(pipeline, location, progress, processes, table, failures, advance)
    except ProgressInUse as error:
        return complain(str(error), ExitCode.IN_USE)
    except (DamagedExport, NotAnExport, NotProgress) as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        raise Misuse(f"{error.filename or location}: {error.strerror or type(error).__name__}") from None
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
    from streamfn.sources import export

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
