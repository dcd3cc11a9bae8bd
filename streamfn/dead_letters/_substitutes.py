"""Messages in place of a letter that a queue does not take: a pointer into a bucket, or a truncated letter."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from streamfn._clients import error_code
from streamfn._letters import DeadLetter
from streamfn._time import SecondsLeft
from streamfn._truncation import LAST, place_of
from streamfn.dead_letters._messages import LARGEST, SURE, Outgoing, outgoing
from streamfn.dead_letters._overflow import Overflow
from streamfn.dead_letters._signing import Signer

_log: Final = logging.getLogger("streamfn")

_FOR_GOOD: Final = ("InvalidParameterValue", "InvalidMessageContents", "BatchRequestTooLong")
"""Codes with which SQS refuses a message for what it is, and would each time; they come with and without a prefix.

A queue that takes less than the message has (its MaximumMessageSize) answers InvalidParameterValue for it, and a
request that is too large as a whole BatchRequestTooLong ("SendMessageBatch" in the Amazon SQS API Reference).
"""


class Substitutes:
    """Finds messages in place of those that a queue does not take, as long as it may take something smaller."""

    def __init__(
        self, overflow: Overflow, max_bytes: int | None, signer: Signer | None, *, fifo: bool
    ) -> None:
        """Take the bucket for large letters and what signs them, if there is any, and what the queue takes, if known.

        Where it is not, and large letters have no bucket, the most that any queue takes is tried first.
        """
        self._overflow = overflow
        self._signer = signer
        self._fifo = fifo
        self._tries = max_bytes or (SURE if overflow.is_given else LARGEST)

    def messages(
        self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[Outgoing]:
        """Make the messages of letters, once what is too large for one lies elsewhere, or is left out."""
        whole = [outgoing(letter, fifo=self._fifo, signer=self._signer) for letter in letters]
        return self._fitting(whole, self._tries, seconds_left, errors)

    def instead_of(
        self, refused: Sequence[Outgoing], seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[Outgoing]:
        """Make messages in place of those that the queue refuses for good; where there are none, that is logged."""
        return self._fitting(refused, 0, seconds_left, errors)

    def _fitting(
        self, messages: Sequence[Outgoing], most: int, seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[Outgoing]:
        large = [
            letter for message in messages if message.size > most and (letter := message.letter) is not None
        ]
        pointers: dict[str, Outgoing] = {}
        if self._overflow.is_given:
            try:
                moved = self._overflow.move(large, seconds_left)
            except Exception as error:  # noqa: BLE001 (it is logged there, and what is not large can be sent)
                errors.append(error)
                moved = {}
            pointers = {
                letter.id: outgoing(letter, moved[letter.id].to_json(), fifo=self._fifo)
                for letter in large
                if letter.id in moved
            }
        fitting: list[Outgoing] = []
        for message in messages:
            if message.size <= most:
                fitting.append(message)
            elif self._overflow.is_given:
                fitting += [pointers[message.letter_id]] if message.letter_id in pointers else []
            else:
                fitting += self._truncated(message)
        return fitting

    def _truncated(self, message: Outgoing) -> list[Outgoing]:
        """Leave out more of a letter, as much as makes it fit."""
        letter, level = message.letter, message.level
        while letter is not None and level < LAST:
            level += 1
            smaller = outgoing(letter, fifo=self._fifo, level=level, signer=self._signer)
            if smaller.size < message.size and smaller.size <= self._tries:
                return [smaller]
        _log.error(
            "dead letter %s was not stored: the queue does not take it without its images either, so give "
            "SqsDeadLetters an overflow=S3DeadLetters(…), or the queue a larger MaximumMessageSize",
            message.letter_id,
        )
        return []


def is_refusal_for_good(code: str | None) -> bool:
    """Whether a code says that a message itself is what a queue does not take."""
    return code is not None and any(known in code for known in _FOR_GOOD)


def refuses_for_good(error: Exception) -> bool:
    """Whether a request was refused for the messages in it."""
    return is_refusal_for_good(error_code(error))


def tell_of(truncated: Outgoing) -> None:
    """Tell where the record of a letter lies that was stored without its images."""
    if truncated.letter is not None and truncated.level:
        stream, number = place_of(truncated.letter.record)
        _log.warning(
            "dead letter %s was stored without the images of its record, which the queue does not take: redrive it "
            "while the stream remembers the record, for 24 hours (stream %s, sequence number %s), and give "
            "SqsDeadLetters an overflow=S3DeadLetters(…) for such",
            truncated.letter_id,
            stream or truncated.letter.stream or "unknown",
            number or "unknown",
        )
