"""Deliveries without a ledger, and reports of failures."""

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

# Reports: what becomes of each failure that a delivery sees, besides its redelivery.
#
# A report is a function of one `Failed`. The default one logs a line of JSON that a log query can read, with
# identifiers and places in code alone: neither images nor the text of exceptions, which often quotes them.

E = TypeVar("E")
Told = TypeVar("Told")

Report: TypeAlias = Callable[[Failed[E]], Awaitable[None] | None]
"""A function that is told of a failure; a coroutine function is awaited."""

_log: Final = logging.getLogger("streamfn")


def log_failure(failed: Failed[object]) -> None:
    """Log a failure as one line of JSON, at the level ERROR of the logger ``streamfn``.

    ``location`` is the place in the user's code, and ``exception`` has the frames of what was raised and of its causes.
    No image, no value and no text of an exception is in the line; `log_failures` can add the last.
    """
    _log.error("%s", json.dumps(identifiers(failed)))


def log_failures(*, errors: bool = False) -> Callable[[Failed[object]], None]:
    """Make a report that logs as `log_failure` does, and with `errors` also what the errors themselves say.

    That is the `repr` of a `Refused` error, with its fields, and of each exception that was raised, with its notes.
    Leave it off where an error may hold people's data and logs may be read by many.
    """
    check_flag(errors, "errors")
    if not errors:
        return log_failure

    def log_with_errors(failed: Failed[object]) -> None:
        _log.error("%s", json.dumps(identifiers(failed, errors=True)))

    return log_with_errors


def identifiers(failed: Failed[object], *, errors: bool = False) -> dict[str, object]:
    """Describe a failure by what identifies it: no image, no value, and without `errors` no text of an exception."""
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
        from streamfn._failures import show_value  # here, because a cold start would pay for it

        described["error"] = show_value(reason.error if isinstance(reason, Refused) else reason.exception)
    return described


def places_in(reason: Reason[object], location: str | None, *, errors: bool = False) -> dict[str, object]:
    """Say where in code a failure came about, as far as anybody knows; `location` is where its handler begins."""
    places: dict[str, object] = {}
    if (place := location_of(reason, location)) is not None:
        places["location"] = place
    if (exception := exception_of(reason, errors=errors)) is not None:
        places["exception"] = exception
    return places


def exception_of(reason: Reason[object], *, errors: bool = False) -> dict[str, object] | None:
    """Describe what was raised and its causes by types, error codes and frames, and with `errors` by their texts."""
    if (exception := raised_in(reason)) is None:
        return None
    from streamfn._failures import described

    return described(exception, errors=errors)


def location_of(reason: Reason[object], location: str | None) -> str | None:
    """Name the place that tells most: where the user's code raised, or else where the handler begins."""
    exception = raised_in(reason)
    if exception is None:
        return location
    from streamfn._failures import raised_at

    return raised_at(exception) or location


def raised_in(reason: Reason[object]) -> BaseException | None:
    """Find what was raised; `safe` of `returns` makes it the error of a Failure."""
    match reason:
        case Raised(NotAResult()):  # nobody has raised it
            return None
        case Raised(BaseException() as exception) | Refused(BaseException() as exception):
            return exception
        case _:
            return None


def check_report(report: object, name: str) -> None:
    """Check that something can be told of failures.

    Fails with `ConfigurationError` for what is no function or never runs.
    """
    if report is not log_failure:
        check_listener(report, "report", name)


def check_listener(listener: object, argument: str, name: str) -> None:
    """Do the same for whatever is told of something, by the argument that it is and the name of one as it should be."""
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
    """Call a report and wait for it; that it raised or returned a Failure is logged, and changes nothing else.

    `who` is how messages name the report, and `describe` writes `about` into them. Raises the KeyboardInterrupt or
    SystemExit that it raised.
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
"""How many failures that there was no time to report are named in a line of the log."""


def report_failures(
    report: Report[E], failures: Iterable[Failed[E]], seconds_left: SecondsLeft = unlimited
) -> None:
    """Tell a report of failures, one after the other; see `call_report`.

    What was `Stopped` or `HeldBack` is left out: it has not failed, it waits for what has. That time ran out,
    or that the ledger is unavailable, keeps many from starting, and is told once each. What there is no time to
    tell goes to the log, by handler and record, a hundred a line.
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
    """Name a failure by what identifies it."""
    record = failed.record.event_id or failed.record.sequence_number or "a record without identifiers"
    handler = "no handler" if failed.handler is None else failed.handler
    return shown(f"{handler} on {record} ({type(failed.reason).__name__})")


