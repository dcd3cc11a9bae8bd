"""Items as their table writes them: the table's name, the item's attributes and its keys.

A test gives an item and no table; the table is the one that was declared with the item's model. Where none
was, a handler can be tested all the same: the item is written as by a table of the model's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol, cast

from typing_extensions import TypeVar

from streamfn._conversion.lookup import writer
from streamfn._conversion.models import fields_of
from streamfn._conversion.types import Hint, is_model, is_typed_dict, members
from streamfn._converters import make_converter
from streamfn._misuse import Misuse, kind_of
from streamfn._tables import Table, tables_of, tables_of_dicts
from streamfn._wire import Image
from streamfn.testing._attributes import first_key

T = TypeVar("T")

_CONVERTER: Final = make_converter()


class Attribute(Protocol):
    """A field of an attrs class."""

    @property
    def name(self) -> str:
        """The field's name."""
        ...


class Item(NamedTuple):
    """An item of a table, as attribute values."""

    table_name: str
    keys: Image
    image: Image


def written(item: T, table: Table[T] | None) -> Item:
    """Write an item as its table does; without a table, as the one that was declared with its model.

    A model that marks no keys has the first attribute for its key that can be one.

    An item of a subclass that adds no field counts as one of the model. A dict is one of each TypedDict whose keys it
    has. Of several tables, those count that can write the item, as G[int] and not G[str] can write a G of 1.

    Fails with `Misuse` if several tables can write the item and do not write it alike, or if there is nothing in the
    item that could be its key; and with `ValueError`, which names the field, for a value that DynamoDB does not store.
    """
    if table is not None:
        if not isinstance(cast("object", table), Table):
            raise Misuse(f"table is a Table, got {kind_of(table)}: pass the one that was declared")
        return _written_by(cast("Table[object]", table), item)  # it only writes, and an item of T
    tables = _tables_for(item)
    if not tables and not is_model(type(item)) and not _is_dict(item):
        raise Misuse(
            f"an item is an instance of a model, got {kind_of(item)}: make one, as in insert_event(Card(1))"
        )
    if not tables:
        return written_bare(item, type(item).__name__)
    if len(tables) == 1:
        return _written_by(tables[0], item)
    found: list[Item] = []
    problems: list[Exception] = []
    for each in tables:
        try:
            found.append(_written_by(each, item))
        except Exception as problem:  # noqa: BLE001 (a hook of the user's own raises whatever it likes for another model)
            problems.append(problem)
    if not found:
        raise next((each for each in problems if isinstance(each, ValueError)), problems[0])
    if any(other != found[0] for other in found):
        names = ", ".join(sorted({each.name for each in tables}))
        raise Misuse(f"{type(item).__name__} is the model of several tables ({names}): name one with table=")
    return found[0]


def table_name_of(keys: object) -> str:
    """Name the table of an item's keys: the one that has their class for its model, or else by the class."""
    names = {table.name for table in _tables_for(keys)}
    return names.pop() if len(names) == 1 else type(keys).__name__


def _tables_for(item: object) -> Sequence[Table[object]]:
    """Find the tables that have the model of an item."""
    if isinstance(item, dict):
        keys = frozenset(cast("dict[str, object]", item))  # isinstance drops the type
        return [
            table for table in tables_of_dicts() if any(_fits(keys, model) for model in members(table.model))
        ]
    cls = type(item)
    for base in cls.__mro__:
        if (tables := tables_of(base)) and (base is cls or _names(base) == _names(cls)):
            return tables
    return ()


def _is_dict(item: object) -> bool:
    return isinstance(item, dict)


def _fits(keys: frozenset[str], model: Hint) -> bool:
    if not is_typed_dict(model):
        return False
    fields = fields_of(model)
    required = frozenset(field.name for field in fields if field.required)
    return required <= keys <= frozenset(field.name for field in fields)


def _names(model: type) -> frozenset[str]:
    """Name the fields of a dataclass or an attrs class, whatever their types are."""
    fields: Mapping[str, object] | Sequence[Attribute] = getattr(
        model, "__attrs_attrs__", getattr(model, "__dataclass_fields__", {})
    )
    return frozenset(fields if isinstance(fields, Mapping) else (field.name for field in fields))


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
