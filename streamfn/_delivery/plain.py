"""Deliveries without a ledger, and reports of failures.

In this order: reports, the protocol of deliveries, and `acknowledge` and `retry` without a ledger.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, assert_never, cast

from returns.result import Result, Success
from typing_extensions import TypeVar

from streamfn._dataclasses import Value
from streamfn._errors import ConfigurationError, check_flag, check_function, shown
from streamfn._execution.calls import call, check_finished, shortcoming
from streamfn._execution.policy import Policy, StopAtFirstFailure
from streamfn._failures import (
    Failed,
    Handled,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    NotAResult,
    OutOfTime,
    Raised,
    Reason,
    Refused,
    Stopped,
    Undecodable,
    Unrouted,
    name_of_exception,
)
from streamfn._payloads import fail_batch
from streamfn._records import Record, StreamRecord
from streamfn._time import AlarmClock, Deadline, SecondsLeft, unlimited

if TYPE_CHECKING:
    from streamfn._delivery.descriptions import DeliveryDescription, MappingNeeds

# Reports: functions of one `Failed`, called for each failure that a delivery sees.
#
# The default report logs a line of JSON for log queries. The line has identifiers and places in code alone: no images,
# and no texts of exceptions, which often quote images.

E = TypeVar("E")
Told = TypeVar("Told")

Report: TypeAlias = Callable[[Failed[E]], Awaitable[None] | None]
"""A function that receives each failure; a coroutine function is awaited."""

_log: Final = logging.getLogger("streamfn")


def log_failure(failed: Failed[object]) -> None:
    """Log a failure as one line of JSON, at the level ERROR of the logger ``streamfn``.

    ``location`` is the place in the user's code, and ``exception`` has the frames of an exception and of its causes.
    The line has no image, no value and no text of an exception; `log_failures` can add the texts.
    """
    _log.error("%s", json.dumps(identifiers(failed)))


def log_failures(*, errors: bool = False) -> Callable[[Failed[object]], None]:
    """Make a report that logs as `log_failure` does, and with `errors` the texts of errors as well.

    The texts are the `repr` of a `Refused` error, with its fields, and of each exception, with its notes. Errors may
    hold people's data, which all readers of the logs can then read.
    """
    check_flag(errors, "errors")
    if not errors:
        return log_failure

    def log_with_errors(failed: Failed[object]) -> None:
        _log.error("%s", json.dumps(identifiers(failed, errors=True)))

    return log_with_errors


def identifiers(failed: Failed[object], *, errors: bool = False) -> dict[str, object]:
    """Describe a failure by identifiers, without images and values, and only with `errors` by texts of exceptions."""
    record, reason = failed.record, failed.reason
    described: dict[str, object] = {
        "reason": type(reason).__name__,
        "detail": detail_of(reason),
        "handler": failed.handler,
        "eventID": record.event_id,
        "sequenceNumber": record.sequence_number,
    }
    if isinstance(record, StreamRecord):
        described |= {"eventName": record.event_name, "eventSourceARN": record.event_source_arn}
    described |= places_in(reason, failed.location, errors=errors)
    if errors and isinstance(reason, Refused | Raised):
        from streamfn._failures import show_value  # here: a cold start would pay for it

        described["error"] = show_value(reason.error if isinstance(reason, Refused) else reason.exception)
    return described


def places_in(reason: Reason[object], location: str | None, *, errors: bool = False) -> dict[str, object]:
    """Return the known places in code where a failure arose; `location` is where its handler begins."""
    places: dict[str, object] = {}
    if (place := location_of(reason, location)) is not None:
        places["location"] = place
    if (exception := exception_of(reason, errors=errors)) is not None:
        places["exception"] = exception
    return places


def exception_of(reason: Reason[object], *, errors: bool = False) -> dict[str, object] | None:
    """Describe an exception and its causes by types, error codes and frames, and with `errors` by texts."""
    if (exception := raised_in(reason)) is None:
        return None
    from streamfn._failures import described

    return described(exception, errors=errors)


def location_of(reason: Reason[object], location: str | None) -> str | None:
    """Return the place where the user's code raised an exception, or else where the handler begins."""
    exception = raised_in(reason)
    if exception is None:
        return location
    from streamfn._failures import raised_at

    return raised_at(exception) or location


