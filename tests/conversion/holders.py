"""Tables of one attribute, for tests of its type."""

from __future__ import annotations

from dataclasses import make_dataclass

from streamfn import Table


def holder(hint: object) -> Table[object]:
    """Make a table whose model has one field, ``value``, of a type."""
    return Table("prod-Card", make_dataclass("Holder", [("value", hint)], frozen=True))
