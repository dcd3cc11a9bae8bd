"""Show what happened: the invocations, the handlers, what arrived, and whether anything was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.demo.audit import Arrived, Check
from examples.demo.changes import Change, inserted, removed
from examples.demo.logs import failures
from examples.demo.mapping import Delivery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one handler did, counted where its work arrived."""

    handler: str
    job: str
    wanted: int
    """How many changes it is there for."""
    succeeded: int
    """How many of them its service has taken."""
    taken: int
    """How often its service took something, repeats included."""
    failed: int
    """How many failures it reported."""

    @property
    def redelivered(self) -> int:
        """How many of its calls were for a record that it had been called for before."""
        return self.taken + self.failed - self.wanted


def outcomes(changes: Sequence[Change], arrived: Arrived) -> list[Outcome]:
    """Count for each handler."""
    new, gone, backups = len(inserted(changes)), len(removed(changes)), arrived.backups
    told, taken, failed = len(set(arrived.messages)), arrived.accepted, failures(arrived.log)
    return [
        Outcome("announce", "new cards to Slack", new, told, len(arrived.messages), failed["announce"]),
        Outcome(
            "back_up", "removed cards to S3", gone, len(backups.objects), backups.writes, failed["back_up"]
        ),
        Outcome(
            "index", "all changes to search", len(changes), min(taken, len(changes)), taken, failed["index"]
        ),
    ]


def show(
    console: Console,
    deliveries: Sequence[Delivery],
    done: Sequence[Outcome],
    arrived: Arrived,
    found: Sequence[Check],
) -> None:
    """Print it all."""
    for part in (_stream(deliveries), _handlers(done), _places(arrived), _remark(arrived), _verdict(found)):
        console.print()
        console.print(part)


def _stream(deliveries: Sequence[Delivery]) -> RenderableType:
    delivered = sum(len(delivery.records) for delivery in deliveries)
    settled = sum(delivery.settled for delivery in deliveries)
    partial = sum(delivery.settled < len(delivery.records) for delivery in deliveries)
    table = _table("The stream, delivered as Lambda does it")
    for heading in ("records", "invocations", "with a failure", "records delivered", "of them again"):
        table.add_column(heading, justify="right")
    table.add_row(*map(str, (settled, len(deliveries), partial, delivered, delivered - settled)))
    return table


def _handlers(done: Sequence[Outcome]) -> RenderableType:
    table = _table("What the handlers did")
    table.add_column("handler", style="bold")
    table.add_column("sends")
    for heading, style in (
        ("wanted", ""),
        ("succeeded", "green"),
        ("failed", "red"),
        ("redelivered", "yellow"),
    ):
        table.add_column(heading, style=style, justify="right")
    for outcome in done:
        counts = (outcome.wanted, outcome.succeeded, outcome.failed, outcome.redelivered)
        table.add_row(outcome.handler, outcome.job, *map(str, counts))
    return table


def _places(arrived: Arrived) -> RenderableType:
    messages, objects, documents = (
        arrived.messages,
        sorted(arrived.backups.objects),
        sorted(arrived.documents),
    )
    told = len(set(messages))
    table = _table("What arrived")
    table.add_column("where", style="bold")
    table.add_column("what, and one of them", overflow="fold")
    for where, what, examples in (
        (
            "Slack",
            f"{len(messages)} messages about {told} cards, {len(messages) - told} of them repeats",
            messages,
        ),
        ("S3", f"{len(objects)} objects, written {arrived.backups.writes} times", objects),
        ("search", f"{len(documents)} documents", documents),
        ("log", f"{len(arrived.log)} failures", arrived.log),
    ):
        table.add_row(where, Text.assemble(what, "\n", (examples[-1] if examples else "", "dim")))
    return table


def _remark(arrived: Arrived) -> RenderableType:
    repeats = len(arrived.messages) - len(set(arrived.messages))
    return Text(
        f"The search index refused {arrived.refused} changes, as it was made to. Lambda delivered each of those "
        "records again, and all handlers of such a record ran again, since retry() does not remember which of them "
        f"had succeeded: Slack heard {repeats} times of a card that it knew."
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
