"""Events: the arguments of handlers, and the factories that make them from records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final, Generic, Literal, TypeAlias, cast

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar, override

from streamfn._conversion.models import is_immutable
from streamfn._dataclasses import Value, unguarded
from streamfn._failures import MissingImage, Undecodable
from streamfn._records import EVENT_NAMES, EventName, Image, ImageName, StreamRecord
from streamfn._tables import Table, compiled_table

# Typed events, the arguments of handlers.
#
# The type of a handler's parameter selects the parts of the record that the handler needs, and no part of an event is
# optional: an `UpsertEvent` needs a stream with new images alone, a `KeysEvent` any stream. Events compare by value;
# their `repr` shows identifiers only.

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K_co = TypeVar("K_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BaseEvent(Value):
    """The base of all events: the record of an event, and the name of its handler.

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
        """The key of this handler and change: the same in every redelivery, and unique to both.

        Services that take such a key perform an effect once that is requested twice. For an event that no pipeline
        made, the key is the `event_id` alone.
        """
        return f"{self.handler}:{self.event_id}" if self.handler else self.event_id

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InsertEvent(BaseEvent, Generic[T_co]):
    """An item was inserted into the table: `new_image`."""

    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModifyEvent(BaseEvent, Generic[T_co]):
    """An item changed, from `old_image` to `new_image`."""

    old_image: T_co
    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RemoveEvent(BaseEvent, Generic[T_co]):
    """An item left the table: `old_image`."""

    old_image: T_co

    @property
    def expired(self) -> bool:
        """Whether DynamoDB's time to live removed it and not a client; see `StreamRecord.expired`."""
        return self.record.expired


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UpsertEvent(BaseEvent, Generic[T_co]):
    """An item came into the table or changed, and is now `new_image`."""

    new_image: T_co


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeysEvent(BaseEvent, Generic[K_co]):
    """An item came, changed or went, known by its `keys` alone."""

    keys: K_co


Event: TypeAlias = InsertEvent[T] | ModifyEvent[T] | RemoveEvent[T]
"""Any change, with all its images; ``match`` and ``assert_never`` work on it."""

Kind: TypeAlias = Literal["insert", "modify", "remove", "upsert", "event", "keys"]
"""The kind of a handler: ``insert`` of ``on_insert``, and so on."""

