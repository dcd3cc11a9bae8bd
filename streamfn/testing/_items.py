"""Items as their table writes them: the table's name, the item's attributes and its keys.

A test gives an item and no table; the table is the one that was declared with the item's model. Where none
was, a handler can be tested all the same: the item is written as by a table of the model's name.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from typing_extensions import TypeVar

from streamfn._conversion.lookup import writer
from streamfn._converters import make_converter
from streamfn._misuse import Misuse
from streamfn._tables import Table, tables_of
from streamfn._wire import Image
from streamfn.testing._attributes import first_key

T = TypeVar("T")

_CONVERTER: Final = make_converter()


class Item(NamedTuple):
    """An item of a table, as attribute values."""

    table_name: str
    keys: Image
    image: Image


def written(item: T, table: Table[T] | None) -> Item:
    """Write an item as its table does; without a table, as the one that was declared with its model.

    A model that marks no keys has the first attribute for its key that can be one.

    Fails with `Misuse` if several tables were declared with the model and do not write it alike, or if there
    is nothing in the item that could be its key; and with `ValueError`, which names the field, for a value
    that DynamoDB does not store.
    """
    if table is not None:
        return _written_by(cast("Table[object]", table), item)  # it only writes, and an item of T
    tables = tables_of(type(item))
    if not tables:
        return written_bare(item, type(item).__name__)
    first, *others = (_written_by(each, item) for each in tables)
    if any(other != first for other in others):
        names = ", ".join(sorted({each.name for each in tables}))
        raise Misuse(f"{type(item).__name__} is the model of several tables ({names}): name one with table=")
    return first


def written_bare(item: object, table_name: str) -> Item:
    """Write an item of a model without a table of its own, or keys alone."""
    # A model is written as an M.
    image = cast("dict[str, Image]", writer(type(item), _CONVERTER)(item))["M"]
    return Item(table_name, _unmarked_keys(item, image), image)


def _written_by(table: Table[object], item: object) -> Item:
    image = table.unstructure(item)
    marked = [key.name for key in table.key_attributes.attributes]
    keys = {name: image[name] for name in marked} if marked else _unmarked_keys(item, image)
    return Item(table.name, keys, image)


def _unmarked_keys(item: object, image: Image) -> Image:
    if keys := first_key(image):
        return keys
    raise Misuse(
        f"{type(item).__name__} has nothing that could be an item's key: annotate a field with PartitionKey"
    )
