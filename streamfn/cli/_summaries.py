"""What came of a replay, summed up for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from streamfn.cli._printing import Column, counted, print_table, say, with_place

if TYPE_CHECKING:
    from streamfn.sources.export import Outcome


@dataclass(frozen=True)
class Summary:
    """What came of a replay; `failures` are the first of them."""

    handled: dict[str, int]
    failed: dict[tuple[str | None, str], int]
    failures: list[Outcome]
    unfinished: dict[str, str]
    interrupted: bool
    progress_missing: dict[str, str] = field(default_factory=dict[str, str])

    def document(self) -> dict[str, object]:
        """Describe it for machines."""
        return {
            "handled": self.handled,
            "failed": [
                {"handler": handler, "outcome": outcome, "count": count}
                for (handler, outcome), count in self.failed.items()
            ],
            "failures": [asdict(each) for each in self.failures],
            "unfinished": self.unfinished,
            "progress_missing": self.progress_missing,
            "interrupted": self.interrupted,
        }


def summed(outcomes: Iterable[Outcome], failures: int) -> Summary:
    """Sum outcomes up as they come."""
    handled, failed = Counter[str](), Counter[tuple[str | None, str]]()
    first: list[Outcome] = []
    unfinished: dict[str, str] = {}
    missing: dict[str, str] = {}
    for each in outcomes:
        if each.outcome == "handled":
            handled[each.handler or ""] += each.count
        elif each.outcome == "ProgressMissing":
            missing[each.data_file] = ", ".join(filter(None, (missing.get(each.data_file), each.detail)))
        elif each.line is None:
            unfinished[each.data_file] = each.detail or each.outcome
        else:
            failed[each.handler, each.outcome] += each.count
            first += [each] if len(first) < failures else []
    return Summary(
        dict(handled), dict(failed), first, unfinished, interrupted=False, progress_missing=missing
    )


def show(summary: Summary) -> None:
    """Print a summary for people."""
    counts = [[handler, "handled", f"{count:,}"] for handler, count in sorted(summary.handled.items())]
    counts += [[handler or "", outcome, f"{count:,}"] for (handler, outcome), count in summary.failed.items()]
    if counts:
        print_table([Column("Handler"), Column("Outcome"), Column("Records")], counts)
        say()
    if summary.failures:
        print_table(
            [
                Column("File", folds=True),
                Column("Line"),
                Column("Handler"),
                Column("Outcome"),
                Column("Detail", folds=True),
            ],
            [
                [
                    each.data_file,
                    str(each.line or ""),
                    each.handler or "",
                    each.outcome,
                    with_place(each.detail, each.location),
                ]
                for each in summary.failures
            ],
        )
        rest = sum(summary.failed.values()) - len(summary.failures)
        say(f"… and {counted(rest, 'more failure')}\n" if rest else "")
    if summary.progress_missing:
        print_table(
            [Column("File", folds=True), Column("Had no progress, and run again", folds=True)],
            [[name, lines] for name, lines in summary.progress_missing.items()],
        )
        say()
    if summary.unfinished:
        print_table(
            [Column("File", folds=True), Column("Could not be run to its end", folds=True)],
            [[name, why] for name, why in summary.unfinished.items()],
        )
        say()
    handled, failed = sum(summary.handled.values()), sum(summary.failed.values())
    told = [counted(handled, "success", "successes"), counted(failed, "failure")]
    if summary.unfinished:
        told.append(counted(len(summary.unfinished), "unfinished file"))
    say(", ".join(told))
    if summary.interrupted:
        say("It was interrupted: call it again, and it goes on from there.")
