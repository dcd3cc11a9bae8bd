"""The second stage: from a stream record to a typed event.

Only what a handler asks for is structured, and an image only once, however many handlers read it. The
exception are models that can be changed (a list in them, say): there each handler gets an image of its own,
so that none can change what another one sees.
"""

from __future__ import annotations

from typing import TypeAlias, cast

from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn._events import EVENTS, Change, Event, Kind
from streamfn._failures import MissingImage, Undecodable
from streamfn._records import StreamRecord
from streamfn._tables import Table
from streamfn._wire import ImageName

T = TypeVar("T")

Unusable: TypeAlias = Undecodable | MissingImage
"""Why there is no typed image."""


class Images:
    """The images of one record, structured by its table when they are asked for."""

    __slots__ = ("_structured", "record", "table")

    def __init__(self, record: StreamRecord, table: Table[object]) -> None:
        """Begin with nothing structured."""
        self.record = record
        self.table = table
        self._structured: dict[ImageName, Result[object, Unusable]] = {}

    def image(self, name: ImageName) -> Result[object, Unusable]:
        """Structure an image, or say why it cannot be."""
        known = self._structured.get(name)
        if known is None or not self.table.immutable:
            known = self._structured[name] = self._structure(name)
        return known

    def keys(self, model: type[object]) -> Result[object, Unusable]:
        """Structure the record's keys as another model than the table's."""
        found = self.table.structure_keys(model, self.record.peek("Keys") or {})
        return found.alt(lambda undecodable: Undecodable(undecodable.problems, "Keys"))

    def _structure(self, name: ImageName) -> Result[object, Unusable]:
        attributes = self.record.peek(name)
        if attributes is None:
            return Failure(MissingImage(name, self.record.view_type))
        found = self.table.structure(attributes)
        return found.alt(lambda undecodable: Undecodable(undecodable.problems, name))


def event_of(
    kind: Kind, keys: type[object] | None, images: Images, handler: str = ""
) -> Result[Change, Unusable]:
    """Make the event that a handler of this kind and name gets; `keys` is the model of a `KeysEvent`'s keys.

    The record has to be of a kind that the handler is for.
    """
    make, parts = EVENTS[kind][images.record.event_name]
    taken: list[object] = []
    for part in parts:
        found = images.image(part) if keys is None else images.keys(keys)
        if not isinstance(found, Success):
            return Failure(found.failure())
        taken.append(found.unwrap())
    return Success(make(images.record, *taken, handler=handler))


def structure(table: Table[T], record: StreamRecord) -> Result[Event[T], Unusable]:
    """Make the typed event of a record: what `on_event` hands to its handlers.

    It gives `Undecodable` if an image does not fit the model, and `MissingImage` if the stream's view type
    leaves out an image that the event holds.
    """
    images = Images(record, cast("Table[object]", table))  # it only reads, which is safe for any T
    # EVENTS["event"] makes these three, of images of T.
    return cast("Result[Event[T], Unusable]", event_of("event", None, images))
