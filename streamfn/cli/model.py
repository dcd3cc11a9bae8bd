"""``streamfn model``: propose a frozen dataclass for the items of a table, from a sample of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from streamfn.cli._common import (
    AsJson,
    EndpointUrl,
    ExitCode,
    Profile,
    Region,
    client,
    print_json,
    use_account,
    write,
)

if TYPE_CHECKING:
    from streamfn.cli._modelling import TableClient


def model_command(
    *,
    table: Annotated[str, typer.Option("--table", metavar="NAME", help="The table's name.")],
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many items to sample at most.")
    ] = 100,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="What to call the class; else it is made of the table's name."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Take items from a file, and ask AWS for nothing."),
    ] = None,
    partition_key: Annotated[
        str | None, typer.Option("--partition-key", metavar="NAME", help="With --file: the partition key.")
    ] = None,
    sort_key: Annotated[
        str | None, typer.Option("--sort-key", metavar="NAME", help="With --file: the sort key.")
    ] = None,
    time_to_live: Annotated[
        str | None, typer.Option("--time-to-live", metavar="NAME", help="With --file: the time to live.")
    ] = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Propose a frozen dataclass for a table's items, from a sample of them.

    The output is a module that mypy accepts and that reads every sampled item; its
    contents are names of attributes and types, and no values. The table itself names its keys and time
    to live (dynamodb:DescribeTable, DescribeTimeToLive, Scan; AWS bills a scan
    by the data read). A file has one item a line, in DynamoDB's JSON.

    Examples:
      streamfn model --table prod-Card > card.py
      streamfn model --table prod-Card --file items.jsonl --partition-key id

    With --json, one document:
      {"source": "...", "model": "Card", "samples": 100}

    Exit code:
      0  a model was proposed
      2  the call was wrong, or AWS refused; standard error says why
    """
    from streamfn._errors import ConfigurationError
    from streamfn.cli._modelling import (
        TableAttributes,
        fetch_table_attributes,
        module_of,
        proposed,
        read_items,
        scanned,
    )

    use_account(endpoint_url, region, profile)
    told = (partition_key, sort_key, time_to_live)
    if file is not None:
        items, keys = read_items(file, limit), TableAttributes(*told, {})
        if not items:
            raise ConfigurationError(f"{file} holds no items")
    elif any(each is not None for each in told):
        raise ConfigurationError("the table itself says what its keys are: name them only with --file")
    else:
        dynamodb = cast("TableClient", client("dynamodb"))  # boto3 makes it from data; it has those calls
        items, keys = scanned(dynamodb, table, limit), fetch_table_attributes(dynamodb, table)
    proposal = proposed(table, items, keys, name)
    source = module_of(proposal)
    if as_json:
        print_json({"source": source, "model": proposal.model, "samples": len(items)})
    else:
        write(source)
    return ExitCode.FINE
