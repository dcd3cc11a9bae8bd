"""The application: all commands under one name, and the options and exits that they share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import update_wrapper
from importlib.metadata import version
from typing import Annotated, Final

import typer

from streamfn.cli._common import alone_on_output, print_line, run_command
from streamfn.cli.graph import graph_command
from streamfn.cli.invoke import invoke_command
from streamfn.cli.mappings import check_mapping_command, filter_command
from streamfn.cli.model import model_command
from streamfn.cli.redrive import redrive_command
from streamfn.cli.replay import replay_command
from streamfn.cli.tail import tail_command

_ABOUT: Final = "Typed handlers for AWS Lambda functions fed by a DynamoDB stream."

COMMANDS: Final[Mapping[str, Callable[..., int]]] = {
    "invoke": invoke_command,
    "tail": tail_command,
    "replay": replay_command,
    "redrive": redrive_command,
    "filter": filter_command,
    "check-mapping": check_mapping_command,
    "graph": graph_command,
    "model": model_command,
}


_FOR_MACHINES: Final = (filter_command, graph_command)
"""The commands that print nothing but a document, whether as JSON or not, and load modules that may print as well."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the process was called with, or that is given, and exit with its code; see `main`."""
    application()(arguments, prog_name="streamfn")


def application() -> typer.Typer:
    """Put the commands together."""
    # Plain help goes through a pipe as it is, and needs no rich to be loaded.
    made = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    made.callback(help=_ABOUT)(_options)
    for name, command in COMMANDS.items():
        made.command(name, help=help_of(command), short_help=line_of(command))(exiting(command))
    return made


def exiting(command: Callable[..., int]) -> Callable[..., None]:
    """Return a command that exits with the code that the given one returns."""

    def run_it(*arguments: object, **options: object) -> None:
        with alone_on_output() if options.get("as_json") or command in _FOR_MACHINES else nullcontext():
            code = run_command(lambda: command(*arguments, **options))
        raise typer.Exit(code)

    update_wrapper(run_it, command)  # typer reads the arguments off it
    return run_it


def help_of(command: Callable[..., int]) -> str:
    """Make a command's help of its docstring: paragraphs with lines that are set in are left as they are."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(f"\b\n{each}" if "\n  " in each else each for each in paragraphs)


def line_of(command: Callable[..., int]) -> str:
    """Make the line that the list of commands has for one: how its docstring begins."""
    first = (inspect.getdoc(command) or "").partition("\n")[0]
    return f"{re.split('[,:.]', first)[0]}."


def _show_version(wanted: bool) -> None:  # noqa: FBT001 (typer passes it by position)
    if wanted:
        print_line(f"streamfn {version('streamfn')}")
        raise typer.Exit


def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Accept the options in front of a command; typer has handled them by then."""
