"""A ledger's table and a queue for dead letters, and the environment by which a function finds them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

import boto3

from streamfn.dead_letters._protocol import DeadLetter, read_letter
from streamfn.ledgers import DynamoDBLedger

if TYPE_CHECKING:
    from boto3 import SQSClient

_numbers: Final = count(1)


@dataclass(frozen=True, slots=True)
class Stores:
    """A new table and a new queue; `environment` says where they are."""

    environment: Mapping[str, str]
    _sqs: SQSClient

    def letters(self) -> list[DeadLetter]:
        """Look into the queue, which a function has done with."""
        found = self._sqs.receive_message(
            QueueUrl=self.environment["DEAD_LETTERS_URL"], MaxNumberOfMessages=10
        )
        return [read_letter(message["Body"]) for message in found.get("Messages", [])]


@contextmanager
def made(url: str) -> Generator[Stores]:
    """Make both at this AWS."""
    name = f"card-ledger-{next(_numbers)}"
    with (
        closing(boto3.client("dynamodb", endpoint_url=url)) as dynamodb,
        closing(boto3.client("sqs", endpoint_url=url)) as sqs,
    ):
        DynamoDBLedger(name).create(dynamodb)
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "LEDGER_TABLE": name,
            "DEAD_LETTERS_URL": sqs.create_queue(QueueName=name)["QueueUrl"],
        }
        yield Stores(environment, sqs)
