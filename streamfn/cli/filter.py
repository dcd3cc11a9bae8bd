"""``streamfn filter``: the FilterCriteria with which Lambda drops records that no handler wants."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streamfn.cli._common import AsJson, ExitCode, Name, counted, on_terminal, pipeline_named, print_line


def filter_command(
    pipeline: Name,
    *,
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="NAME", help="The table whose stream the mapping reads, if there are several."
        ),
    ] = None,
    through_kinesis: Annotated[
        bool, typer.Option("--kinesis", help="For the mapping of a Kinesis stream that carries the changes.")
    ] = False,
    through_pipe: Annotated[
        bool, typer.Option("--pipe", help="For a pipe of EventBridge, which takes fewer operators.")
    ] = False,
    most: Annotated[
        int,
        typer.Option(
            "--most", metavar="N", min=1, max=10, help="How many filters the mapping may have; AWS's quota."
        ),
    ] = 5,
    as_json: AsJson = False,
) -> int:
    r"""Print the filters that pass the records handlers want, and no others.

    The output is FilterCriteria on one line, as the AWS CLI and templates take it. On a
    terminal, lines of explanation follow; --json prints none of these.

    Examples:
      streamfn filter app:process
      aws lambda update-event-source-mapping --uuid "$MAPPING" \
        --filter-criteria "$(streamfn filter app:process)"

    Exit code:
      0  the filters are printed
      2  the call was wrong, or no record is wanted; standard error says why
    """
    from streamfn.mappings import filter_criteria

    process = pipeline_named(pipeline)
    criteria = filter_criteria(
        process, table=table, through_kinesis=through_kinesis, through_pipe=through_pipe, most=most
    )
    print_line(json.dumps(criteria))
    if on_terminal() and not as_json:
        filters = criteria["Filters"]
        if filters:
            print_line(
                f"\n{counted(len(filters), 'filter')}; a record passes if one of them matches. To apply:"
            )
            print_line("  aws lambda update-event-source-mapping --uuid UUID \\")
            print_line(f'    --filter-criteria "$(streamfn filter {pipeline})"')
        else:
            print_line("\nNo filters: every record is wanted.")
    return ExitCode.FINE
