"""Messages: signatures of letters, SNS envelopes and pointers, and the messages of a queue."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict, cast

from typing_extensions import override

from streamfn._errors import ConfigurationError, kind_of, read_json, read_json_object
from streamfn._records import is_map, text_or_none
from streamfn.dead_letters._protocol import DeadLetter

if TYPE_CHECKING:
    from streamfn.dead_letters._protocol import SigningKeys


# Signatures of letters: without a key, no one can write a letter that a redrive accepts.
#
# A signature is an HMAC with SHA-256 (RFC 2104) of the letter's JSON with its members sorted and no spaces, after a
# line that names the kind of content. The letter carries it as its member ``signature``, in hexadecimal.

_SHORTEST: Final = 16
"""The fewest bytes of a key. RFC 2104 discourages fewer than the hash has, 32, and 16 resist any search."""

_OF: Final = b"streamfn dead letter\n"
"""The prefix of the signed text: a signature of other content by the same key fits no letter."""

_MEMBER: Final = "signature"


class Signer:
    """Signs letters, and checks signatures; its `repr` shows no key."""

    def __init__(self, keys: SigningKeys) -> None:
        """Check and store the keys.

        Raises `ConfigurationError` for values that are no keys, and for a key that is too short.
        """
        self.keys: Final = keys
        if not callable(keys):
            _checked(keys)

    def signed(self, text: str) -> str:
        """Return the JSON of a letter with its signature. Raises the exceptions of the keys' function."""
        told = cast("dict[str, object]", json.loads(text))  # the JSON of a letter
        told[_MEMBER] = _signature(self._current()[0], told)
        return json.dumps(told)

    def problem_of(self, text: str) -> str | None:
        """Return why the JSON of a letter is not signed by any of the keys; None if it is."""
        keys = self._current()
        try:
            return _problem_of(text, keys)
        except RecursionError:  # no writer nests so deep that it can just be read
            return "the letter is nested too deep to be signed"

    @override
    def __repr__(self) -> str:
        return "Signer()"

    def _current(self) -> Sequence[bytes]:
        return _checked(self.keys() if callable(self.keys) else self.keys)


def _checked(keys: object) -> Sequence[bytes]:
    if isinstance(keys, str) or not isinstance(keys, bytes | Sequence):
        raise ConfigurationError(
            f"keys are bytes, got {kind_of(keys)}: encode text, as in os.environ[name].encode()"
        )
    found: list[object] = [keys] if isinstance(keys, bytes) else [*keys]
    if not found:
        raise ConfigurationError("keys are at least one, got none")
    checked: list[bytes] = []
    for key in found:
        if not isinstance(key, bytes):
            raise ConfigurationError(
                f"a key is bytes, got {kind_of(key)}: encode text, as in os.environ[name].encode()"
            )
        if len(key) < _SHORTEST:
            raise ConfigurationError(
                f"a key has {_SHORTEST} bytes or more, got {len(key)}: make one with secrets.token_bytes(32)"
            )
        checked.append(key)
    return checked


def _problem_of(text: str, keys: Sequence[bytes]) -> str | None:
    told = read_json(text)
    found = text_or_none(told.get(_MEMBER)) if is_map(told) else None
    if not is_map(told) or found is None:
        return "the letter is not signed"
    body = {name: value for name, value in told.items() if name != _MEMBER}
    # Bytes, because compare_digest takes no text beyond ASCII.
    given = found.encode(errors="surrogatepass")
    matches = [hmac.compare_digest(_signature(key, body).encode(), given) for key in keys]
    return None if any(matches) else "the letter is signed with none of the keys"


def _signature(key: bytes, told: object) -> str:
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, _OF + text.encode(), "sha256").hexdigest()


# Bodies of a queue other than letters: SNS's envelope around a letter, and the pointer to a large letter.

POINTER_VERSION: Final = 1
"""The version of a pointer. A reader that does not know the version leaves the pointer in the queue."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The place in S3 of the letter `id`, which is too large for a queue."""

    id: str
    bucket: str
    key: str

    def to_json(self) -> str:
        """Write the pointer as a line of JSON, with its version."""
        return json.dumps({"pointer": POINTER_VERSION, "id": self.id, "bucket": self.bucket, "key": self.key})


def read_pointer(body: str) -> Pointer | None:
    """Parse the JSON of a pointer; None for any other text.

    >>> read_pointer(Pointer("follow-cards/announce/id-1", "letters", "id-1.json").to_json())
    Pointer(id='follow-cards/announce/id-1', bucket='letters', key='id-1.json')
    """
    told = read_json_object(body) or {}
    letter, bucket, key = (text_or_none(told.get(name)) for name in ("id", "bucket", "key"))
    if told.get("pointer") != POINTER_VERSION or letter is None or bucket is None or key is None:
        return None
    return Pointer(letter, bucket, key)


