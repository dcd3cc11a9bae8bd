"""Functions that an `on_…` does not take, and a `where` that does not fit."""

from returns.result import Result, Success

from streamfn import (
    InsertEvent,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
)
from tests.typing.cards import (
    Card,
    CardKey,
    Deck,
    SlackError,
    announce,
    audit,
    back_up,
    cards,
    follow,
    index,
    invalidate,
    rename,
)


def returns_no_result(event: InsertEvent[Card]) -> str:
    return event.new_image.title


def returns_nothing(event: InsertEvent[Card]) -> None:
    repr(event)


async def returns_no_result_later(event: InsertEvent[Card]) -> str:
    return event.new_image.title


def takes_two(event: InsertEvent[Card], channel: str) -> Result[str, SlackError]:
    return Success(f"{channel}: {event.new_image.title}")


def takes_an_item(card: Card) -> Result[str, SlackError]:
    return Success(card.title)


def returns_the_wrong_error(event: InsertEvent[Card]) -> Result[str, SlackError]:
    return Success(event.new_image.id)  # arg-type, reportReturnType


def of_decks(deck: Deck) -> str:
    return deck.name


def title_of(card: Card) -> str:
    return card.title


# The wrong kind of event.
on_insert(rename)  # arg-type, reportArgumentType
on_insert(back_up)  # arg-type, reportArgumentType
on_insert(follow)  # arg-type, reportArgumentType
on_modify(announce)  # arg-type, reportArgumentType
on_remove(announce)  # arg-type, reportArgumentType
on_upsert(announce)  # arg-type, reportArgumentType
on_event(announce)  # arg-type, reportArgumentType
on_event(follow)  # arg-type, reportArgumentType
on_upsert(audit)  # arg-type, reportArgumentType
on_insert(index)  # arg-type, reportArgumentType
on_insert(invalidate)  # arg-type, reportArgumentType
on_keys(Card, announce)  # arg-type, reportArgumentType

# The wrong model of keys.
on_keys(Card, invalidate)  # arg-type, reportArgumentType
on_keys(invalidate)  # arg-type call-arg, reportCallIssue
on_keys(CardKey(1), invalidate)  # arg-type, reportArgumentType

# The wrong form of function.
on_insert(returns_no_result)  # arg-type, reportArgumentType
on_insert(returns_nothing)  # arg-type, reportArgumentType
on_insert(returns_no_result_later)  # arg-type, reportArgumentType
on_insert(takes_two)  # arg-type, reportArgumentType
on_insert(takes_an_item)  # arg-type, reportArgumentType
on_insert(Card)  # arg-type, reportArgumentType
on_insert("announce")  # arg-type, reportArgumentType
on_insert(on_insert(announce))  # arg-type, reportArgumentType
on_insert()  # call-arg, reportCallIssue

# The wrong `where`.
on_insert(announce, where=lambda e: e.old_image.id > 1)  # attr-defined, reportAttributeAccessIssue
on_insert(announce, where=lambda e: e.new_image.color == "red")  # attr-defined, reportAttributeAccessIssue
on_insert(announce, where=lambda e: e.new_image.title)  # arg-type return-value, reportArgumentType
on_insert(announce, where=changed(title_of))  # arg-type, reportArgumentType
on_modify(rename, where=changed(lambda card: card.color))  # attr-defined, reportAttributeAccessIssue
pipeline(cards, on_modify(rename, where=changed(of_decks)))  # misc, reportArgumentType
on_modify(rename, where=lambda card: card.title == "")  # attr-defined, reportAttributeAccessIssue
on_keys(CardKey, invalidate, where=lambda e: e.keys.title == "")  # attr-defined, reportAttributeAccessIssue
on_insert(announce, where=True)  # arg-type, reportArgumentType

# The wrong options.
on_insert(announce, name=1)  # arg-type, reportArgumentType
on_insert(announce, "announce")  # call-arg, reportCallIssue
on_insert(f=announce)  # call-arg, reportCallIssue
on_insert(announce, when=lambda e: e.new_image.id > 1)  # call-arg, reportCallIssue