def raised_in(reason: Reason[object]) -> BaseException | None:
    """Return the exception of a reason; `safe` of `returns` makes an exception the error of a Failure."""
    match reason:
        case Raised(NotAResult()):  # the library made it, and no code raised it
            return None
        case Raised(BaseException() as exception) | Refused(BaseException() as exception):
            return exception
        case _:
            return None


def check_report(report: object, name: str) -> None:
    """Raise `ConfigurationError` for a report that is no function, or that never runs."""
    if report is not log_failure:
        check_listener(report, "report", name)


def check_listener(listener: object, argument: str, name: str) -> None:
    """Check any listener as `check_report` does; messages name its `argument`, and `name` as a right example."""
    check_function(listener, argument, f"{argument}={name}")
    check_finished("", listener, argument)
    if isgeneratorfunction(listener) or isasyncgenfunction(listener):
        raise ConfigurationError(
            f"the {argument} is a generator function, which nobody runs: leave out yield"
        )


def call_report(
    report: Callable[[Told], object],
    about: Told,
    log: logging.Logger = _log,
    *,
    who: str = "the report",
    describe: Callable[[Told], str] = repr,
) -> None:
    """Call a report and wait for it; its exception or its Failure is logged, and has no other effect.

    `who` names the report in messages, and `describe` writes `about` into them. Raises the KeyboardInterrupt or
    SystemExit of the report.
    """
    returned = call(cast("Callable[[object], object]", report), about)  # `call` takes any argument
    if (reason := shortcoming(returned, who)) is None:
        return
    on = f" on: {describe(about)}"
    match reason:
        case Raised(NotAResult() as problem):
            log.error("%s (told of %s)", shown(str(problem)), shown(describe(about)))
        case Raised(exception):
            log.error("%s raised %s", who, what_raised(exception, on))
        case Refused(error):
            name = (
                what_raised(error, on)
                if isinstance(error, BaseException)
                else shown(f"{type(error).__name__}{on}")
            )
            log.error("%s returned a Failure of %s", who, name)
        case _:
            assert_never(reason)


_A_LINE: Final = 100
"""The most failures in one line of the log, where there was no time to report them."""


def report_failures(
    report: Report[E], failures: Iterable[Failed[E]], seconds_left: SecondsLeft = unlimited
) -> None:
    """Call a report with failures, one after the other; see `call_report`.

    `Stopped` and `HeldBack` are left out: such tasks have not failed, they wait for a failed one. `OutOfTime` and
    `LedgerUnavailable` keep many tasks from starting, and are reported once each. Failures that there is no time to
    report are logged by handler and record, a hundred in a line.
    """
    due = list(_worth_telling(failures))
    for number, failed in enumerate(due):
        if seconds_left() <= 0:
            for start in range(number, len(due), _A_LINE):
                untold = ", ".join(map(_shortly, due[start : start + _A_LINE]))
                _log.error(
                    "time ran out for reports, %d of %d failures are not reported: %s",
                    len(due) - number,
                    len(due),
                    untold,
                )
            return
        call_report(report, failed)


def _shortly(failed: Failed[object]) -> str:
    """Return the identifiers of a failure."""
    record = failed.record.event_id or failed.record.sequence_number or "a record without identifiers"
    handler = "no handler" if failed.handler is None else failed.handler
    return shown(f"{handler} on {record} ({type(failed.reason).__name__})")


