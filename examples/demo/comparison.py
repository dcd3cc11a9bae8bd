"""Set beside what happened what two loops written by hand did to the same records, with the same refusals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from examples.demo.audit import unasked, work
from examples.demo.changes import Change
from examples.demo.runs import RETRIES, Run


@dataclass(frozen=True, slots=True)
class Toll:
    """What a way of following the stream cost, counted where the work arrives.

    `unheard` are new cards that Slack never heard of, `unsaved` removed cards that never came to S3. `lost` are changes
    that the index never took and that no dead letter keeps; the index was never asked for those of them that are
    `blocked`, so nothing was wrong with them. `time` is that of the simulated clock.
    """

    repeated_messages: int
    repeated_writes: int
    unheard: int
    unsaved: int
    lost: int
    blocked: int
    letters: int
    invocations: int
    time: str


def toll(changes: Sequence[Change], run: Run) -> Toll:
    """Count what a run cost."""
    done = work(changes, run.arrived)
    return Toll(
        repeated_messages=done.announced.unexpected,
        repeated_writes=done.backed_up.unexpected,
        unheard=done.announced.missing,
        unsaved=done.backed_up.missing,
        lost=done.indexed.missing,
        blocked=unasked(changes, run.arrived),
        letters=len(run.arrived.letters),
        invocations=len(run.mapping.history.invocations),
        time=run.time,
    )


_LOSSES: Final[Mapping[str, Callable[[Toll], int]]] = {
    "Slack messages that are repeats": lambda toll: toll.repeated_messages,
    "S3 writes that are repeats": lambda toll: toll.repeated_writes,
    "new cards unknown to Slack": lambda toll: toll.unheard,
    "removed cards missing in S3": lambda toll: toll.unsaved,
    "index changes lost": lambda toll: toll.lost,
    "  of them blocked, never tried": lambda toll: toll.blocked,
}
_COSTS: Final[Mapping[str, Callable[[Toll], int | str]]] = {
    "index changes kept as dead letters": lambda toll: toll.letters,
    "invocations": lambda toll: toll.invocations,
    "simulated time": lambda toll: toll.time,
}


def comparison(naive: Toll, swallowing: Toll, streamfn: Toll) -> RenderableType:
    """Set three tolls side by side, and say how they came about."""
    tolls = (naive, swallowing, streamfn)
    table = Table(title="The same records, three ways", title_justify="left", title_style="bold", expand=True)
    table.add_column("counted where the work arrives")
    for heading in ("naive loop", "swallowing loop", "streamfn"):
        table.add_column(heading, justify="right")
    for name, count in _LOSSES.items():
        table.add_row(name, *(Text(str(it), style="red" if it else "green") for it in map(count, tolls)))
    table.add_section()
    for name, tell in _COSTS.items():
        table.add_row(name, *map(str, map(tell, tolls)))
    return Group(table, "", _explained(*tolls))


def _explained(naive: Toll, swallowing: Toll, streamfn: Toll) -> Text:
    return Text.assemble(
        ("The naive loop", "bold"),
        " raises at the first failure, and Lambda sends the whole batch again: until the index takes it, or the "
        f"records expire after 24 hours. Here Lambda gave up after {RETRIES} retries already. What was refused for "
        f"ever is lost then, and so is what stood behind it in its batch: {naive.blocked} changes that the index was "
        "never asked for.\n",
        ("The swallowing loop", "bold"),
        f" is through at once, and nothing remembers the {swallowing.lost} changes that it left out.\n",
        ("With streamfn", "bold"),
        " only the handler that failed runs again. What was refused for ever "
        f"is in a queue: {streamfn.letters} changes, each whole.",
    )
