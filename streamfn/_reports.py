"""Reports: what becomes of each failure that a delivery sees, besides its redelivery.

A report is a function of one `Failed`. The default one logs a line of JSON that a log query can read, with
identifiers alone: neither images nor the text of exceptions, which often quotes them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias, cast

from typing_extensions import TypeVar

from streamfn._execution.verdicts import call, kept
from streamfn._failures import (
    Failed,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    OutOfTime,
    Raised,
    Reason,
    Refused,
    Stopped,
    Undecodable,
)
from streamfn._records import StreamRecord
from streamfn._time import SecondsLeft, no_end

E = TypeVar("E")

Report: TypeAlias = Callable[[Failed[E]], Awaitable[None] | None]
"""A function that is told of a failure; a coroutine function is awaited."""

_log: Final = logging.getLogger("streamfn")


def log_failure(failed: Failed[object]) -> None:
    """Log a failure as one line of JSON, at the level ERROR of the logger ``streamfn``."""
    _log.error("%s", json.dumps(identifiers(failed)))


def identifiers(failed: Failed[object]) -> dict[str, str | None]:
    """Describe a failure by what identifies it: no image, no value, no text of an exception."""
    record, reason = failed.record, failed.reason
    described = {
        "reason": type(reason).__name__,
        "detail": detail_of(reason),
        "handler": failed.handler,
        "eventID": record.event_id,
        "sequenceNumber": record.sequence_number,
    }
    if isinstance(record, StreamRecord):
        described |= {"eventName": record.event_name, "eventSourceARN": record.event_source_arn}
    return described


def send(report: Report[E], failures: Iterable[Failed[E]], seconds_left: SecondsLeft = no_end) -> None:
    """Tell a report of failures, one after the other; if it raises, that is logged and changes nothing else.

    What was `Stopped` or `HeldBack` is left out: it has not failed, it waits for what has. That time ran out,
    or that the ledger is unavailable, keeps many from starting, and is told once each. What there is no time to
    tell is counted in the log.
    """
    due = list(_worth_telling(failures))
    for number, failed in enumerate(due):
        if seconds_left() <= 0:
            _log.error(
                "time ran out for reports: %d of %d failures are not reported", len(due) - number, len(due)
            )
            return
        outcome = call(cast("Callable[[object], object]", report), failed)  # `call` takes any argument
        if isinstance(outcome, Raised):
            _log.error("the report raised %s on: %r", type(kept(outcome).exception).__name__, failed)


def _worth_telling(failures: Iterable[Failed[E]]) -> Iterator[Failed[E]]:
    told: set[type] = set()
    for failed in failures:
        if isinstance(failed.reason, Stopped | HeldBack):
            continue
        if isinstance(failed.reason, OutOfTime | LedgerUnavailable):
            if type(failed.reason) in told:
                continue
            told.add(type(failed.reason))
        yield failed


def detail_of(reason: Reason[object]) -> str | None:
    """Say more of a reason than its name, without data; None where there is no more."""
    match reason:
        case Refused(error):
            return type(error).__name__
        case Raised(exception):
            return type(exception).__name__
        case Undecodable():
            return str(reason)
        case MissingImage(image):
            return image
        case Malformed(problem):
            return problem
        case _:
            return None
