"""Deliveries: `acknowledge` and `retry`, with or without a ledger.

In this order: the functions that make deliveries, and the checks of their arguments.
"""

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

    All handlers run, even after failures. Lambda sends records again only where time ran out before a handler started.
    `report` receives each failure, with the record, the handler's name and the reason. The default report logs them
    without data.

    Raises `ConfigurationError` for a report that is no function, or that never runs.
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
    """Make a delivery for work that must not be lost: Lambda sends failed records again.

    Without a ledger, the first failed record comes again, with all later records of the batch and for all handlers. So
    no handler starts on a record after a failed one.

    A `ledger` remembers successes: only the handler that failed runs again, on the record that it failed on. Until that
    record is settled, the handler gets no later record of the same item. Other items and other handlers go on.

    With `dead_letters` as well, a handler that has failed on a record `max_attempts` times gives the record up. The
    record becomes a dead letter and counts as settled. The time until then depends on the health of the handler:

    - A handler that has succeeded on other records since works. Its attempts follow each other within a run.
    - A handler that fails on all records is down. Its records wait for as long as `outage`.
    - A record that fails alone, while nothing else is known of its handler, is tried for as long as `patience`.

    Without patience (``patience=timedelta()``) there are no waits. A record that no retry can help (`Undecodable`,
    `MissingImage`, `Malformed`, `Unrouted`) becomes a dead letter at once.

    A ledger that outlives the process has notes of processes. The notes show which handler has ended its process; such
    an end is an attempt as well (`ProcessDied`).

    `write` says when the ledger is written. With ``"failures"``, a run that leaves failures behind writes once. With
    ``"always"``, each success is written as well, so that less is repeated when a process dies.

    `scope` tells apart the functions that share a ledger; the default is the function's name. Outside of Lambda there
    is no such name. A ledger that outlives the process, such as `DynamoDBLedger`, needs a `scope` there; without one,
    the function raises `ConfigurationError` before any handler runs.

    The event source mapping needs ReportBatchItemFailures: without it, Lambda takes every answer for a success. For a
    mapping without it, ``whole_batch=True`` raises `BatchFailed` instead of an answer.

    Raises `ConfigurationError` for dead letters without a ledger, which counts the attempts, for limits out of range,
    and for arguments of another type.
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
    if cast("object", write) not in ("failures", "always"):  # a set would need a hash
        raise ConfigurationError(f'write is "failures" or "always", got {write!r}')
    if ledger is None:
        if dead_letters is not None:
            raise ConfigurationError(
                "dead letters need a ledger, which counts the attempts: pass ledger= as well"
            )
        return Retry(report, whole_batch)
    # Imported here: a function without a ledger would pay for them at every cold start.
    from streamfn._delivery.attempts import Limits
    from streamfn._delivery.ledger import RetryWithLedger, is_shared
    from streamfn._delivery.processes import ThisProcess

    limits = Limits(max_attempts, patience, outage)
    this_process = ThisProcess(_marks()) if is_shared(ledger) else None
    return RetryWithLedger(ledger, dead_letters, limits, write, scope, report, whole_batch, this_process)


def _marks() -> ProcessMarks:
    """Return the marks of a process: files on Lambda, where files outlive a process, and none elsewhere."""
    import os

    from streamfn._aws import function_name
    from streamfn._delivery.processes import FileMarks, ProcessMarks

    return ProcessMarks() if function_name() is None else FileMarks(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 (Lambda's folder)


def _check_stores(ledger: object, dead_letters: object) -> None:
    """Check stores for programs without a type checker."""
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
