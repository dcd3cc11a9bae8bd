"""Dead letters in a queue of SQS: large letters in a bucket, substitutes, and `SqsDeadLetters`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from time import sleep
from typing import Final, cast

from typing_extensions import override

from streamfn._aws import LazyClient, Message, SqsClient, error_name, make_sqs
from streamfn._errors import ConfigurationError, checked_queue_url, error_code, kind_of
from streamfn._records import get_member, text_or_none
from streamfn._time import SecondsLeft
from streamfn.dead_letters._messages import (
    MAX_BATCH_MESSAGES,
    MAX_MESSAGE_BYTES,
    SAFE_MESSAGE_BYTES,
    Pointer,
    QueueMessage,
    Signer,
    batches,
    queue_message,
    read_pointer,
    unwrap_sns,
)
from streamfn.dead_letters._protocol import LAST, DeadLetter, Received, SigningKeys, stream_position
from streamfn.dead_letters._s3 import S3DeadLetters, signer_of

# Letters that are too large for a queue: a bucket stores them, and the queue has a pointer to each.

_log: Final = logging.getLogger("streamfn")


class Overflow:
    """Stores large letters in a bucket, if there is one, and follows the pointers to them."""

    def __init__(self, place: S3DeadLetters | None, signer: Signer | None = None) -> None:
        """Store the bucket, and the signer of all letters of the queue, those in the bucket included."""
        self._place = place
        self._signer = signer

    @property
    def is_given(self) -> bool:
        """Whether there is a bucket."""
        return self._place is not None

    def store(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft) -> dict[str, Pointer]:
        """Store letters, and return the pointers to the stored ones, by their ids.

        The reason why one is not stored is logged. Raises the exception of the client if it kept all from being
        stored.
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

    def load(self, body: str) -> Received | None:
        """Return the letter that a message's body points to; None, and a line in the log, if that fails.

        No object outside of the bucket's folder for letters is read or later removed: otherwise, any sender to the
        queue could have any object removed. A body that is no pointer leads nowhere, either.
        """
        if (pointer := read_pointer(body)) is None:
            return None
        place = self._place
        # A client may read names of dots alone as a path out of the folder.
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


# Substitutes for letters that a queue does not accept: a pointer into a bucket, or a truncated letter.

_FOR_GOOD: Final = ("InvalidParameterValue", "InvalidMessageContents", "BatchRequestTooLong")
"""Codes with which SQS refuses a message itself, each time it is sent; they come with and without a prefix.

A queue whose MaximumMessageSize is less than the message answers InvalidParameterValue, and for a request that is too
large as a whole BatchRequestTooLong ("SendMessageBatch" in the Amazon SQS API Reference).
"""