def what_raised(error: BaseException, on: str = "") -> str:
    """Name an exception by its type or its service's code, then `on`, then the place; its text may quote data."""
    from streamfn._aws import error_name as named  # here: a cold start would pay for both
    from streamfn._failures import raised_at

    place = raised_at(error)
    return shown(f"{named(error)}{on}" if place is None else f"{named(error)}{on} at {place}")


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
    """Return more of a reason than its name, without data; None if there is no more."""
    match reason:
        case Refused(BaseException() as error):
            return _with_code(error)
        case Refused(error):
            return type(error).__name__
        case Raised(NotAResult() as exception):
            return f"{name_of_exception(exception)}: {exception}"
        case Raised(exception):
            return _with_code(exception)
        case Undecodable():
            return str(reason)
        case MissingImage(image):
            return image
        case Malformed(problem):
            return problem
        case Unrouted():
            return str(reason)
        case _:
            return None


def _with_code(error: BaseException) -> str:
    """Name the type of an error, and the code of a service or of the operating system."""
    from streamfn._failures import code_of

    code = code_of(error)
    return type(error).__name__ if code is None else f"{type(error).__name__} ({code})"


# Deliveries: the consequences of failures for the rest of a batch, and the records that come again.

E_contra = TypeVar("E_contra", contravariant=True)

Process: TypeAlias = Callable[[Policy], Sequence[Result[Handled[object], Failed[E]]]]
"""Runs the handlers on a batch, as far as a policy admits tasks."""


class Delivery(Protocol[E_contra]):
    """Runs a batch, and returns the failures that are still open. `retry` and `acknowledge` make deliveries.

    The name is there for annotations. The methods of deliveries, `deliver` and those by which deliveries describe
    themselves (see `streamfn._delivery.descriptions`), are private for now: they change without notice.
    """

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run handlers on records, report failures, and return those whose records have to come again.

        Raises `BatchFailed` to have the whole batch come again.
        """
        ...


def failures_among(results: Iterable[Result[Handled[object], Failed[E]]]) -> list[Failed[E]]:
    """Return the failures among Results, in their order."""
    # `isinstance` is fastest for an object of exactly this class, as nearly every Result is.
    return [result.failure() for result in results if not isinstance(result, Success)]


def check_delivery(delivery: object) -> None:
    """Call the `check` of a delivery, if there is one. Raises `ConfigurationError` if the delivery cannot work here."""
    check: object = getattr(delivery, "check", None)
    if callable(check):
        check()


# Deliveries without a ledger: they know the current invocation alone.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Acknowledge(Value, Generic[E_contra]):
    """A delivery that reports failures and drops them; `acknowledge` makes it."""

    report: Report[E_contra]

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run all tasks and report all failures; only tasks that had no time to start come again."""
        failures = failures_among(process(Policy(deadline)))
        report_failures(self.report, failures, deadline.seconds_for_stores)
        return [failed for failed in failures if isinstance(failed.reason, OutOfTime)]

    @property
    def needs(self) -> MappingNeeds:
        """The delivery's needs: answers that are read, for tasks that had no time to start."""
        from streamfn._delivery.descriptions import MappingNeeds  # here: a cold start would pay for it

        return MappingNeeds(partial_answers=True, drops=True)

    def describe(self) -> DeliveryDescription:
        """Return the delivery's name."""
        from streamfn._delivery.descriptions import DeliveryDescription

        return DeliveryDescription("acknowledge")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Retry(Value, Generic[E_contra]):
    """A delivery that lets the first failed record, and all after it, come again; `retry` makes it."""

    report: Report[E_contra]
    whole_batch: bool

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run up to the first failure, and report all failures; none of them is settled."""
        failures = failures_among(process(StopAtFirstFailure(deadline)))
        report_failures(self.report, failures, deadline.seconds_for_stores)
        if self.whole_batch:
            fail_batch(failures)
        return failures

    @property
    def needs(self) -> MappingNeeds:
        """The delivery's needs: answers that are read, unless the batch fails as a whole."""
        from streamfn._delivery.descriptions import MappingNeeds  # here: a cold start would pay for it

        return MappingNeeds(partial_answers=not self.whole_batch)

    def describe(self) -> DeliveryDescription:
        """Return the delivery's name."""
        from streamfn._delivery.descriptions import DeliveryDescription

        return DeliveryDescription("retry")
