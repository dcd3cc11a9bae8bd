"""Results as a command shows them: by what identifies them, and with values only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer
from returns.result import Result, Success

from streamfn._failures import Failed, Handled, Raised, Reason, Refused
from streamfn._records import Record, StreamRecord
from streamfn._reports import detail_of
from streamfn.cli._printing import Column, console, print_table

ShowValues: TypeAlias = Annotated[
    bool, typer.Option("--show-values", help="Show what handlers returned, which may hold people's data.")
]

AnyResult: TypeAlias = Result[Handled[object], Failed[object]]
"""A Result of whatever handler."""

_WIDE: Final = 120
"""The fewest characters a line that have room for both identifiers of a record beside one another."""


@dataclass(frozen=True)
class Shown:
    """A Result as it is shown: `outcome` is ``handled``, or the name of the failure's reason.

    `value` is what the handler returned or raised, and None where there is no such thing or it is not asked for.
    """

    record: Record
    handler: str | None
    outcome: str
    detail: str | None
    value: str | None

    def document(self, *, values: bool) -> dict[str, str | None]:
        """Describe it for machines."""
        return {
            "eventName": self.event_name,
            "eventID": self.record.event_id,
            "sequenceNumber": self.record.sequence_number,
            "table": self.record.table_name,
            "handler": self.handler,
            "detail": self.detail,
            **({"value": self.value} if values else {}),
            "outcome": self.outcome,
        }

    @property
    def event_name(self) -> str | None:
        """What happened to the item, if the record tells."""
        return self.record.event_name if isinstance(self.record, StreamRecord) else None


def shown_results(results: Sequence[AnyResult], *, values: bool) -> list[Shown]:
    """Take of Results what is shown: no image, and no value or text of an exception unless it is asked for."""
    return [_shown(result, values=values) for result in results]


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
                each.detail or "",
                *([each.value or ""] if values else []),
            ]
            for each, record in zip(
                results, _stacked(results) if stacked else map(_beside, results), strict=True
            )
        ),
    )


def _beside(result: Shown) -> list[str]:
    return [result.event_name or "", result.record.sequence_number or "", result.record.event_id or ""]


def _stacked(results: Sequence[Shown]) -> Iterator[list[str]]:
    before: Record | None = None
    for result in results:
        event_name, *identifiers = _beside(result)
        yield ["", ""] if result.record is before else [event_name, "\n".join(filter(None, identifiers))]
        before = result.record


def _shown(result: AnyResult, *, values: bool) -> Shown:
    if isinstance(result, Success):
        handled = result.unwrap()
        value = repr(handled.value) if values else None
        return Shown(handled.record, handled.handler, "handled", None, value)
    failed = result.failure()
    reason = failed.reason
    value = _value(reason) if values else None
    return Shown(failed.record, failed.handler, type(reason).__name__, detail_of(reason), value)


def _value(reason: Reason[object]) -> str | None:
    match reason:
        case Refused(error):
            return repr(error)
        case Raised(exception):
            return repr(exception)
        case _:
            return None
