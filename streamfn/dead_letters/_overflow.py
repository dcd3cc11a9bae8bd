"""The letters that are too large for a queue: they lie in a bucket, and a pointer to each in the queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from streamfn._letters import DeadLetter
from streamfn._time import SecondsLeft
from streamfn.dead_letters._envelopes import Pointer, read_pointer
from streamfn.dead_letters._s3 import S3DeadLetters
from streamfn.dead_letters._sources import Received

if TYPE_CHECKING:
    from streamfn.dead_letters._signing import Signer

_log: Final = logging.getLogger("streamfn")


class Overflow:
    """Puts large letters into a bucket, if there is one, and follows the pointers to them."""

    def __init__(self, place: S3DeadLetters | None, signer: Signer | None = None) -> None:
        """Take the bucket, and what signs the letters of the queue, those that lie there included."""
        self._place = place
        self._signer = signer

    @property
    def is_given(self) -> bool:
        """Whether there is a bucket."""
        return self._place is not None

    def move(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft) -> dict[str, Pointer]:
        """Store letters, and give the pointers to those that are stored, by their ids.

        Why one is not stored is logged. It raises what the client raised where none is stored for that.
        """
        place = self._place
        if place is None or not letters:
            return {}
        stored = place.store(letters, seconds_left, self._signer or place.signer)
        return {
            letter.id: Pointer(letter.id, place.bucket, place.key_of(letter))
            for letter in letters
            if letter.id in stored
        }

    def follow(self, body: str) -> Received | None:
        """Take the letter that a message's body points to; None, and a line in the log, where that cannot be done.

        Nothing is read, and later removed, outside of the bucket's folder for letters: whoever can send to the
        queue could otherwise have any object removed. A body that is no pointer leads nowhere, either.
        """
        if (pointer := read_pointer(body)) is None:
            return None
        place = self._place
        # Whatever sends the request may take dots alone for a way out of the folder.
        leads_out = not {".", ".."}.isdisjoint(pointer.key.split("/"))
        if (
            place is None
            or pointer.bucket != place.bucket
            or not pointer.key.startswith(place.prefix)
            or leads_out
        ):
            _log.warning(
                "dead letter %r lies in %r, which SqsDeadLetters was not given as its overflow",
                pointer.id,
                f"s3://{pointer.bucket}/{pointer.key}",
            )
            return None
        return place.take(pointer.key)
