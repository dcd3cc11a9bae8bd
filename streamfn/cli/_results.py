"""Results as a command shows them: by what identifies them, and with values only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer
from returns.result import Result, Success

from streamfn._failures import Failed, Handled, Raised, Reason, Refused
from streamfn._records import Record, StreamRecord
from streamfn._reports import detail_of, exception_of, location_of, raised_in
from streamfn._texts import shown
from streamfn.cli._printing import Cell, Column, console, print_table, say, with_place

ShowValues: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--show-values",
        help="Show what handlers returned, and the errors that they failed with: both may hold people's data.",
    ),
]

AnyResult: TypeAlias = Result[Handled[object], Failed[object]]
"""A Result of whatever handler."""

_WIDE: Final = 120
"""The fewest characters a line that have room for both identifiers of a record beside one another."""


@dataclass(frozen=True)
class Shown:
    """A Result as it is shown: `outcome` is ``handled``, or the name of the failure's reason.

    `value` is what the handler returned, or the error that it failed with or raised, and None where there is no such
    thing or it is not asked for. `location` is the place in code that tells most of a failure, `exception` describes
    what was raised, and `traceback` is Python's own, with the texts of exceptions.
    """

    record: Record
    handler: str | None
    outcome: str
    detail: str | None
    value: str | None
    location: str | None = None
    exception: Mapping[str, object] | None = None
    traceback: str | None = None

    def document(self, *, values: bool, tracebacks: bool = False) -> dict[str, object]:
        """Describe it for machines."""
        return {
            "eventName": self.event_name,
            "eventID": self.record.event_id,
            "sequenceNumber": self.record.sequence_number,
            "table": self.record.table_name,
            "handler": self.handler,
            "detail": self.detail,
            **places(self.location, self.exception),
            **({"value": self.value} if values else {}),
            **({"traceback": self.traceback} if tracebacks else {}),
            "outcome": self.outcome,
        }

    @property
    def told(self) -> str:
        """What is said of a failure in a line, for people."""
        return with_place(self.detail, self.location)

    @property
    def event_name(self) -> str | None:
        """What happened to the item, if the record tells."""
        return self.record.event_name if isinstance(self.record, StreamRecord) else None


def places(location: str | None, exception: Mapping[str, object] | None) -> dict[str, object]:
    """Say for machines where in code a failure came about, as far as that is known."""
    known: dict[str, object] = {"location": location, "exception": exception}
    return {name: place for name, place in known.items() if place is not None}


def shown_results(results: Sequence[AnyResult], *, values: bool, tracebacks: bool = False) -> list[Shown]:
    """Take of Results what is shown: no image, and no value or text of an exception unless it is asked for."""
    return [_shown(result, values=values, tracebacks=tracebacks) for result in results]


def print_tracebacks(results: Sequence[Shown]) -> None:
    """Print what was raised, as Python prints what nobody catches."""
    for each in results:
        if each.traceback is not None:
            say(shown(f"{each.handler} on {each.record.event_id}:"))
            for line in each.traceback.split("\n"):
                say(shown(line))


def print_results(results: Sequence[Shown], *, values: bool) -> None:
    """Print a table; where lines are short, the identifiers of a record stand below one another, and once for it."""
    stacked = console().width < _WIDE
    identifiers = [Column("Record")] if stacked else [Column("Sequence number"), Column("Event id")]
    columns = [
        Column("Outcome"),
        Column("Handler"),
        Column("Event"),
        *identifiers,
        Column("Detail", folds=True),
    ]
    print_table(
        [*columns, Column("Value", folds=True)] if values else columns,
        (
            [
                each.outcome,
                each.handler or "",
                *record,
                each.told,
                *([each.value or ""] if values else []),
            ]
            for each, record in zip(
                results, _stacked(results) if stacked else map(_beside, results), strict=True
            )
        ),
    )


def _beside(result: Shown) -> list[Cell]:
    return [result.event_name or "", result.record.sequence_number or "", result.record.event_id or ""]


def _stacked(results: Sequence[Shown]) -> Iterator[list[Cell]]:
    before: Record | None = None
    for result in results:
        identifiers = filter(None, (result.record.sequence_number, result.record.event_id))
        yield ["", ""] if result.record is before else [result.event_name or "", tuple(identifiers)]
        before = result.record


def _shown(result: AnyResult, *, values: bool, tracebacks: bool) -> Shown:
    if isinstance(result, Success):
        handled = result.unwrap()
        value = repr(handled.value) if values else None
        return Shown(handled.record, handled.handler, "handled", None, value)
    failed = result.failure()
    reason = failed.reason
    return Shown(
        failed.record,
        failed.handler,
        type(reason).__name__,
        detail_of(reason),
        _value(reason) if values else None,
        location_of(reason, failed.location),
        exception_of(reason),
        _traceback(reason) if tracebacks else None,
    )


def _traceback(reason: Reason[object]) -> str | None:
    from streamfn._tracebacks import traceback_of

    exception = raised_in(reason)
    return None if exception is None else traceback_of(exception)


def _value(reason: Reason[object]) -> str | None:
    from streamfn._tracebacks import text_of

    match reason:
        case Refused(error) | Raised(error):
            return text_of(error)
        case _:
            return None
