"""Show what happened: the invocations, the handlers, what arrived, and whether anything was lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.demo.audit import Check
from examples.demo.changes import Change, inserted, removed
from examples.demo.meter import Meter
from examples.demo.runs import Run


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one handler did with the records that it is there for."""

    handler: str
    place: str
    wanted: int
    """How many changes it is there for."""
    succeeded: int
    """With how many of them it has succeeded."""
    failed: int
    """How often it has failed."""
    redelivered: int
    """How many of its calls were for a record that it had been called for before."""
    dead: int
    """How many of its changes are dead letters."""


def outcomes(changes: Sequence[Change], run: Run) -> list[Outcome]:
    """Count for each handler."""
    dead = Counter(letter.pair.handler for letter in run.arrived.letters)

    def outcome(handler: str, place: str, wanted: int) -> Outcome:
        successes, failed = run.mapping.history.successes(handler), run.mapping.history.failures(handler)
        calls = successes + failed
        return Outcome(
            handler,
            place,
            wanted,
            succeeded=len(successes),
            failed=failed.total(),
            redelivered=calls.total() - len(calls),
            dead=dead[handler],
        )

    return [
        outcome("announce", "Slack", len(inserted(changes))),
        outcome("back_up", "S3", len(removed(changes))),
        outcome("index", "search", len(changes)),
    ]


def parts(
    changes: Sequence[Change], run: Run, meter: Meter, found: Sequence[Check]
) -> Iterator[RenderableType]:
    """Give what is to be printed, part by part."""
    yield _stream(run)
    yield _handlers(outcomes(changes, run))
    yield _places(run, meter)
    yield _verdict(found)


def _stream(run: Run) -> RenderableType:
    history = run.mapping.history
    delivered = sum(len(each.event_ids) for each in history.invocations)
    partial = sum(each.settled < len(each.event_ids) for each in history.invocations)
    table = _table("The stream, delivered as Lambda does it")
    for heading in ("records", "invocations", "partial answers", "delivered again", "simulated time"):
        table.add_column(heading, justify="right")
    again = delivered - len(history.records)
    counts = (len(history.records), len(history.invocations), partial, again)
    table.add_row(*map(str, counts), run.time)
    return table


def _handlers(done: Sequence[Outcome]) -> RenderableType:
    table = _table("What the handlers did")
    table.add_column("handler", style="bold")
    table.add_column("to")
    for heading, style in (
        ("wanted", ""),
        ("succeeded", "green"),
        ("failed", "red"),
        ("redelivered", "yellow"),
        ("dead letters", "magenta"),
    ):
        table.add_column(heading, style=style, justify="right")
    for outcome in done:
        counts = (outcome.wanted, outcome.succeeded, outcome.failed, outcome.redelivered, outcome.dead)
        table.add_row(outcome.handler, outcome.place, *map(str, counts))
    return table


def _places(run: Run, meter: Meter) -> RenderableType:
    arrived, backups = run.arrived, run.arrived.backups
    told, documents = len(set(arrived.messages)), sorted(arrived.documents)
    letters = [f"{letter.id}, {letter.reason}" for letter in arrived.letters]
    table = _table("What arrived")
    table.add_column("where", style="bold")
    table.add_column("what, and one of them", overflow="fold")
    for where, what, examples in (
        ("Slack", f"{len(arrived.messages)} messages about {told} cards", arrived.messages),
        ("S3", f"{len(backups.objects)} objects, {len(backups.writes)} writes", sorted(backups.objects)),
        ("search", f"{len(documents)} documents", documents),
        ("SQS", f"{len(letters)} dead letters", letters),
    ):
        table.add_row(where, Text.assemble(what, "\n", (examples[-1] if examples else "", "dim")))
    table.add_row("ledger", _ledger(run, meter))
    return table


def _ledger(run: Run, meter: Meter) -> str:
    """Say what was asked of the ledger, and what of that by invocations in which nothing failed."""
    clean = [
        writes
        for writes, invocation in zip(meter.writes, run.mapping.history.invocations, strict=True)
        if all(effect == "succeeded" for call in invocation.calls for effect in call.effects)
    ]
    return (
        f"{sum(meter.queries)} queries by {len(meter.queries)} invocations, and {sum(meter.writes)} writes\n"
        f"{sum(clean)} writes by the {len(clean)} invocations in which nothing failed"
    )


def _verdict(found: Sequence[Check]) -> RenderableType:
    lines = [
        Text.assemble(("✓ ", "green"), check.statement)
        if check.holds
        else Text.assemble(
            ("✗ ", "red"),
            check.statement,
            f": {check.missing} missing, {check.unexpected} that should not be there",
        )
        for check in found
    ]
    whole = all(check.holds for check in found)
    title = "Nothing was lost" if whole else "Something was lost"
    return Panel(
        Text("\n").join(lines), title=title, title_align="left", border_style="green" if whole else "red"
    )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", expand=True)