EVENTS: Final[Mapping[Kind, Mapping[EventName, tuple[type[BaseEvent], tuple[ImageName, ...]]]]] = {
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
"""For each kind of handler and each event name: the class of the event, and the parts of the record in it."""


# From a stream record to a typed event.
#
# Only the images that a handler needs are structured, and each image once for all handlers. The exception are mutable
# models (one with a list, say): there each handler gets an image of its own, so that no handler can change the image of
# another.

StructureFailure: TypeAlias = Undecodable | MissingImage
"""The reasons for which an image has no item."""


class Unstructured:
    """Replaces an image that has no item, with the reason."""

    __slots__ = ("reason",)

    def __init__(self, reason: StructureFailure) -> None:
        self.reason: StructureFailure = reason


Images: TypeAlias = list[object]
"""The items of a record's parts, by index: an item, an `Unstructured`, or None before a part is structured."""


class ImageDecoder:
    """The decoder of one part of a table's records: an image for the table's model, ``Keys`` for another model.

    `index` is that of the part in `Images`. An item of a mutable model is not shared.
    """

    __slots__ = ("_decode", "_is_shared", "_name", "_structure_detailed", "index")

    def __init__(
        self, table: Table[object], name: ImageName, index: int, keys: type[object] | None = None
    ) -> None:
        """`keys` is the model of the part ``Keys``."""
        self.index: int = index
        self._name: ImageName = name
        compiled = compiled_table(table)
        self._is_shared = compiled.is_immutable if keys is None else is_immutable(keys)
        self._decode: Callable[[Image], object] = (
            compiled.decode if keys is None else compiled.key_decoder(keys)
        )
        self._structure_detailed: Callable[[Image], Result[object, Undecodable]] = (
            compiled.structure_detailed if keys is None else partial(compiled.structure_keys_detailed, keys)
        )

    def item(self, record: StreamRecord, images: Images) -> object:
        """Return the item of this part of a record, or an `Unstructured`; `images` keeps a shared item."""
        image = record._raw["dynamodb"].get(self._name)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (`raw_image`, uncalled)
        if image is None:
            item: object = Unstructured(MissingImage(self._name, record.view_type))
        else:
            try:
                item = self._decode(image)
            except Exception:  # noqa: BLE001 (the detailed pass lists the problems)
                item = self._structure_again(image)
        if self._is_shared:
            images[self.index] = item
        return item

    def _structure_again(self, image: Image) -> object:
        structured = self._structure_detailed(image)
        if isinstance(structured, Success):
            return structured.unwrap()
        return Unstructured(Undecodable(structured.failure().problems, self._name))


EventFactory: TypeAlias = Callable[[StreamRecord, Images], BaseEvent | Unstructured]
"""A function of a record and of its images that returns the event of one handler."""


def event_factory(
    kind: Kind, event_name: EventName, handler: str, decoder: Callable[[ImageName], ImageDecoder]
) -> EventFactory:
    """Return the function that makes a handler's events from records of one event name.

    `decoder` returns the decoder of a part of the records.
    """
    event, parts = EVENTS[kind][event_name]
    return _FACTORIES[event](event, handler, *map(decoder, parts))


# Each of these is written out: a single function, which sets an image by the name of its field, adds a twentieth to the
# cost of a record and handler in a pipeline.


def _of_new_image(event: type[BaseEvent], handler: str, new: ImageDecoder) -> EventFactory:
    blank, new_index = unguarded(event), new.index

    def make(record: StreamRecord, images: Images) -> BaseEvent | Unstructured:
        new_image = images[new_index]
        if new_image is None:
            new_image = new.item(record, images)
        if type(new_image) is Unstructured:
            return new_image
        made = blank()
        made.record = record
        made.handler = handler
        made.new_image = new_image
        made.__class__ = event
        finished: BaseEvent = made
        return finished

    return make


def _of_old_image(event: type[BaseEvent], handler: str, old: ImageDecoder) -> EventFactory:
    blank, old_index = unguarded(event), old.index

    def make(record: StreamRecord, images: Images) -> BaseEvent | Unstructured:
        old_image = images[old_index]
        if old_image is None:
            old_image = old.item(record, images)
        if type(old_image) is Unstructured:
            return old_image
        made = blank()
        made.record = record
        made.handler = handler
        made.old_image = old_image
        made.__class__ = event
        finished: BaseEvent = made
        return finished

    return make


def _of_both(event: type[BaseEvent], handler: str, old: ImageDecoder, new: ImageDecoder) -> EventFactory:
    blank, old_index, new_index = unguarded(event), old.index, new.index

    def make(record: StreamRecord, images: Images) -> BaseEvent | Unstructured:
        old_image = images[old_index]
        if old_image is None:
            old_image = old.item(record, images)
        if type(old_image) is Unstructured:
            return old_image
        new_image = images[new_index]
        if new_image is None:
            new_image = new.item(record, images)
        if type(new_image) is Unstructured:
            return new_image
        made = blank()
        made.record = record
        made.handler = handler
        made.old_image = old_image
        made.new_image = new_image
        made.__class__ = event
        finished: BaseEvent = made
        return finished

    return make


def _of_keys(event: type[BaseEvent], handler: str, decoder: ImageDecoder) -> EventFactory:
    blank, index = unguarded(event), decoder.index

    def make(record: StreamRecord, images: Images) -> BaseEvent | Unstructured:
        keys = images[index]
        if keys is None:
            keys = decoder.item(record, images)
        if type(keys) is Unstructured:
            return keys
        made = blank()
        made.record = record
        made.handler = handler
        made.keys = keys
        made.__class__ = event
        finished: BaseEvent = made
        return finished

    return make


_FACTORIES: Final[Mapping[type[BaseEvent], Callable[..., EventFactory]]] = {
    InsertEvent: _of_new_image,
    UpsertEvent: _of_new_image,
    ModifyEvent: _of_both,
    RemoveEvent: _of_old_image,
    KeysEvent: _of_keys,
}


Structure: TypeAlias = Callable[[StreamRecord], Result[Event[T], StructureFailure]]
"""A function of a record of one table that returns its typed event; see `structure`."""


def structure(table: Table[T], record: StreamRecord) -> Result[Event[T], StructureFailure]:
    """Return the typed event of a record, as `on_event` passes it to its handlers.

    The Failure is an `Undecodable` if an image does not fit the model, and a `MissingImage` if the stream's view type
    leaves out an image of the event.
    """
    return structurer(table)(record)


def structurer(table: Table[T]) -> Structure[T]:
    """Return the function that makes typed events from many records of a table; see `structure`."""
    any_table = cast("Table[object]", table)  # it only reads, which is safe for any T
    makers: dict[EventName, EventFactory] = {}

    def structure_one(record: StreamRecord) -> Result[Event[T], StructureFailure]:
        name = record.event_name
        if name not in makers:
            indices = count()
            makers[name] = event_factory(
                "event", name, "", lambda image: ImageDecoder(any_table, image, next(indices))
            )
        made = makers[name](record, [None, None])
        # Of the kind "event" these are its three events, of images of T.
        return Failure(made.reason) if isinstance(made, Unstructured) else Success(cast("Event[T]", made))

    return structure_one
