"""Has the site show the defaults of parameters as a caller can write them, and no other values of attributes.

A constant of the library's own is shown by its value. Any other private name, and a function without a name, is shown
as three dots: a caller leaves it out.
"""

from __future__ import annotations

import builtins
from importlib import import_module
from typing import Final

from griffe import Attribute, ExprLambda, Extension, Function, Parameter
from typing_extensions import override

MODULES: Final = (
    "streamfn",
    "streamfn.dead_letters",
    "streamfn.ledgers",
    "streamfn.mappings",
    "streamfn.sources",
    "streamfn.exports",
    "streamfn.redrive",
    "streamfn.spark",
    "streamfn.testing",
    "streamfn.windows",
)
"""What a user imports from."""

LEFT_OUT: Final = "..."


class Defaults(Extension):
    """Rewrites the defaults of functions and methods."""

    @override
    def on_function(self, *, func: Function, **_: object) -> None:
        """Rewrite the defaults of a function."""
        for parameter in func.parameters:
            _rewrite(parameter, func.module.path)

    @override
    def on_attribute(self, *, attr: Attribute, **_: object) -> None:
        """Leave out a value that a method assigns, and a private name; the class's signature shows its parameters."""
        written = str(attr.value)
        of_instances = "instance-attribute" in attr.labels and "class-attribute" not in attr.labels
        if of_instances or (written.isidentifier() and not _is_public(written)):
            attr.value = None


def _rewrite(parameter: Parameter, module: str) -> None:
    written = str(parameter.default)
    if isinstance(parameter.default, ExprLambda):
        parameter.default = LEFT_OUT
    elif written.isidentifier() and not _is_public(written):
        value: object = getattr(import_module(module), written)
        parameter.default = f"{value!r}" if isinstance(value, int | str) else LEFT_OUT


def _is_public(name: str) -> bool:
    return hasattr(builtins, name) or any(name in import_module(module).__all__ for module in MODULES)
