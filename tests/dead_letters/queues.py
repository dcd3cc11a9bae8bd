"""A queue that does as it is told, and sees to it that SQS would take what it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from streamfn._aws import (
    BatchResultErrorEntry,
    Message,
    ReceiveMessageOutput,
    SendMessageBatchOutput,
    SendMessageBatchResultEntry,
)
from streamfn.dead_letters import DeadLetter, read_letter
from streamfn.dead_letters._messages import MessageEntry

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters"

Answer: TypeAlias = Exception | Mapping[str, bool]
"""What a batch is answered: nothing, or the ids that are refused, each with whether that is the sender's fault."""


def letter_id(entry: MessageEntry) -> str:
    """Read the letter's id off an entry."""
    return entry["MessageAttributes"]["id"]["StringValue"]


def size(entry: MessageEntry) -> int:
    """Count an entry's bytes as SQS does."""
    parts = [entry["MessageBody"]]
    for name, attribute in entry["MessageAttributes"].items():
        parts += [name, attribute["DataType"], attribute["StringValue"]]
    return sum(len(part.encode()) for part in parts)


@dataclass
class Queue:
    """A client of SQS with one queue; `answers` are for the batches to come, and all is well after them.

    No batch is larger than `limit` but of one message. A message of more bytes than `takes` is refused.
    """

    limit: int = 262_144
    takes: int = 1_048_576
    answers: list[Answer] = field(default_factory=list)
    pages: list[Sequence[Message]] = field(default_factory=list)
    batches: list[list[MessageEntry]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[MessageEntry]) -> SendMessageBatchOutput:
        assert QueueUrl.startswith(URL)
        assert 1 <= len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        assert sum(map(size, Entries)) <= (self.limit if len(Entries) > 1 else 1_048_576)
        self.batches.append(list(Entries))
        answer: Answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        taken = [entry for entry in Entries if letter_id(entry) not in answer and size(entry) <= self.takes]
        sent: list[SendMessageBatchResultEntry] = [{"Id": entry["Id"]} for entry in taken]
        refused: list[BatchResultErrorEntry] = [
            {"Id": entry["Id"], "SenderFault": answer[letter_id(entry)], "Code": "NoReason"}
            if letter_id(entry) in answer
            else {"Id": entry["Id"], "SenderFault": True, "Code": "InvalidParameterValue"}
            for entry in Entries
            if entry not in taken
        ]
        # Each is there if it is not empty; and nothing says that they come in order.
        output: SendMessageBatchOutput = {}
        if sent:
            output = {"Successful": sent[::-1]}
        return {**output, "Failed": refused[::-1]} if refused else output

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, WaitTimeSeconds: int, AttributeNames: Sequence[str]
    ) -> ReceiveMessageOutput:
        assert list(AttributeNames) == ["SentTimestamp"]
        assert QueueUrl.startswith(URL)
        assert MaxNumberOfMessages == 10
        assert 1 <= WaitTimeSeconds <= 20, "SQS would ask some of its servers only, or refuse"
        return {"Messages": self.pages.pop(0)} if self.pages else {}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        assert QueueUrl.startswith(URL)
        self.deleted.append(ReceiptHandle)

    @property
    def sent(self) -> list[list[str]]:
        """The ids of the letters that were sent, batch by batch."""
        return [[letter_id(entry) for entry in batch] for batch in self.batches]

    @property
    def last(self) -> DeadLetter:
        """The letter that was sent last."""
        return read_letter(self.batches[-1][-1]["MessageBody"])


def message(name: str, body: str, receipt: str = "") -> Message:
    """Make a message as it is received."""
    return {"MessageId": name, "Body": body, "ReceiptHandle": receipt or f"receipt of {name}"}