def unwrap_sns(body: str) -> str:
    """Return the message inside SNS's envelope for queues; any other text is returned unchanged.

    A subscription without raw delivery has one ("Amazon SNS raw message delivery" in the Amazon SNS Developer Guide).

    >>> unwrap_sns('{"Type": "Notification", "MessageId": "1", "Message": "hello"}')
    'hello'
    """
    told = read_json_object(body) or {}
    message = text_or_none(told.get("Message"))
    return message if told.get("Type") == "Notification" and message is not None else body


# Messages to a queue: their size, and their batches.

MAX_BATCH_MESSAGES: Final = 10
"""The number of messages in a batch ("Amazon SQS message quotas" in the Amazon SQS Developer Guide)."""

MAX_MESSAGE_BYTES: Final = 1_048_576
"""The greatest size of a message in a queue without a lower limit, in bytes (the same)."""

SAFE_MESSAGE_BYTES: Final = 262_144
"""The size that nearly any queue accepts, in bytes: until 2025 it was the highest limit, and the default."""

_LONGEST: Final = 128
"""The greatest length of a group's name, in characters; all characters of a letter's id are allowed."""

_ATTRIBUTE: Final = "id"
_TYPE: Final = "String"


class MessageAttribute(TypedDict):
    """A message attribute that is text."""

    DataType: str
    StringValue: str


class MessageEntry(TypedDict):
    """An entry of a batch, as SendMessageBatch takes it."""

    Id: str
    MessageBody: str
    MessageAttributes: dict[str, MessageAttribute]
    MessageGroupId: NotRequired[str]
    MessageDeduplicationId: NotRequired[str]


@dataclass(frozen=True, slots=True, repr=False)
class QueueMessage:
    """A message for a letter, whose id is its attribute. `group` and `digest` are for FIFO queues, else empty.

    `letter` is the whole letter, before any part was left out; None in a pointer, which has no smaller substitute.
    `level` says how much of its record is left out: nothing at 0, and see `truncated`.
    """

    letter_id: str
    body: str
    group: str = ""
    digest: str = ""
    letter: DeadLetter | None = None
    level: int = 0

    @property
    def size(self) -> int:
        """How large it is as SQS counts it, in bytes: the body, and the attribute's name, type and value.

        The rule is in "Message metadata for Amazon SQS" in the Amazon SQS Developer Guide.
        """
        return sum(len(part.encode()) for part in (self.body, _ATTRIBUTE, _TYPE, self.letter_id))

    def entry(self, number: int) -> MessageEntry:
        """Make the entry of a batch that goes by this number there."""
        entry: MessageEntry = {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageAttributes": {_ATTRIBUTE: {"DataType": _TYPE, "StringValue": self.letter_id}},
        }
        if self.group:
            entry["MessageGroupId"] = self.group
            entry["MessageDeduplicationId"] = self.digest
        return entry


def queue_message(
    letter: DeadLetter,
    body: str | None = None,
    *,
    fifo: bool,
    level: int = 0,
    signer: Signer | None = None,
) -> QueueMessage:
    """Return the message for a letter, signed if there is a signer, or with another body in its place.

    In a FIFO queue, the letters of one handler are a group and so keep their order: a handler relies on that order,
    and a finer one, by item, would have to show an item's keys. A letter that is sent twice, because an answer was
    lost, has the same digest and is stored once; a letter that is written anew has another digest.
    """
    carried = letter if body is None else None
    if body is None:
        text = (letter.truncated(level) if level else letter).to_json()
        body = text if signer is None else signer.signed(text)
    if not fifo:
        return QueueMessage(letter.id, body, letter=carried, level=level)
    group = letter.id.rpartition("/")[0]
    digest = _digest(f"{letter.id} {letter.at.isoformat()}")
    return QueueMessage(
        letter.id, body, group if len(group) <= _LONGEST else _digest(group), digest, carried, level
    )


def batches(messages: Iterable[QueueMessage], max_bytes: int) -> Iterator[list[QueueMessage]]:
    """Put messages together, in their order, up to ten and up to so many bytes in all.

    >>> small, large = QueueMessage("id-1", "-" * 40), QueueMessage("id-2", "-" * 60)
    >>> [[message.letter_id for message in batch] for batch in batches([small, small, large], 140)]
    [['id-1', 'id-1'], ['id-2']]
    >>> list(batches([], 140))
    []
    """
    batch: list[QueueMessage] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == MAX_BATCH_MESSAGES or size + message.size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
