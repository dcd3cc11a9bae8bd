"""Show what happened: the invocations, the handlers, what arrived, and whether anything was lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.demo.audit import Arrived, Check
from examples.demo.changes import Change, inserted, removed
from examples.demo.mapping import Delivery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one handler did, counted where its work arrived."""

    handler: str
    job: str
    wanted: int
    """How many changes it is there for."""
    settled: int
    """How many of them its service has taken."""
    failed: int
    """How many failures it reported."""
    repeated: int
    """How often its service took one that it had taken before."""


def outcomes(changes: Sequence[Change], arrived: Arrived, accepted: int) -> list[Outcome]:
    """Count for each handler; `accepted` is how many changes the search index took."""
    told, stored = len(set(arrived.messages)), len(arrived.backups.objects)
    failed = arrived.failures
    return [
        Outcome(
            "announce",
            "each new card to Slack",
            wanted=len(inserted(changes)),
            settled=told,
            failed=failed.get("announce", 0),
            repeated=len(arrived.messages) - told,
        ),
        Outcome(
            "back_up",
            "each removed card to S3",
            wanted=len(removed(changes)),
            settled=stored,
            failed=failed.get("back_up", 0),
            repeated=arrived.backups.writes - stored,
        ),
        Outcome(
            "index",
            "each change to the search index",
            wanted=len(changes),
            settled=min(accepted, len(changes)),
            failed=failed.get("index", 0),
            repeated=max(accepted - len(changes), 0),
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
    console.print(
        "", _stream(deliveries), "", _handlers(done), "", _samples(arrived), "", _remark(arrived), "", _verdict(found)
    )


def _stream(deliveries: Sequence[Delivery]) -> RenderableType:
    delivered = sum(len(delivery.records) for delivery in deliveries)
    settled = sum(delivery.settled for delivery in deliveries)
    table = Table(title="What Lambda did", title_justify="left", min_width=72)
    for heading in ("records", "invocations", "with failures", "records delivered", "of them again"):
        table.add_column(heading, justify="right")
    partial = sum(delivery.settled < len(delivery.records) for delivery in deliveries)
    table.add_row(*map(str, (settled, len(deliveries), partial, delivered, delivered - settled)))
    return table


def _handlers(done: Sequence[Outcome]) -> RenderableType:
    table = Table(title="What the handlers did", title_justify="left", min_width=72)
    table.add_column("handler", style="bold")
    table.add_column("sends")
    for heading, style in (("wanted", ""), ("succeeded", "green"), ("failed", "red"), ("repeated", "yellow")):
        table.add_column(heading, style=style, justify="right")
    for outcome in done:
        counts = (outcome.wanted, outcome.settled, outcome.failed, outcome.repeated)
        table.add_row(outcome.handler, outcome.job, *map(str, counts))
    return table
