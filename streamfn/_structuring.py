"""The second stage: from a stream record to a typed event.

Only what a handler asks for is structured, and an image only once, however many handlers read it. The
exception are models that can be changed (a list in them, say): there each handler gets an image of its own,
so that none can change what another one sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Final, TypeAlias, cast

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn._conversion.models import is_immutable
from streamfn._events import (
    EVENTS,
    Change,
    Event,
    InsertEvent,
    KeysEvent,
    Kind,
    ModifyEvent,
    RemoveEvent,
    UpsertEvent,
)
from streamfn._failures import MissingImage, Undecodable
from streamfn._frozen import twin
from streamfn._records import StreamRecord
from streamfn._tables import Table
from streamfn._wire import EventName, Image, ImageName

T = TypeVar("T")

Unusable: TypeAlias = Undecodable | MissingImage
"""Why there is no typed image."""


class Unfit:
    """Stands where an image should, with the reason why there is none."""

    __slots__ = ("reason",)

    def __init__(self, reason: Unusable) -> None:
        """Take the reason."""
        self.reason: Unusable = reason


Items: TypeAlias = list[object]
"""What the parts of a record were structured to, by their index: an item, an `Unfit`, or None for what nobody has asked
for yet."""


class Part:
    """A part of a table's records, and how it is structured: the images as the table's model, `Keys` as another.

    Of a model that can be changed, each who asks gets an item of his own.
    """

    __slots__ = ("_decode", "_is_shared", "_look_again", "_name", "index")

    def __init__(
        self, table: Table[object], name: ImageName, index: int, keys: type[object] | None = None
    ) -> None:
        """Take a table's part, and the index that it has among all parts of such records; `keys` models `Keys`."""
        self.index: int = index
        self._name: ImageName = name
        self._is_shared = table.immutable if keys is None else is_immutable(keys)
        self._decode: Callable[[Image], object] = table.decode if keys is None else table.decode_keys(keys)
        self._look_again: Callable[[Image], Result[object, Undecodable]] = (
            table.look_again if keys is None else partial(table.look_again_at_keys, keys)
        )

    def item(self, record: StreamRecord, items: Items) -> object:
        """Structure this part of a record, or say with an `Unfit` why it cannot be; `items` is what is known of it."""
        image = record._raw["dynamodb"].get(self._name)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (`peek`, uncalled)
        if image is None:
            found: object = Unfit(MissingImage(self._name, record.view_type))
        else:
            try:
                found = self._decode(image)
            except Exception:  # noqa: BLE001 (whatever is wrong, if anything is, the second pass finds it out)
                found = self._item_or_unfit(image)
        if self._is_shared:
            items[self.index] = found
        return found

    def _item_or_unfit(self, image: Image) -> object:
        structured = self._look_again(image)
        if isinstance(structured, Success):
            return structured.unwrap()
        return Unfit(Undecodable(structured.failure().problems, self._name))


EventMaker: TypeAlias = Callable[[StreamRecord, Items], Change | Unfit]
"""Makes an event of a record and of what is known of its parts, for one handler."""


def event_maker(
    kind: Kind, event_name: EventName, handler: str, part: Callable[[ImageName], Part]
) -> EventMaker:
    """Make what makes the events that a handler of this kind and name gets of one kind of record.

    `part` finds a part of the records.
    """
    event, parts = EVENTS[kind][event_name]
    return _MAKERS[event](event, handler, *map(part, parts))


# Each of these is written out: one for all, which sets the image by the name of its field, adds a twentieth to what a
# pipeline costs for a record and handler.


def _of_new_image(event: type[Change], handler: str, new: Part) -> EventMaker:
    blank, new_index = twin(event), new.index

    def make(record: StreamRecord, items: Items) -> Change | Unfit:
        new_image = items[new_index]
        if new_image is None:
            new_image = new.item(record, items)
        if type(new_image) is Unfit:
            return new_image
        made = blank()
        made.record = record
        made.handler = handler
        made.new_image = new_image
        made.__class__ = event
        finished: Change = made
        return finished

    return make


def _of_old_image(event: type[Change], handler: str, old: Part) -> EventMaker:
    blank, old_index = twin(event), old.index

    def make(record: StreamRecord, items: Items) -> Change | Unfit:
        old_image = items[old_index]
        if old_image is None:
            old_image = old.item(record, items)
        if type(old_image) is Unfit:
            return old_image
        made = blank()
        made.record = record
        made.handler = handler
        made.old_image = old_image
        made.__class__ = event
        finished: Change = made
        return finished

    return make


def _of_both(event: type[Change], handler: str, old: Part, new: Part) -> EventMaker:
    blank, old_index, new_index = twin(event), old.index, new.index

    def make(record: StreamRecord, items: Items) -> Change | Unfit:
        old_image = items[old_index]
        if old_image is None:
            old_image = old.item(record, items)
        if type(old_image) is Unfit:
            return old_image
        new_image = items[new_index]
        if new_image is None:
            new_image = new.item(record, items)
        if type(new_image) is Unfit:
            return new_image
        made = blank()
        made.record = record
        made.handler = handler
        made.old_image = old_image
        made.new_image = new_image
        made.__class__ = event
        finished: Change = made
        return finished

    return make


def _of_keys(event: type[Change], handler: str, part: Part) -> EventMaker:
    blank, index = twin(event), part.index

    def make(record: StreamRecord, items: Items) -> Change | Unfit:
        keys = items[index]
        if keys is None:
            keys = part.item(record, items)
        if type(keys) is Unfit:
            return keys
        made = blank()
        made.record = record
        made.handler = handler
        made.keys = keys
        made.__class__ = event
        finished: Change = made
        return finished

    return make


_MAKERS: Final[Mapping[type[Change], Callable[..., EventMaker]]] = {
    InsertEvent: _of_new_image,
    UpsertEvent: _of_new_image,
    ModifyEvent: _of_both,
    RemoveEvent: _of_old_image,
    KeysEvent: _of_keys,
}


Structure: TypeAlias = Callable[[StreamRecord], Result[Event[T], Unusable]]
"""Makes the typed event of a record of one table; see `structure`."""


def structure(table: Table[T], record: StreamRecord) -> Result[Event[T], Unusable]:
    """Make the typed event of a record: what `on_event` hands to its handlers.

    It gives `Undecodable` if an image does not fit the model, and `MissingImage` if the stream's view type
    leaves out an image that the event holds.
    """
    return structurer(table)(record)


def structurer(table: Table[T]) -> Structure[T]:
    """Make what does the same for many records of a table."""
    any_table = cast("Table[object]", table)  # it only reads, which is safe for any T
    makers: dict[EventName, EventMaker] = {}

    def structure_one(record: StreamRecord) -> Result[Event[T], Unusable]:
        name = record.event_name
        if name not in makers:
            indices = count()
            makers[name] = event_maker("event", name, "", lambda image: Part(any_table, image, next(indices)))
        made = makers[name](record, [None, None])
        # Of the kind "event" these are its three events, of images of T.
        return Failure(made.reason) if isinstance(made, Unfit) else Success(cast("Event[T]", made))

    return structure_one
