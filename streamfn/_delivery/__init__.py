"""Deliveries: `acknowledge` and `retry`, with or without a ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from typing_extensions import TypeVar

from streamfn._delivery.plain import Acknowledge, Delivery, Report, Retry, check_report, log_failure
from streamfn._errors import ConfigurationError, check_flag, has_methods, kind_of

if TYPE_CHECKING:
    from streamfn._delivery.ledger import Write
    from streamfn._delivery.processes import ProcessMarks
    from streamfn.dead_letters._protocol import DeadLetters
    from streamfn.ledgers._protocol import Ledger


E = TypeVar("E")


def acknowledge(report: Report[E] = log_failure) -> Delivery[E]:
    """Make a delivery for work that may be lost: each failure goes to `report` and is dropped.

    Everything runs, whatever fails, and Lambda never sends a batch again but for handlers that time ran out
    for. `report` gets the record, the name of the handler and the reason; by default they are logged, without
    data.
    """
    check_report(report, "log_failure")
    return Acknowledge(report)


def retry(
    *,
    ledger: Ledger | None = None,
    dead_letters: DeadLetters | None = None,
    max_attempts: int = 5,
    patience: timedelta = timedelta(minutes=5),
    outage: timedelta = timedelta(hours=2),
    write: Write = "failures",
    scope: str | None = None,
    whole_batch: bool = False,
    report: Report[E] = log_failure,
) -> Delivery[E]:
    """Make a delivery for work that must not be lost: what fails comes again.

    Without a ledger the first failed record comes again, with all after it and for all handlers. Nothing is
    started on records after a failed one, for those come again anyway.

    With a `ledger`, what succeeded is remembered, and only the handler that failed runs again on the record
    that it failed on. Until it succeeds there, it gets no later record of the same item; other items and
    other handlers go on. With `dead_letters` as well, a handler that has failed on a record `max_attempts`
    times gives it up: the record becomes a dead letter and counts as settled. How long that takes goes by the
    health of the handler. One that has succeeded on other records since works, and its attempts follow each other
    within a run. One that fails on whatever it gets is down, and its records wait for as long as `outage`. A record
    that fails alone, while nothing else is known of its handler, is tried for as long as `patience`; without any
    (``patience=timedelta()``) nothing is waited for. A record that no retry can help (`Undecodable`, `MissingImage`,
    `Malformed`, `Unrouted`) becomes a letter at once.

    A handler that ends its process is found by what processes note in a ledger that outlives them, and uses an attempt
    up, too (`ProcessDied`).

    `write` says when the ledger is written: ``"failures"`` once for each run that leaves failures behind,
    ``"always"`` after each success, too, so that less is repeated when a process dies. `scope` tells apart
    the functions that share a ledger; by default it is the function's name. Outside of Lambda there is no such name: a
    ledger that outlives the process, such as `DynamoDBLedger`, needs a `scope` there, and the function fails with
    `ConfigurationError` without one, before anything runs.

    The event source mapping needs ReportBatchItemFailures: without it Lambda takes every answer for a
    success. For a mapping that has to do without, ``whole_batch=True`` raises `BatchFailed` instead of
    answering.

    Fails with `ConfigurationError` for dead letters without a ledger, which is where attempts are counted, for limits
    that are none, and for arguments that are none of what they should be.
    """
    _check_stores(ledger, dead_letters)
    _check_settings(max_attempts, patience, outage, scope, whole_batch)
    check_report(report, "log_failure")
    if max_attempts < 1 or patience < timedelta():
        raise ConfigurationError(
            f"max_attempts={max_attempts} should be 1 or more, and patience={patience} not negative"
        )
    if outage < timedelta():
        raise ConfigurationError(f"outage={outage} should not be negative")
    if cast("object", write) not in ("failures", "always"):  # a set asks for what can be hashed
        raise ConfigurationError(f'write is "failures" or "always", got {write!r}')
    if ledger is None:
        if dead_letters is not None:
            raise ConfigurationError(
                "dead letters need a ledger, which counts the attempts: pass ledger= as well"
            )
        return Retry(report, whole_batch)
    # Here, because a function without a ledger would pay for it at every cold start.
    from streamfn._delivery.attempts import Limits
    from streamfn._delivery.ledger import RetryWithLedger, is_shared
    from streamfn._delivery.processes import ThisProcess

    limits = Limits(max_attempts, patience, outage)
    this_process = ThisProcess(_marks()) if is_shared(ledger) else None
    return RetryWithLedger(ledger, dead_letters, limits, write, scope, report, whole_batch, this_process)


def _marks() -> ProcessMarks:
    """Keep marks where Lambda keeps files when a process dies."""
    import os

    from streamfn._aws import function_name
    from streamfn._delivery.processes import FileMarks, ProcessMarks

    return ProcessMarks() if function_name() is None else FileMarks(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 (Lambda's)


def _check_stores(ledger: object, dead_letters: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if ledger is not None and not has_methods(ledger, "read", "write"):
        raise ConfigurationError(
            f"ledger is a ledger, got {kind_of(ledger)}: make one, as in "
            f"ledger=DynamoDBLedger({ledger if isinstance(ledger, str) else 'card-ledger'!r})"
        )
    if dead_letters is not None and not has_methods(dead_letters, "send"):
        raise ConfigurationError(
            f"dead_letters is a place for letters, got {kind_of(dead_letters)}: make one, as in "
            "dead_letters=SqsDeadLetters(queue_url)"
        )


def _check_settings(
    max_attempts: object, patience: object, outage: object, scope: object, whole_batch: object
) -> None:
    if not isinstance(max_attempts, int) or isinstance(max_attempts, bool):
        raise ConfigurationError(f"max_attempts is a whole number, got {kind_of(max_attempts)}")
    if not isinstance(patience, timedelta):
        raise ConfigurationError(
            f"patience is a timedelta, got {kind_of(patience)}: write timedelta(minutes=5)"
        )
    if not isinstance(outage, timedelta):
        raise ConfigurationError(f"outage is a timedelta, got {kind_of(outage)}: write timedelta(hours=2)")
    if scope is not None and not isinstance(scope, str):
        raise ConfigurationError(
            f'scope is text, got {kind_of(scope)}: name the function, as in scope="follow-cards"'
        )
    if scope == "":
        raise ConfigurationError(
            'scope is empty: name the function, as in scope="follow-cards", or leave it out on Lambda'
        )
    check_flag(whole_batch, "whole_batch")
