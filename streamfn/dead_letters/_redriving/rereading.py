"""Truncated letters get their records back from the stream, as long as that remembers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from streamfn._ledger import identity_of
from streamfn._truncation import place_of
from streamfn._wire import as_sequence_number, magnitude
from streamfn.dead_letters._redriving.contents import FoundLetter
from streamfn.dead_letters._redriving.redriven import Outcome
from streamfn.dead_letters._redriving.shards import Forgotten, Shards, Unreachable

_PLACELESS: Final = "the letter was truncated, and names no place in a stream of DynamoDB"


@dataclass(frozen=True, slots=True)
class Lost:
    """A truncated letter that cannot run, what became of it, and why."""

    found: FoundLetter
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Rereading:
    """Reads the records of truncated letters in `shards`, over a whole redrive.

    Where the stream cannot be reached, what its handler gave up later has to wait: nobody knows of which item the
    record is, and a later change of that must not come first.
    """

    shards: Shards
    _unreached: dict[tuple[str, str], dict[str, tuple[int, str]]] = field(default_factory=dict)

    def read(
        self, letters: Iterable[FoundLetter], has_to_run: Callable[[FoundLetter], bool]
    ) -> tuple[list[FoundLetter], list[Lost]]:
        """Give letters in their order, those that have to run with their whole records, and those that cannot run."""
        whole: list[FoundLetter] = []
        lost: list[Lost] = []
        for found in letters:
            read = self._whole(found) if has_to_run(found) else found
            if isinstance(read, Lost):
                lost.append(read)
            else:
                whole.append(read)
        return whole, lost

    def _whole(self, found: FoundLetter) -> FoundLetter | Lost:
        if self._has_to_wait(found):
            return Lost(
                found, "held back", "the stream could not be read for an earlier letter of the handler"
            )
        if not found.letter.is_truncated:
            return found
        handler, (arn, number) = found.letter.pair.handler, place_of(found.letter.record)
        stream = found.letter.stream or arn or ""
        if number is None or as_sequence_number(number) is None or ":dynamodb:" not in stream:
            return Lost(found, "unreadable", _PLACELESS)
        try:
            record = self.shards.find(stream, number)
        except Forgotten as problem:
            return Lost(found, "forgotten", str(problem))
        except Unreachable as problem:
            self._unreached.setdefault(_follower(found), {}).setdefault(handler, magnitude(number))
            return Lost(found, "unreachable", str(problem))
        if identity_of(record) != found.letter.pair.record:
            return Lost(found, "ambiguous", "the stream has another record at the letter's place")
        return replace(found, record=record)

    def _has_to_wait(self, found: FoundLetter) -> bool:
        handler, place = found.letter.pair.handler, magnitude(found.record.sequence_number or "")
        return any(
            place > unreached and (not handler or not other or handler == other)  # none is each of them
            for other, unreached in self._unreached.get(_follower(found), {}).items()
        )


def _follower(found: FoundLetter) -> tuple[str, str]:
    return found.letter.scope, found.letter.stream
