"""The commands for event source mappings.

- ``streamfn filter``: the FilterCriteria with which Lambda drops records that no handler wants
- ``streamfn check-mapping``: a deployed function's mappings, against the promises of its delivery
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from streamfn._errors import shown
from streamfn.cli._common import (
    AsJson,
    Column,
    EndpointUrl,
    ExitCode,
    Name,
    Profile,
    Region,
    client,
    counted,
    function_named,
    on_terminal,
    pipeline_named,
    print_json,
    print_line,
    print_table,
    use_account,
)

if TYPE_CHECKING:
    from streamfn.mappings import LambdaClient


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


_COLUMNS: Final = (
    Column("Setting"),
    Column("Found", folds=True),
    Column("Wanted", folds=True),
    Column("Why", folds=True),
)


def check_mapping_command(
    function: Annotated[
        str,
        typer.Argument(
            metavar="FUNCTION", help="The function's name or ARN, with its alias if mappings name one."
        ),
    ],
    *,
    handler: Annotated[
        str | None,
        typer.Option(
            "--handler",
            metavar="NAME",
            help="What was deployed, as in app:handler; without it, the strictest delivery is assumed.",
        ),
    ] = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Check a deployed function's event source mappings against its delivery.

    The command reads the settings (lambda:GetFunctionConfiguration and
    lambda:ListEventSourceMappings) and changes nothing.

    Examples:
      streamfn check-mapping follow-cards --handler app:handler
      streamfn check-mapping follow-cards:live --region eu-west-1

    With --json, one document:
      {"findings": [{"mapping", "setting", "found", "wanted", "why"}]}

    Exit code:
      0  the settings fit
      1  a setting would lose records, or repeat successes
      2  the call was wrong, or AWS refused; standard error says why
    """
    from streamfn import mappings

    use_account(endpoint_url, region, profile)
    deployed = None if handler is None else function_named(handler)
    # boto3 makes its clients from data; this client has these methods.
    findings = mappings.check_mapping(cast("LambdaClient", client("lambda")), function, deployed)
    if as_json:
        print_json({"findings": [asdict(each) for each in findings]})
    elif findings:
        for mapping, group in groupby(findings, key=lambda each: each.mapping):
            print_line("The function:" if mapping is None else f"The mapping {shown(mapping)}:")
            print_table(_COLUMNS, [[each.setting, each.found, each.wanted, each.why] for each in group])
            print_line()
        print_line(f"{counted(len(findings), 'finding')} in {function}")
    else:
        print_line(f"The mappings of {function} fit.")
    return ExitCode.FAILED if findings else ExitCode.FINE
