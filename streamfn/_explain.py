"""Explaining: the functions that are generated for a model, as their text."""

from __future__ import annotations

from typing import overload

from typing_extensions import TypeForm, TypeVar

from streamfn._conversion.lookup import reader
from streamfn._conversion.standard import StandardHooks
from streamfn._decoding.decoders import decoder_of
from streamfn._tables import Table

T = TypeVar("T")


@overload
def explain(table: Table[T], /) -> str: ...
@overload
def explain(model: TypeForm[T], /) -> str: ...
def explain(model: object, /) -> str:
    """Give the text of the functions that read the images of a table, or of a model that has no table yet.

    They are generated when the table is declared. Tracebacks and debuggers show their lines as well. The text is
    empty where there are none: for a table that is declared so, and for a model with a hook of your own.

    Fails with `Misuse` for a model that attribute values cannot be made into.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Card:
    ...     title: str
    >>> print(explain(Card))
    # How images are read. ...
    def read_Card(image):
        ...
        value = image["title"]
        held = value["S"]
        if len(value) == 1 and type(held) is str:
            made.title = held
        else:
            made.title = read_text(value)
        made.__class__ = Card
        return made
    <BLANKLINE>
    """
    if isinstance(model, Table):
        return model.source
    return decoder_of(reader(model, StandardHooks(forbid_extra_keys=False)), model).source
