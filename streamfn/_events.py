"""Events: the arguments of handlers, and how each event is made from a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final, Generic, Literal, TypeAlias, cast

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar, override

from streamfn._conversion.models import is_immutable
from streamfn._dataclasses import Value, twin
from streamfn._failures import MissingImage, Undecodable
from streamfn._records import EVENT_NAMES, EventName, Image, ImageName, StreamRecord
from streamfn._tables import Table

# Typed events: the arguments of handlers.
#
# A handler's parameter says what it needs, and has no field that could be absent: an `UpsertEvent` works on streams
# with new images alone, a `KeysEvent` on any. Events compare by their fields; their `repr` shows identifiers only.

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K_co = TypeVar("K_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Change(Value):
    """The fields that all events share: the record that they were made of, and the name of their handler.

    `handler` is empty for an event that no pipeline made.
    """

    record: StreamRecord
    handler: str = field(default="", compare=False, kw_only=True)

    @property
    def event_id(self) -> str:
        """The globally unique identifier of the change, the same in every redelivery."""
        return self.record.event_id

    @property
    def idempotency_key(self) -> str:
        """The same for this handler and change in every redelivery, and different for any other handler or change.

        Services that take such a key perform a repeated request once. For an event that no pipeline made it is the
        `event_id` alone.
        """
        return f"{self.handler}:{self.event_id}" if self.handler else self.event_id

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InsertEvent(Change, Generic[T_co]):
    """An item was inserted into the table: `new_image`."""

    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModifyEvent(Change, Generic[T_co]):
    """An item changed, from `old_image` to `new_image`."""

    old_image: T_co
    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RemoveEvent(Change, Generic[T_co]):
    """An item left the table: `old_image`."""

    old_image: T_co

    @property
    def expired(self) -> bool:
        """Whether DynamoDB's time to live removed it and not a client; see `StreamRecord.expired`."""
        return self.record.expired


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UpsertEvent(Change, Generic[T_co]):
    """An item came into the table or changed, and is now `new_image`."""

    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeysEvent(Change, Generic[K_co]):
    """An item came, changed or went, known by its `keys` alone."""

    keys: K_co


Event: TypeAlias = InsertEvent[T] | ModifyEvent[T] | RemoveEvent[T]
"""Any change, with all its images; ``match`` and ``assert_never`` work on it."""

Kind: TypeAlias = Literal["insert", "modify", "remove", "upsert", "event", "keys"]
"""The registration of a handler: ``on_insert`` and so on."""

EVENTS: Final[Mapping[Kind, Mapping[EventName, tuple[type[Change], tuple[ImageName, ...]]]]] = {
    "insert": {"INSERT": (InsertEvent, ("NewImage",))},
    "modify": {"MODIFY": (ModifyEvent, ("OldImage", "NewImage"))},
    "remove": {"REMOVE": (RemoveEvent, ("OldImage",))},
    "upsert": {"INSERT": (UpsertEvent, ("NewImage",)), "MODIFY": (UpsertEvent, ("NewImage",))},
    "event": {
        "INSERT": (InsertEvent, ("NewImage",)),
        "MODIFY": (ModifyEvent, ("OldImage", "NewImage")),
        "REMOVE": (RemoveEvent, ("OldImage",)),
    },
    "keys": dict.fromkeys(EVENT_NAMES, (KeysEvent, ("Keys",))),
}
"""The event of each kind of handler for each event name, and the parts of the record in the event."""


# The second stage: from a stream record to a typed event.
#
# Only the images that a handler asks for are structured, and each only once for all handlers. The exception are models
# with mutable parts (a list, say): there each handler gets an image of its own, so that no handler can change the
# image of another.

Unusable: TypeAlias = Undecodable | MissingImage
"""The reason why there is no typed image."""


class Unfit:
    """Stands where an image should, with the reason why there is none."""

    __slots__ = ("reason",)

    def __init__(self, reason: Unusable) -> None:
        self.reason: Unusable = reason


Items: TypeAlias = list[object]
"""The structured parts of a record, by their index: an item, an `Unfit`, or None for a part that no handler has asked
for yet.
"""


class Part:
    """A part of a table's records, and how it is structured: the images as the table's model, `Keys` as another.

    For a mutable model, each handler gets an item of its own.
    """

    __slots__ = ("_decode", "_is_shared", "_look_again", "_name", "index")

    def __init__(
        self, table: Table[object], name: ImageName, index: int, keys: type[object] | None = None
    ) -> None:
        """Store a table's part, and its index among all parts of such records; `keys` models `Keys`."""
        self.index: int = index
        self._name: ImageName = name
        self._is_shared = table.immutable if keys is None else is_immutable(keys)
        self._decode: Callable[[Image], object] = table.decode if keys is None else table.decode_keys(keys)
        self._look_again: Callable[[Image], Result[object, Undecodable]] = (
            table.look_again if keys is None else partial(table.look_again_at_keys, keys)
        )

    def item(self, record: StreamRecord, items: Items) -> object:
        """Structure this part of a record, or return an `Unfit` with the reason; `items` has the known parts."""
        image = record._raw["dynamodb"].get(self._name)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (`peek`, uncalled)
        if image is None:
            found: object = Unfit(MissingImage(self._name, record.view_type))
        else:
            try:
                found = self._decode(image)
            except Exception:  # noqa: BLE001 (the detailed second pass finds the problem, if there is one)
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
"""Makes an event from a record and its structured parts, for one handler."""


def event_maker(
    kind: Kind, event_name: EventName, handler: str, part: Callable[[ImageName], Part]
) -> EventMaker:
    """Return a function that builds the handler's event from a record of one kind and event name.

    `part` returns a part of the records by its name.
    """
    event, parts = EVENTS[kind][event_name]
    return _MAKERS[event](event, handler, *map(part, parts))


# Each of these is written out: a single function for all, which sets the image by the name of its field, adds a
# twentieth to the cost of a record and handler.


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
    """Return the typed event of a record: the argument of `on_event` handlers.

    The failure is `Undecodable` if an image does not fit the model, and `MissingImage` if the stream's view type
    leaves out an image of the event.
    """
    return structurer(table)(record)


def structurer(table: Table[T]) -> Structure[T]:
    """Return a function that structures many records of a table; see `structure`."""
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
