"""Items: what keeps records together whose order counts, for each handler by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from streamfn._records import Record, StreamRecord
from streamfn._wire import is_map

Item: TypeAlias = frozenset[tuple[str, tuple[str, object]]]
"""What tells items of one table apart: their keys, in a form that can be compared and hashed."""

_UNKNOWN: Final[Item] = frozenset()


Place: TypeAlias = tuple[str, Item]
"""A handler's name and an item: of one place, nothing overtakes what came before."""


def item_of(record: Record) -> Item:
    """Find which item of its table a record is about.

    Those with keys that are no attribute values pass for one and the same item, so that they keep their order.
    What is no record is about none, and has nothing to wait for.
    """
    if not isinstance(record, StreamRecord):
        return _UNKNOWN
    keys: Mapping[str, object] = record.peek("Keys") or {}
    try:
        return frozenset(
            [(name, tagged) for name, value in keys.items() if is_map(value) for tagged in value.items()]
        )
    except TypeError:  # a list or a map cannot be hashed
        return _UNKNOWN
