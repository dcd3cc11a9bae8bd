"""Messages to a queue: how large they are, and how many of them go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

from streamfn._letters import DeadLetter

if TYPE_CHECKING:
    from streamfn.dead_letters._signing import Signer

MOST: Final = 10
"""How many messages a batch takes ("Amazon SQS message quotas" in the Amazon SQS Developer Guide)."""

LARGEST: Final = 1_048_576
"""How many bytes a message has at most, in a queue that is not set to take less (the same)."""

SURE: Final = 262_144
"""How many bytes nearly any queue takes: that was the most that one could be set to, and the default, until 2025."""

_LONGEST: Final = 128
"""How many characters the name of a group may have; all that a letter's id is made of are allowed."""

_ATTRIBUTE: Final = "id"
_TYPE: Final = "String"


class Attribute(TypedDict):
    """A message attribute that is text."""

    DataType: str
    StringValue: str


class Entry(TypedDict):
    """An entry of a batch, as SendMessageBatch takes it."""

    Id: str
    MessageBody: str
    MessageAttributes: dict[str, Attribute]
    MessageGroupId: NotRequired[str]
    MessageDeduplicationId: NotRequired[str]


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A message for a letter, whose id is its attribute. `group` and `digest` are for FIFO queues, else empty.

    `letter` is the one that it carries, as it was before any part of it was left out; None in a pointer, which nothing
    smaller stands in for. `level` says how much of its record is left out: nothing at 0, and see `truncated`.
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

    def entry(self, number: int) -> Entry:
        """Make the entry of a batch that goes by this number there."""
        entry: Entry = {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageAttributes": {_ATTRIBUTE: {"DataType": _TYPE, "StringValue": self.letter_id}},
        }
        if self.group:
            entry["MessageGroupId"] = self.group
            entry["MessageDeduplicationId"] = self.digest
        return entry


def outgoing(
    letter: DeadLetter,
    body: str | None = None,
    *,
    fifo: bool,
    level: int = 0,
    signer: Signer | None = None,
) -> Outgoing:
    """Make the message for a letter, signed if anybody signs it, or with another body in its place.

    In a FIFO queue, the letters of one handler are a group and so keep their order: that is the order which a
    handler relies on, and a finer one, by item, would have to show an item's keys. What is sent twice, because
    an answer was lost, has the same digest and is kept once; a letter that is written anew is another one.
    """
    carried = letter if body is None else None
    if body is None:
        text = (letter.truncated(level) if level else letter).to_json()
        body = text if signer is None else signer.signed(text)
    if not fifo:
        return Outgoing(letter.id, body, letter=carried, level=level)
    group = letter.id.rpartition("/")[0]
    digest = _digest(f"{letter.id} {letter.at.isoformat()}")
    return Outgoing(
        letter.id, body, group if len(group) <= _LONGEST else _digest(group), digest, carried, level
    )


def batches(messages: Iterable[Outgoing], max_bytes: int) -> Iterator[list[Outgoing]]:
    """Put messages together, in their order, up to ten and up to so many bytes in all.

    >>> small, large = Outgoing("id-1", "-" * 40), Outgoing("id-2", "-" * 60)
    >>> [[message.letter_id for message in batch] for batch in batches([small, small, large], 140)]
    [['id-1', 'id-1'], ['id-2']]
    >>> list(batches([], 140))
    []
    """
    batch: list[Outgoing] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == MOST or size + message.size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
