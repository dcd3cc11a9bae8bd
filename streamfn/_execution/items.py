"""Items: what keeps records together whose order counts, for each handler by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from streamfn._execution.gate import Turn
from streamfn._records import StreamRecord
from streamfn._wire import is_map

Item: TypeAlias = frozenset[tuple[str, tuple[str, object]]]
"""What tells items of one table apart: their keys, in a form that can be compared and hashed."""

_UNKNOWN: Final[Item] = frozenset()


Place: TypeAlias = tuple[str, Item]
"""A handler's name and an item: of one place, nothing overtakes what came before."""


def item_of(record: StreamRecord) -> Item:
    """Find which item of its table a record is about.

    Those with keys that are no attribute values pass for one and the same item, so that they keep their order.
    """
    keys: Mapping[str, object] = record.peek("Keys") or {}
    try:
        return frozenset(
            (name, tagged) for name, value in keys.items() if is_map(value) for tagged in value.items()
        )
    except TypeError:  # a list or a map cannot be hashed
        return _UNKNOWN


def place_of(turn: Turn) -> Place:
    """Find a turn's place. What reaches no handler is of none, and has nothing to wait for in this one."""
    return turn.name, item_of(turn.record) if isinstance(turn.record, StreamRecord) else _UNKNOWN
