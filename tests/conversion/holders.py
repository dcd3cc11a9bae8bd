"""Tables for tests of types: of one attribute, and of models that a test takes from a list."""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import cast

from typing_extensions import TypeForm

from streamfn import Table


def table_of(model: object) -> Table[object]:
    """Make a table of a model that the type checkers know nothing of."""
    return Table("prod-Card", cast("TypeForm[object]", model))  # or a test of what is none


def holder(hint: object) -> Table[object]:
    """Make a table whose model has one field, ``value``, of a type."""
    return Table("prod-Card", make_dataclass("Holder", [("value", hint)], frozen=True))
