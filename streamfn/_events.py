"""Typed events: what a handler is given.

A handler says by its parameter what it needs, and gets nothing that could be absent: an `UpsertEvent` lives
on streams that carry new images alone, a `KeysEvent` on any. Events compare by what they hold; their `repr`
shows identifiers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar, override

from streamfn._records import StreamRecord
from streamfn._values import Value
from streamfn._wire import EVENT_NAMES, EventName, ImageName

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K_co = TypeVar("K_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Change(Value):
    """What all events share: the record they were made of, and the handler they are handed to.

    `handler` is the name of that, and empty for an event that no pipeline made.
    """

    record: StreamRecord
    handler: str = field(default="", compare=False, kw_only=True)

    @property
    def event_id(self) -> str:
        """The globally unique identifier of the change, the same in every redelivery."""
        return self.record.event_id

    @property
    def idempotency_key(self) -> str:
        """The same for this handler and change in every redelivery, and another for any other handler or change.

        For services that take such a key, so that an effect which is asked for twice happens once. Of an event
        that no pipeline made it is the `event_id` alone.
        """
        return f"{self.handler}:{self.event_id}" if self.handler else self.event_id

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InsertEvent(Change, Generic[T_co]):
    """An item came into the table: `new_image`."""

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
"""What a handler was registered for: ``on_insert`` and so on."""

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
"""Which event each kind of handler gets for each kind of record, and the parts of the record that the event takes."""
