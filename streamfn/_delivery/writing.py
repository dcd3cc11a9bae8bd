"""Writing: what the book of a run has for the ledger, and how often a ledger is asked that does not take it."""

from __future__ import annotations

import logging
from typing import Final

from streamfn._delivery.book import Book
from streamfn._ledger import Ledger, Stretch
from streamfn._reports import what_raised
from streamfn._time import SecondsLeft

_LONGER: Final = 4
"""By how much the pause after a failed write grows."""

_log: Final = logging.getLogger("streamfn")


class Writing:
    """Writes the news of a book. A failure is logged, and the batch goes on."""

    def __init__(self, book: Book, ledger: Ledger, stretch: Stretch) -> None:
        """Begin with a ledger that takes what it is told."""
        self._book = book
        self._ledger = ledger
        self._stretch = stretch
        # How many successes pass without a write, and how many have yet to.
        self._pause = self._to_pass = 0

    @property
    def pauses(self) -> bool:
        """Whether the last write has failed."""
        return self._pause > 0

    def write_success(self) -> None:
        """Write a success, and what could not be written before, without waiting for the ledger.

        After a write that failed some successes pass without one, and more of them after each further: a ledger that
        is down does not take its timeouts at each success, and one that was busy for a moment is soon told again.
        """
        if self._to_pass:
            self._to_pass -= 1
        else:
            self.write(at_once)

    def write(self, seconds_left: SecondsLeft) -> bool:
        """Write what the ledger does not have yet, and say whether it has all of it now."""
        entries = self._book.news()
        if not entries:
            return True
        try:
            self._ledger.write(self._stretch, entries, seconds_left)
        except Exception as error:  # noqa: BLE001 (whatever it is, the batch goes on)
            self._pause = self._to_pass = self._pause * _LONGER or 1
            told = "the ledger could not be written, what succeeded may be repeated: %s"
            _log.error(told, what_raised(error))
            return False
        self._pause = 0
        self._book.written()
        return True


def at_once() -> float:
    """Leave no time to wait in: what is written after each success must not take the time of the next one."""
    return 0.0
