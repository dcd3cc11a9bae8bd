"""Names: of fields, which may not be what their attributes are called, and of classes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final
from unicodedata import normalize

RESERVED: Final = frozenset(
    {
        *("Annotated", "Attribute", "PartitionKey", "SortKey", "Table", "TimeToLive", "dataclass", "table"),
        *(
            "Decimal",
            "False",
            "None",
            "True",
            "bool",
            "bytes",
            "datetime",
            "dict",
            "frozenset",
            "int",
            "object",
            "str",
            "tuple",
        ),
    }
)
"""What the module itself means by a name; a field of that name would take its place within the class."""

_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def field_names(attributes: Iterable[str], taken: Collection[str]) -> Mapping[str, str]:
    """Give each attribute a field of its own, of the same name where Python allows that.

    >>> field_names(["id", "class", "unit-price", "unit_price"], ())
    {'id': 'id', 'class': 'class_', 'unit-price': 'unit_price_2', 'unit_price': 'unit_price'}
    """
    attributes = list(attributes)
    found = {name: name for name in attributes if _is_field(name) and name not in {*RESERVED, *taken}}
    used = {*found, *RESERVED, *taken}
    for name in attributes:
        if name not in found:
            found[name] = unused(_as_field(name), used)
            used.add(found[name])
    return {name: found[name] for name in attributes}


def class_name(text: str, *, of_many: bool = False) -> str:
    """Make a class's name of an attribute's or a table's; of a list's, that of one of what is in it.

    >>> class_name("shipping-address"), class_name("lines", of_many=True), class_name("42")
    ('ShippingAddress', 'Line', 'Item42')
    """
    words = [word[0].upper() + word[1:] for word in _WORD.findall(text)]
    name = "".join(words) or "Item"
    if of_many and name.endswith("s") and not name.endswith("ss") and len(name) > 1:
        name = name[:-1]
    return f"Item{name}" if name[0].isdigit() else name


def unused(name: str, used: Collection[str]) -> str:
    """Number a name if it is taken."""
    number = 2
    candidate = name
    while candidate in used:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _is_field(name: str) -> bool:
    # Python reads names in their NFKC form, and changes those that begin with two underscores within a class. A
    # dataclass takes for a field's default the attribute that each class has of its type, `mro`.
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and normalize("NFKC", name) == name
        and not name.startswith("__")
        and not hasattr(type, name)
    )


def _as_field(name: str) -> str:
    if name in RESERVED or keyword.iskeyword(name):
        return f"{name}_"
    parts = _WORD.findall(name)
    joined = "_".join(parts)
    if not joined:
        return "attribute"
    return (
        joined
        if not joined[0].isdigit() and _is_field(joined) and joined not in RESERVED
        else f"attribute_{joined}"
    )
