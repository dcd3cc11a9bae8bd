"""Explaining: the functions that are generated for a model, as their text."""

from __future__ import annotations

from typing_extensions import TypeForm, TypeVar

from streamfn._tables import Table

T = TypeVar("T")


def explain(model: Table[T] | TypeForm[T], /) -> str:
    """Give the text of the functions that read the images of a table, or of a model without a table.

    It is empty where none are generated: for a table that is declared so, and for a model with a hook of your
    own. Tracebacks and debuggers show its lines too.

    Fails with `Misuse` for a model that attribute values cannot be made into.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Card:
    ...     id: int
    >>> print(explain(Card))
    """
    return model.source if isinstance(model, Table) else Table("", model).source