def what_raised(error: BaseException, on: str = "") -> str:
    """Name what was raised by its type or its service's code, say `on` what, and where; its text may quote data."""
    from streamfn._aws import error_name as named  # both here, because a cold start would pay for them
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
    """Say more of a reason than its name, without data; None where there is no more."""
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
    """Name the type of an error, and the code that a service or the operating system gave."""
    from streamfn._failures import code_of

    code = code_of(error)
    return type(error).__name__ if code is None else f"{type(error).__name__} ({code})"


# Deliveries: what failures do to the rest of a batch, and which of them have to come again.

E_contra = TypeVar("E_contra", contravariant=True)

Process: TypeAlias = Callable[[Policy], Sequence[Result[Handled[object], Failed[E]]]]
"""Runs the handlers on a batch, as far as a policy lets it."""


class Delivery(Protocol[E_contra]):
    """Runs a batch, and says which of its failures are still open. `retry` and `acknowledge` make deliveries.

    The name is there for annotations. The methods of deliveries, this one and those by which they describe themselves
    (see `streamfn._delivery.descriptions`), are the library's own for now: they change without notice.
    """

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run handlers on records, report failures, and give those whose records have to come again.

        Fails with `BatchFailed` to have the whole batch come again.
        """
        ...


def failures_among(results: Iterable[Result[Handled[object], Failed[E]]]) -> list[Failed[E]]:
    """Take the failures out of Results, in their order."""
    # Asked that way round, `isinstance` has nothing to look for: what is exactly a Success is one.
    return [result.failure() for result in results if not isinstance(result, Success)]


def check_delivery(delivery: object) -> None:
    """Have a delivery check whether it can work in this process, if it knows how to.

    Fails with `ConfigurationError`.
    """
    check: object = getattr(delivery, "check", None)
    if callable(check):
        check()


# Deliveries without a memory: they know of this invocation alone.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Acknowledge(Value, Generic[E_contra]):
    """A delivery that reports failures and drops them; `acknowledge` makes it."""

    report: Report[E_contra]

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run everything and report all failures; only what was not started for lack of time comes again."""
        failures = failures_among(process(Policy(deadline)))
        report_failures(self.report, failures, deadline.seconds_for_stores)
        return [failed for failed in failures if isinstance(failed.reason, OutOfTime)]

    @property
    def needs(self) -> MappingNeeds:
        """It needs its answers read, for what was not started."""
        from streamfn._delivery.descriptions import (
            MappingNeeds,  # here, because a cold start would pay for it
        )

        return MappingNeeds(partial_answers=True, drops=True)

    def describe(self) -> DeliveryDescription:
        """Name it."""
        from streamfn._delivery.descriptions import DeliveryDescription

        return DeliveryDescription("acknowledge")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Retry(Value, Generic[E_contra]):
    """A delivery that has the first failed record, and all after it, come again; `retry` makes it."""

    report: Report[E_contra]
    whole_batch: bool

    def deliver(
        self, _: Sequence[Record], process: Process[E_contra], deadline: Deadline, __: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run up to the first failure, and report all; none of them is settled."""
        failures = failures_among(process(StopAtFirstFailure(deadline)))
        report_failures(self.report, failures, deadline.seconds_for_stores)
        if self.whole_batch:
            fail_batch(failures)
        return failures

    @property
    def needs(self) -> MappingNeeds:
        """It needs its answers read, where it does not fail as a whole."""
        from streamfn._delivery.descriptions import (
            MappingNeeds,  # here, because a cold start would pay for it
        )

        return MappingNeeds(partial_answers=not self.whole_batch)

    def describe(self) -> DeliveryDescription:
        """Name it."""
        from streamfn._delivery.descriptions import DeliveryDescription

        return DeliveryDescription("retry")
