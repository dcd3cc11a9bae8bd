"""Letters to redrive, sources that fail where a test wishes, and what came of it in a few words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from streamfn import InsertEvent
from streamfn._time import unlimited
from streamfn.dead_letters import MemoryDeadLetters, Received
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import Ledger
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, State
from streamfn.redrive import Redriven
from tests.dead_letters.letters import NOW
from tests.delivery.jobs import Note, written

SCOPE: Final = "follow"
STREAM: Final = written("a1")[0].record.event_source_arn or ""
EVERYTHING: Final = SequenceRange(SCOPE, STREAM, "0", "9" * 40)


class Crash(BaseException):
    """The process that redrives dies."""


@dataclass
class Texts:
    """A source of whatever texts; removing raises what is to be raised for a name."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    failing: dict[str, BaseException] = field(default_factory=dict[str, BaseException])
    received: list[str] = field(default_factory=list[str])

    def receive(self) -> Iterator[Received]:
        """Give the texts in their order."""
        for name, text in list(self.texts.items()):
            self.received.append(name)
            yield Received(name, text, partial(self._remove, name))

    def _remove(self, name: str) -> None:
        if (error := self.failing.get(name)) is not None:
            raise error
        del self.texts[name]


def letter_on(
    raw: object,
    handler: str = "tell",
    *,
    identity: str | None = None,
    scope: str = SCOPE,
    stream: str = STREAM,
) -> DeadLetter:
    """Make a letter on a raw record, which goes by its event's identifier."""
    if identity is None:
        identity = str(json.loads(json.dumps(raw))["eventID"])
    return DeadLetter(scope, Key(handler, identity), stream, raw, "Refused", None, 5, None, NOW)


def letters(events: Iterable[InsertEvent[Note]], handler: str = "tell") -> list[DeadLetter]:
    """Make letters on events that a handler gave up."""
    return [letter_on(event.record.raw, handler) for event in events]


def box_of(*sent: DeadLetter) -> MemoryDeadLetters:
    """Put letters into a place for them."""
    box = MemoryDeadLetters()
    box.send(sent, unlimited)
    return box


def texts_of(*sent: DeadLetter) -> Texts:
    """Put letters into a source of texts, by the identity of their records and the handler."""
    return Texts({f"{each.pair.record} {each.pair.handler}".strip(): each.to_json() for each in sent})


def left_in(box: MemoryDeadLetters) -> list[str]:
    """List the records whose letters are still there."""
    return [letter.pair.record for letter in box.letters]


def note(ledger: Ledger, states: Mapping[tuple[str, str], State], *, attempts: int = 0) -> None:
    """Have a ledger know pairs."""
    entries = [Entry(Key(*pair), state, attempts) for pair, state in states.items()]
    ledger.write(EVERYTHING, entries, unlimited)


def told(redriven: Iterable[Redriven[object]]) -> list[tuple[str, str, str, str]]:
    """Say what became of each pair: handler, record, outcome, and whether the source still has it."""
    lines: list[tuple[str, str, str, str]] = []
    for each in redriven:
        handler, name = each.pair or ("", each.name)
        lines.append((handler, name, each.outcome, "removed" if each.removed else "kept"))
    return lines
