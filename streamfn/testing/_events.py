"""Events of a user's own items, as a handler's test needs them.

Each event bears the record that the stream would carry, so that it can go to a handler at once or, by
`lambda_event`, through a whole pipeline.
"""

from __future__ import annotations

from typing_extensions import TypeVar, Unpack

from streamfn._events import InsertEvent, KeysEvent, ModifyEvent, RemoveEvent, UpsertEvent
from streamfn._tables import Table
from streamfn.testing._items import table_name_of, written, written_bare
from streamfn.testing._records import Identity, record

T = TypeVar("T")
K = TypeVar("K")


def insert_event(item: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]) -> InsertEvent[T]:
    """Make the event of an item that comes into the table.

    `table` is the one that was declared with the item's model; name it where there are several. `identity`
    is what the record should be known by: see `Identity`.

    Fails with `Misuse` if several tables were declared with the model and none is named, or if nothing in the
    item could be its key; and with `ValueError`, which names the field, for a value that DynamoDB does not
    store.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> event = insert_event(Card(1))
    >>> event.new_image, event.record.new_image
    (Card(id=1), {'id': {'N': '1'}})
    """
    new = written(item, table)
    return InsertEvent(record("INSERT", new, identity, new_image=new.image), item)


def modify_event(
    old: T, new: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]
) -> ModifyEvent[T]:
    """Make the event of an item that changes from `old` to `new`; see `insert_event`.

    Fails, besides, with `ValueError` if the two have different keys: to DynamoDB those are two items.
    """
    before, after = written(old, table), written(new, table)
    if before.keys != after.keys:
        raise ValueError(
            "an item keeps its keys: make a remove_event of the one and an insert_event of the other"
        )
    made = record("MODIFY", after, identity, old_image=before.image, new_image=after.image)
    return ModifyEvent(made, old, new)


def remove_event(
    item: T, *, expired: bool = False, table: Table[T] | None = None, **identity: Unpack[Identity]
) -> RemoveEvent[T]:
    """Make the event of an item that leaves the table, `expired` by its time to live or removed; see `insert_event`."""
    old = written(item, table)
    return RemoveEvent(record("REMOVE", old, identity, old_image=old.image, expired=expired), item)


def upsert_event(item: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]) -> UpsertEvent[T]:
    """Make what an `on_upsert` handler gets, here of an item that comes into the table; see `insert_event`."""
    new = written(item, table)
    return UpsertEvent(record("INSERT", new, identity, new_image=new.image), item)


def keys_event(keys: K, *, table_name: str = "", **identity: Unpack[Identity]) -> KeysEvent[K]:
    """Make what an `on_keys` handler gets, here of an item that comes into the table.

    `keys` is an instance of the model that the handler was registered with, and `table_name` by default that
    of the table which has it for its model, or else the name of that model. `identity` is as for `insert_event`.

    For a whole pipeline, make the event of an item and send it with
    ``lambda_event(…, view_type=StreamViewType.KEYS_ONLY)``.
    """
    item = written_bare(keys, table_name or table_name_of(keys))
    return KeysEvent(record("INSERT", item._replace(keys=item.image), identity), keys)