class Substitutes:
    """Finds substitutes for messages that a queue does not accept, as long as it may accept something smaller."""

    def __init__(
        self, overflow: Overflow, max_bytes: int | None, signer: Signer | None, *, fifo: bool
    ) -> None:
        """Store the bucket for large letters, the signer, and the size limit of the queue, each if known.

        If the size is unknown, and large letters have no bucket, the greatest size of any queue is tried first.
        """
        self._overflow = overflow
        self._signer = signer
        self._fifo = fifo
        self._tries = max_bytes or (SAFE_MESSAGE_BYTES if overflow.is_given else MAX_MESSAGE_BYTES)

    def messages(
        self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[QueueMessage]:
        """Return the messages of letters, after large letters were stored in the bucket, or truncated."""
        whole = [queue_message(letter, fifo=self._fifo, signer=self._signer) for letter in letters]
        return self._fitting(whole, self._tries, seconds_left, errors)

    def instead_of(
        self, refused: Sequence[QueueMessage], seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[QueueMessage]:
        """Return substitutes for messages that the queue refuses for good; a letter without one is logged."""
        return self._fitting(refused, 0, seconds_left, errors)

    def _fitting(
        self, messages: Sequence[QueueMessage], most: int, seconds_left: SecondsLeft, errors: list[Exception]
    ) -> list[QueueMessage]:
        large = [
            letter for message in messages if message.size > most and (letter := message.letter) is not None
        ]
        pointers: dict[str, QueueMessage] = {}
        if self._overflow.is_given:
            try:
                moved = self._overflow.store(large, seconds_left)
            except Exception as error:  # noqa: BLE001 (the bucket logs it, and smaller letters can be sent)
                errors.append(error)
                moved = {}
            pointers = {
                letter.id: queue_message(letter, moved[letter.id].to_json(), fifo=self._fifo)
                for letter in large
                if letter.id in moved
            }
        fitting: list[QueueMessage] = []
        for message in messages:
            if message.size <= most:
                fitting.append(message)
            elif self._overflow.is_given:
                fitting += [pointers[message.letter_id]] if message.letter_id in pointers else []
            else:
                fitting += self._truncated(message)
        return fitting

    def _truncated(self, message: QueueMessage) -> list[QueueMessage]:
        """Leave out more of a letter, as much as makes it fit."""
        letter, level = message.letter, message.level
        while letter is not None and level < LAST:
            level += 1
            smaller = queue_message(letter, fifo=self._fifo, level=level, signer=self._signer)
            if smaller.size < message.size and smaller.size <= self._tries:
                return [smaller]
        _log.error(
            "dead letter %s was not stored: the queue does not take it without its images either, so give "
            "SqsDeadLetters an overflow=S3DeadLetters(…), or the queue a larger MaximumMessageSize",
            message.letter_id,
        )
        return []


def is_refusal_for_good(code: str | None) -> bool:
    """Return whether a code means that a queue does not accept the message itself."""
    return code is not None and any(known in code for known in _FOR_GOOD)


def refuses_for_good(error: Exception) -> bool:
    """Return whether a request was refused because of its messages."""
    return is_refusal_for_good(error_code(error))


def tell_of(truncated: QueueMessage) -> None:
    """Log the place of the record of a letter that was stored without its images."""
    if truncated.letter is not None and truncated.level:
        stream, number = stream_position(truncated.letter.record)
        _log.warning(
            "dead letter %s was stored without the images of its record, which the queue does not take: redrive it "
            "while the stream remembers the record, for 24 hours (stream %s, sequence number %s), and give "
            "SqsDeadLetters an overflow=S3DeadLetters(…) for such",
            truncated.letter_id,
            stream or truncated.letter.stream or "unknown",
            number or "unknown",
        )


# Dead letters in a queue: a message for each.

_PAUSES: Final = (0.0, 0.1, 0.4)
"""The wait before each try, in seconds: the later tries are for messages that SQS itself failed on."""

POLL: Final = 1
"""The time to wait for a message, in seconds: from 1 on, SQS asks all its servers."""


class SqsDeadLetters:
    """Puts letters into a queue of SQS, and reads them back.

    A message's body carries the record with all its data, so make sure that the queue is encrypted; its attribute
    ``id`` carries the letter's id and nothing else.

    A queue accepts messages of up to 1,048,576 bytes unless its limit is lower ("Amazon SQS message quotas" in the
    Amazon SQS Developer Guide). A letter that is larger than `max_bytes`, or than the limit that the queue itself
    names, goes to `overflow`, and the message points to it; by default, one of more than 262,144 bytes. Without
    `overflow`, a letter is then stored without the images of its record: it `is_truncated`, has the record's place in
    the stream, and a line in the log says so. The stream keeps the images for 24 hours.

    A function needs ``sqs:SendMessage``; a reader of letters needs ``sqs:ReceiveMessage`` and ``sqs:DeleteMessage``;
    with `overflow` both need the permissions of `S3DeadLetters`. Let the queue keep messages for 14 days, which is the
    maximum, and the bucket for longer.

    With `keys`, letters are signed (see `SigningKeys`), those in `overflow` too, and `redrive` accepts only signed
    letters from here.

    `client` is boto3's, if you need one of your own; several threads use it. Otherwise one with short timeouts is
    made, when the first letter is sent.
    """

    def __init__(
        self,
        queue_url: str,
        *,
        overflow: S3DeadLetters | None = None,
        max_bytes: int | None = None,
        keys: SigningKeys | None = None,
        client: SqsClient | None = None,
    ) -> None:
        """Name the queue; nothing is called yet.

        Raises `ConfigurationError` for an invalid URL, and for an impossible limit.
        """
        checked_queue_url(queue_url)
        if overflow is not None and not isinstance(cast("object", overflow), S3DeadLetters):
            raise ConfigurationError(
                f"overflow is a place in S3, got {kind_of(overflow)}: write overflow=S3DeadLetters(bucket)"
            )
        if max_bytes is not None and not isinstance(cast("object", max_bytes), int):
            raise ConfigurationError(f"max_bytes is a whole number, got {kind_of(max_bytes)}")
        if max_bytes is not None and not 1_024 <= max_bytes <= MAX_MESSAGE_BYTES:
            raise ConfigurationError(
                f"a queue takes from 1,024 to 1,048,576 bytes: max_bytes={max_bytes} is not among them"
            )
        self.queue_url: Final = queue_url
        self.signer: Final = signer_of(keys)
        self._overflow = Overflow(overflow, self.signer)
        self.fifo: Final = queue_url.endswith(".fifo")
        self._together = max_bytes or SAFE_MESSAGE_BYTES
        self._substitutes = Substitutes(self._overflow, max_bytes, self.signer, fifo=self.fifo)
        self._client = LazyClient(make_sqs, client)

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> set[str]:
        """Store letters as long as there is time, and return the ids of the stored ones.

        Messages that SQS itself failed on are sent again, up to two times, and smaller ones in place of messages that
        it refuses for good; in a FIFO queue they may then come after later ones. The reason why a letter is not
        stored, or not as a whole, is logged. Raises the exception of the client if it kept all from being stored.
        """
        stored: set[str] = set()
        errors: list[Exception] = []
        waiting = self._substitutes.messages(letters, seconds_left, errors)
        for pause in _PAUSES:
            if not waiting or seconds_left() <= pause:
                break
            sleep(pause)
            waiting = self._send(waiting, seconds_left, stored, errors)
        if errors and not stored:
            raise errors[0]
        return stored

    def receive(self) -> Iterator[Received]:
        """Yield the messages of the queue, each once, until none comes or none that is new.

        Ten at a time are received. Messages that are not removed become visible again after the queue's visibility
        timeout: let that be longer than ten letters take. In a FIFO queue they block the messages behind them until
        then.

        SNS's envelope around a message is removed. For a letter in `overflow`, the body is read from there, and
        `Received.remove` removes it there as well; if it cannot be read, the message is yielded unchanged, and this is
        logged. Raises the other exceptions of the clients.
        """
        receipts: dict[str, str] = {}
        while messages := self._receive(receipts):
            for message in messages:
                yield self._received(message, receipts)

    @property
    def location(self) -> str:
        """Give the queue's URL, by which ``streamfn graph`` shows the letters."""
        return self.queue_url

    @override
    def __repr__(self) -> str:
        return f"SqsDeadLetters({self.queue_url!r})"

    def _send(
        self,
        messages: Sequence[QueueMessage],
        seconds_left: SecondsLeft,
        stored: set[str],
        errors: list[Exception],
    ) -> list[QueueMessage]:
        """Send messages, record the stored ones and the exceptions, and return the messages to send now.

        These are the messages that SQS itself failed on, and smaller substitutes for those that it refuses for good.
        """
        again: list[QueueMessage] = []
        refused: list[QueueMessage] = []
        waiting = list(batches(messages, self._together))
        while waiting and seconds_left() > 0:
            batch = waiting.pop(0)
            entries = [message.entry(number) for number, message in enumerate(batch)]
            try:
                answer = self._client().send_message_batch(QueueUrl=self.queue_url, Entries=entries)
            except Exception as error:  # noqa: BLE001 (this batch is not stored, and others may be)
                if len(batch) > 1 and refuses_for_good(error):  # one of them, or their sum, is too much
                    waiting[:0] = [[message] for message in batch]
                    continue
                errors.append(error)
                for message in batch:
                    _log.error("dead letter %s was not stored: %s", message.letter_id, error_name(error))
                refused += batch if refuses_for_good(error) else ()
            else:
                for sent in answer.get("Successful", ()):
                    stored.add(batch[int(sent["Id"])].letter_id)
                    tell_of(batch[int(sent["Id"])])
                for failed in answer.get("Failed", ()):
                    message = batch[int(failed["Id"])]
                    _log.error("SQS did not take dead letter %s: %s", message.letter_id, failed["Code"])
                    if not failed["SenderFault"]:
                        again.append(message)
                    elif is_refusal_for_good(failed["Code"]):
                        refused.append(message)
        return again + self._substitutes.instead_of(refused, seconds_left, errors)

    def _receive(self, receipts: dict[str, str]) -> list[Message]:
        """Receive messages, store the last receipt of each, and return the new ones.

        A message is removed with the receipt of the last time that it was received ("DeleteMessage" in the Amazon SQS
        API Reference).
        """
        received = self._client().receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=MAX_BATCH_MESSAGES,
            WaitTimeSeconds=POLL,
            AttributeNames=["SentTimestamp"],  # the name that each boto3 knows, older ones too
        )
        new: list[Message] = []
        for message in received.get("Messages", ()):
            name = message.get("MessageId", "")
            if name not in receipts:
                new.append(message)
            receipts[name] = message.get("ReceiptHandle", "")
        return new

    def _received(self, message: Message, receipts: dict[str, str]) -> Received:
        name, body = message.get("MessageId", ""), unwrap_sns(message.get("Body", ""))
        letter = self._overflow.load(body)

        def remove() -> None:
            self._client().delete_message(QueueUrl=self.queue_url, ReceiptHandle=receipts[name])
            if letter is not None:
                letter.remove()

        return Received(name, body if letter is None else letter.body, remove, _sent(message))


def _sent(message: Message) -> datetime | None:
    """Read when SQS took a message, in milliseconds ("ReceiveMessage" in the Amazon SQS API Reference)."""
    told = text_or_none(get_member(message.get("Attributes"), "SentTimestamp"))
    try:
        return None if told is None else datetime.fromtimestamp(int(told) / 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
