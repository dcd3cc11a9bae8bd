"""How far a replay has come, as a bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfn.sources.export import Progress


@contextmanager
def bar(*, shown: bool) -> Generator[Callable[[Progress], None]]:
    """Show on standard error how far a replay has come, at what rate and for how long still, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text
    from typing_extensions import override

    class Rate(TextColumn):
        """How many records a second."""

        @override
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), Rate(""), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("", total=None)

        def advance(progress: Progress) -> None:
            bar.update(task, completed=progress.lines, total=progress.all_lines)

        yield advance
