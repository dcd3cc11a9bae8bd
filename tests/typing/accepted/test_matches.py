"""``match`` with ``assert_never`` over the unions that a user takes apart: `Event` and `Reason`."""

from __future__ import annotations

from typing import assert_never, assert_type

from streamfn import (
    Event,
    Failed,
    HeldBack,
    InsertEvent,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    ModifyEvent,
    OutOfTime,
    Problem,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    RemoveEvent,
    Stopped,
    StreamViewType,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
)
from tests.typing.cards import Card, S3Error, SlackError


def title_of(event: Event[Card]) -> str:
    """Take events apart by their classes."""
    match event:
        case InsertEvent():
            assert_type(event, InsertEvent[Card])
            return event.new_image.title
        case ModifyEvent(old_image=old, new_image=new):
            assert_type(old, Card)
            assert_type(new, Card)
            return old.title + new.title
        case RemoveEvent(old_image=old):
            assert_type(old, Card)
            return old.title
        case _:
            assert_never(event)


def card_of(event: Event[Card]) -> Card:
    """Take events apart by what they hold."""
    match event:
        case InsertEvent(new_image=card) | ModifyEvent(new_image=card) | RemoveEvent(old_image=card):
            return card
        case _:
            assert_never(event)


def what_went_wrong(reason: Reason[SlackError | S3Error]) -> str:  # noqa: C901, PLR0912 (one case for each reason)
    """Take reasons apart, the handlers' own errors included."""
    match reason:
        case Refused(SlackError()):
            return "slack"
        case Refused(S3Error()):
            return "s3"
        case Raised(exception):
            assert_type(exception, BaseException)
            return "raised"
        case Undecodable(problems):
            assert_type(problems, tuple[Problem, ...])
            return "undecodable"
        case MissingImage(view_type=view_type):
            assert_type(view_type, StreamViewType | None)
            return "missing"
        case Malformed(problem):
            assert_type(problem, str)
            return "malformed"
        case Unrouted(arn):
            assert_type(arn, str | None)
            return "unrouted"
        case TimedOut(attempts):
            assert_type(attempts, int)
            return "timed out"
        case ProcessDied(attempts):
            assert_type(attempts, int)
            return "process died"
        case Unwanted():
            return "unwanted"
        case OutOfTime():
            return "out of time"
        case HeldBack():
            return "held back"
        case LedgerUnavailable():
            return "ledger unavailable"
        case Stopped():
            return "stopped"
        case Refused():
            return "refused"
        case _:
            assert_never(reason)


def error_of(failed: Failed[SlackError | S3Error]) -> SlackError | S3Error | None:
    """Take a handler's own error out of a failure."""
    match failed.reason:
        case Refused(error):
            assert_type(error, SlackError | S3Error)
            return error
        case _:
            return None


def test_each_kind_of_reason_is_told_from_the_others() -> None:
    assert "slack" == what_went_wrong(Refused(SlackError()))
    assert "s3" == what_went_wrong(Refused(S3Error()))
    assert "raised" == what_went_wrong(Raised(ValueError()))
    assert "undecodable" == what_went_wrong(Undecodable(()))
    assert "missing" == what_went_wrong(MissingImage("NewImage", None))
    assert "malformed" == what_went_wrong(Malformed(""))
    assert "unrouted" == what_went_wrong(Unrouted(None))
    assert "timed out" == what_went_wrong(TimedOut(5))
    assert "process died" == what_went_wrong(ProcessDied(5))
    assert "unwanted" == what_went_wrong(Unwanted())
    assert "held back" == what_went_wrong(HeldBack())
    assert "ledger unavailable" == what_went_wrong(LedgerUnavailable())
    assert "out of time" == what_went_wrong(OutOfTime())
    assert "stopped" == what_went_wrong(Stopped())
