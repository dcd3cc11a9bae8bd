"""The history of a simulation, to be asked and to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from streamfn.testing._mapping.invocations import Discarded, Effect, HandlerCall, Invocation
from streamfn.testing._mapping.page import page
from streamfn.testing._mapping.timeline import timeline


@dataclass(slots=True)
class History:
    """All that happened, in its order. `str` makes a timeline of it, and `html` a page.

    `records` says of each record by its identifier what kind of change it is, in the order of their arrival.
    """

    records: dict[str, str] = field(default_factory=dict[str, str])
    invocations: list[Invocation] = field(default_factory=list[Invocation])
    discarded: list[Discarded] = field(default_factory=list[Discarded])

    @property
    def calls(self) -> Iterator[HandlerCall]:
        """All calls of handlers, in their order."""
        for invocation in self.invocations:
            yield from invocation.calls

    def successes(self, handler: str) -> Counter[str]:
        """Count how often a handler succeeded, by the identifiers of its events."""
        return self._count(handler, "succeeded")

    def failures(self, handler: str) -> Counter[str]:
        """Count how often a handler failed, by the identifiers of its events."""
        return self._count(handler, "failed")

    def dead_letters(self, handler: str) -> Counter[str]:
        """Count how often a handler gave a record up for a dead letter, by the identifiers of the records.

        Those that reached no handler go by the handler ``""``.
        """
        return Counter(
            letter.event_id
            for invocation in self.invocations
            for letter in invocation.letters
            if letter.handler == handler
        )

    def html(self) -> str:
        """Make a page of it that stands by itself: a lane for each handler, a column for each invocation."""
        return page(self.records, self.invocations, self.discarded)

    def write_html(self, path: Path | str) -> None:
        """Write the page into a file, to be opened in a browser."""
        Path(path).write_text(self.html(), encoding="utf-8")

    def _count(self, handler: str, wanted: Effect) -> Counter[str]:
        return Counter(
            event_id
            for call in self.calls
            if call.handler == handler
            for event_id, effect in zip(call.event_ids, call.effects, strict=True)
            if effect == wanted
        )

    @override
    def __str__(self) -> str:
        return timeline(self.records, self.invocations, self.discarded)
