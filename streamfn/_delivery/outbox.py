"""The outbox: dead letters that wait to be sent, a few together."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Coroutine, Iterable, Iterator, Sequence
from typing import Final, cast

from streamfn._execution.gate import Turn
from streamfn._execution.items import Place
from streamfn._letters import DeadLetter, DeadLetters
from streamfn._misuse import kind_of
from streamfn._reports import what_raised
from streamfn._time import SecondsLeft

_TOGETHER: Final = 10
"""How many letters an SQS batch takes ("SendMessageBatch" in the Amazon SQS API Reference)."""

_log: Final = logging.getLogger("streamfn")


class Outbox:
    """Holds letters back until there are enough of them, or until it matters whether they are stored."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        """Begin with no letter."""
        self._dead_letters = dead_letters
        self._waiting: list[tuple[Turn, DeadLetter]] = []
        self.places: set[Place] = set()

    def put(self, turn: Turn, letter: DeadLetter) -> None:
        """Put a letter in."""
        self._waiting.append((turn, letter))
        self.places.add(turn.place)

    @property
    def full(self) -> bool:
        """Whether it holds as many letters as are sent together."""
        return len(self._waiting) >= _TOGETHER

    def holds(self, turn: Turn) -> bool:
        """Whether a letter of this handler and item waits: whether it is stored decides what may start."""
        return bool(self.places) and turn.place in self.places

    def empty(self, seconds_left: SecondsLeft) -> list[tuple[Turn, DeadLetter, bool]]:
        """Send all letters, and say of each whether it is stored."""
        waiting, self._waiting = self._waiting, []
        self.places.clear()
        stored: Collection[str] = (
            self._send([letter for _, letter in waiting], seconds_left) if waiting else ()
        )
        return [(turn, letter, letter.id in stored) for turn, letter in waiting]

    def _send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft) -> Collection[str]:
        try:
            returned = cast(
                "object", self._dead_letters.send(letters, seconds_left)
            )  # a user's may return anything
            if not isinstance(returned, Collection | Iterator):
                return self._complain(returned)
            stored = frozenset(cast("Iterable[str]", returned))  # isinstance drops the type
        except Exception as error:  # noqa: BLE001 (whatever it is, the failures stay failures)
            _log.error("dead letters could not be sent: %s", what_raised(error))
            return ()
        for letter in letters:
            if letter.id in stored:
                _log.warning("%s", json.dumps(_told(letter)))
        return stored

    def _complain(self, returned: object) -> Collection[str]:
        """Say what came instead of the ids of letters; nobody knows then what is stored."""
        place, kind = type(self._dead_letters).__name__, kind_of(returned)
        if isinstance(returned, Coroutine):
            returned.close()  # or it would be warned of as never awaited
        _log.error(
            "dead letters could not be sent: send() of %s returned %s, expected the ids of what is stored",
            place,
            kind,
        )
        return ()


def _told(letter: DeadLetter) -> dict[str, object]:
    """Describe a letter by what identifies it, and by places in code."""
    return {
        "deadLetter": letter.id,
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        **letter.places,
    }
