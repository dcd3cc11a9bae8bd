"""``streamfn check-mapping``: check a deployed function's mappings against the promises of its delivery."""

from __future__ import annotations

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
    Profile,
    Region,
    client,
    counted,
    function_named,
    print_json,
    print_line,
    print_table,
    use_account,
)

if TYPE_CHECKING:
    from streamfn.mappings import LambdaClient

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
