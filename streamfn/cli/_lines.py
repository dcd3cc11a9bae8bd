"""What a stream brings, line by line: Results on standard output, and on standard error what happens on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from streamfn._texts import shown
from streamfn.cli._printing import console, counted, output, print_json_line
from streamfn.cli._results import Shown

if TYPE_CHECKING:
    from streamfn._pipeline import Pipeline
    from streamfn.sources import Notice

_WAITING: Final = frozenset({"Stopped", "HeldBack"})
"""The outcomes of what has not been started, and is told of when it has."""


def json_lines(*, values: bool) -> Callable[[Sequence[Shown]], None]:
    """Make what prints a document a line."""

    def show(results: Sequence[Shown]) -> None:
        for each in results:
            if each.outcome not in _WAITING:
                print_json_line(each.document(values=values))

    return show


def lines_for(process: Pipeline[object, object]) -> Callable[[Sequence[Shown]], None]:
    """Make what prints lines for people, in which handlers' names and kinds of change stand below one another."""
    from rich.text import Text

    longest = max((len(each.name) for route in process.routes for each in route.handlers), default=0)
    printer = console()

    def show(results: Sequence[Shown]) -> None:
        for each in results:
            if each.outcome in _WAITING:
                continue
            style = "green" if each.outcome == "handled" else "red"
            told = (
                f"{each.handler or '':<{longest}}",
                f"{each.event_name or '':<6}",
                each.record.sequence_number or "-",
                each.record.event_id or "-",
                *filter(None, (each.told, each.value)),
            )
            printer.print(Text(f"{each.outcome:<9}", style), Text(shown("  ".join(told))), soft_wrap=True)
        output().flush()

    return show


def tell(notice: Notice) -> None:
    """Tell on standard error what happens on the way."""
    sys.stderr.write(f"streamfn: {shown(said(notice))}\n")


def said(notice: Notice) -> str:
    """Put a notice into words."""
    from streamfn.sources import Finished, NotSettled, Reading, Trimmed, TurnedAway

    match notice:
        case Reading():
            return f"reading {notice.shard_id} from {notice.start}"
        case Finished():
            return f"{notice.shard_id} has ended, and all of it is settled"
        case NotSettled():
            records = f"{counted(notice.count, 'record')} from {notice.sequence_number} on"
            return f"to come again: {records} ({notice.reason})"
        case TurnedAway():
            return f"a request will be made again: {notice.reason}"
        case Trimmed():
            after = notice.sequence_number
            place = "from its beginning" if after is None else f"after {after}"
            return (
                f"{notice.shard_id} has dropped records {place}: what was written there and not read is lost"
            )
        case _:
            assert_never(notice)
