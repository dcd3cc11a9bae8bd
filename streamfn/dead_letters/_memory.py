"""Dead letters in memory: for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from threading import Lock

from streamfn._letters import DeadLetter, read_letter
from streamfn._time import MACHINE_CLOCK, SecondsLeft
from streamfn.dead_letters._sources import Received


class MemoryDeadLetters:
    """Keeps letters for as long as it exists itself, in the order in which they came.

    It keeps their JSON, as a queue or a bucket would: what becomes of a record later changes nothing here.

    >>> from datetime import UTC, datetime
    >>> from streamfn._time import no_end
    >>> from streamfn.ledgers import Pair
    >>> pair, now = Pair("announce", "id-1"), datetime(2030, 1, 1, tzinfo=UTC)
    >>> dead = MemoryDeadLetters()
    >>> dead.send([DeadLetter("follow-cards", pair, "", {}, "Refused", None, 3, None, now)], no_end)
    {'follow-cards/announce/id-1'}
    >>> dead.letters
    (DeadLetter('follow-cards/announce/id-1', reason='Refused', attempts=3),)
    """

    def __init__(self) -> None:
        """Begin with no letter."""
        self._sent = 0
        self._texts: dict[int, tuple[str, datetime]] = {}
        self._lock = Lock()

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        """All letters that are there, as they are read from their JSON: binaries are base64 text."""
        with self._lock:
            return tuple(read_letter(text) for text, _ in self._texts.values())

    def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> set[str]:
        """Store letters, all of them."""
        texts = [letter.to_json() for letter in letters]
        with self._lock:
            for text in texts:
                self._sent += 1
                self._texts[self._sent] = text, MACHINE_CLOCK.now
        return {letter.id for letter in letters}

    def receive(self) -> Iterator[Received]:
        """Give all letters that are there when it begins, in the order in which they came."""
        with self._lock:
            texts = list(self._texts.items())
        for number, (text, sent) in texts:
            yield Received(str(number), text, partial(self._remove, number), sent)

    def _remove(self, number: int) -> None:
        with self._lock:
            self._texts.pop(number, None)
