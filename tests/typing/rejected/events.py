"""Fields that an event does not have, and events where others belong."""

from streamfn import Event, InsertEvent, KeysEvent, ModifyEvent, RemoveEvent, UpsertEvent
from tests.typing.cards import Card, CardKey, Deck


def of_insert(event: InsertEvent[Card]) -> None:
    repr(event.old_image)  # attr-defined, reportAttributeAccessIssue
    repr(event.new_image.color)  # attr-defined, reportAttributeAccessIssue
    repr(event.expired)  # attr-defined, reportAttributeAccessIssue
    event.new_image = Card(2, "other")  # misc, reportAttributeAccessIssue


def of_modify(event: ModifyEvent[Card]) -> None:
    repr(event.expired)  # attr-defined, reportAttributeAccessIssue
    repr(event.keys)  # attr-defined, reportAttributeAccessIssue


def of_remove(event: RemoveEvent[Card]) -> None:
    repr(event.new_image)  # attr-defined, reportAttributeAccessIssue


def of_upsert(event: UpsertEvent[Card]) -> None:
    repr(event.old_image)  # attr-defined, reportAttributeAccessIssue


def of_keys(event: KeysEvent[CardKey]) -> None:
    repr(event.new_image)  # attr-defined, reportAttributeAccessIssue
    repr(event.keys.title)  # attr-defined, reportAttributeAccessIssue


def of_any(event: Event[Card]) -> None:
    repr(event.old_image)  # union-attr, reportAttributeAccessIssue
    repr(event.record.color)  # attr-defined, reportAttributeAccessIssue


def of_another_model(event: InsertEvent[Deck]) -> None:
    card: Card = event.new_image  # assignment, reportAssignmentType
    of_insert(event)  # arg-type, reportArgumentType
    repr(card)
