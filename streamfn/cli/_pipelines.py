"""The pipelines and functions that commands are given by name; they are also looked for where the command is called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from streamfn._lambda import LambdaFunction
    from streamfn._pipeline import Pipeline

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A pipeline, as in app:process, or the function made of it, as in app:handler.",
    ),
]


def pipeline_named(name: str) -> Pipeline[object, object]:
    """Find a pipeline. Fails with `Misuse`."""
    from streamfn._loading import load_pipeline

    look_here()
    return load_pipeline(name)


def function_named(name: str) -> LambdaFunction[object, object]:
    """Find a function that Lambda calls. Fails with `Misuse`."""
    from streamfn._loading import load_function

    look_here()
    return load_function(name)


def look_here() -> None:
    """Have Python look for modules in the folder that the command is called in, and there first."""
    if sys.path[0] != "":
        sys.path.insert(0, "")


def named(name: str) -> tuple[Pipeline[object, object], LambdaFunction[object, object] | None]:
    """Find a pipeline, and the function that was made of it if that is what goes by the name. Fails with `Misuse`."""
    from streamfn._lambda import LambdaFunction
    from streamfn._loading import load

    look_here()
    found = load(name)
    return (found.process, found) if isinstance(found, LambdaFunction) else (found, None)
