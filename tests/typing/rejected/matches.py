"""Matches that forget a case."""

from typing import assert_never

from streamfn import (
    Event,
    InsertEvent,
    Malformed,
    MissingImage,
    ModifyEvent,
    OutOfTime,
    Raised,
    Reason,
    Refused,
    RemoveEvent,
    Undecodable,
    Unrouted,
)
from tests.typing.cards import Card, S3Error, SlackError


def forgets_removals(event: Event[Card]) -> str:
    match event:
        case InsertEvent(new_image=card) | ModifyEvent(new_image=card):
            return card.title
        case _:
            assert_never(event)  # arg-type, reportArgumentType


def forgets_removals_silently(event: Event[Card]) -> None:
    match event:  # exhaustive-match, reportMatchNotExhaustive
        case InsertEvent(new_image=card) | ModifyEvent(new_image=card):
            repr(card.title)


def reads_what_is_not_there(event: Event[Card]) -> str:
    match event:
        case InsertEvent():
            return event.old_image.title  # attr-defined no-any-return, reportAttributeAccessIssue
        case ModifyEvent() | RemoveEvent():
            return event.new_image.title  # union-attr, reportAttributeAccessIssue


def forgets_stopped(reason: Reason[SlackError]) -> bool:
    match reason:
        case Refused() | Raised():
            return True
        case Undecodable() | MissingImage() | Malformed() | Unrouted() | OutOfTime():
            return False
        case _:
            assert_never(reason)  # arg-type, reportArgumentType


def forgets_an_error(error: SlackError | S3Error) -> str:
    match error:
        case SlackError():
            return "slack"
        case _:
            assert_never(error)  # arg-type, reportArgumentType


def takes_the_error_for_another(reason: Reason[SlackError]) -> S3Error | None:
    match reason:
        case Refused(error):
            return error  # return-value, reportReturnType
        case _:
            return None
