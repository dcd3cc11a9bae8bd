"""Look at what arrived: in the table, at Slack, in the bucket, in the search index and in the letters' queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from examples.cards.app import Card, cards
from examples.demo.services import Document
from streamfn.dead_letters import DeadLetter, LetterSource, read_letter

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client


@dataclass(frozen=True, slots=True)
class Backups:
    """What is in a bucket: the objects by their keys, and the key of each write that made them."""

    objects: Mapping[str, bytes]
    writes: Sequence[str]

    @property
    def written(self) -> list[bytes]:
        """What was written, as often as it was: a key says what its object holds."""
        return [self.objects[key] for key in self.writes]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Everything that can be seen from outside once the stream is read to its end.

    `taken` and `refused` are changes to the search index, each as often as it was tried; `log` has the lines of the
    function's log.
    """

    table: Sequence[Card]
    messages: Sequence[str]
    backups: Backups
    documents: Mapping[str, Document]
    taken: Sequence[str]
    refused: Sequence[str]
    letters: Sequence[DeadLetter] = ()
    log: Sequence[str] = ()


def scan(dynamodb: "DynamoDBClient", table_name: str) -> list[Card]:
    """Read the whole table."""
    page = dynamodb.scan(TableName=table_name, ConsistentRead=True)
    items = page["Items"]
    while (last := page.get("LastEvaluatedKey")) is not None:
        page = dynamodb.scan(TableName=table_name, ConsistentRead=True, ExclusiveStartKey=last)
        items += page["Items"]
    return [cards.structure(item).unwrap() for item in items]


def backups_in(bucket: str, s3: "S3Client") -> Backups:
    """Read the whole bucket, which keeps the version of each write."""
    page = s3.list_object_versions(Bucket=bucket)
    versions = page.get("Versions", [])
    while "NextKeyMarker" in page and "NextVersionIdMarker" in page:
        page = s3.list_object_versions(
            Bucket=bucket, KeyMarker=page["NextKeyMarker"], VersionIdMarker=page["NextVersionIdMarker"]
        )
        versions += page.get("Versions", [])
    writes = [version["Key"] for version in versions]
    objects = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in sorted({*writes})}
    return Backups(objects, writes)


def letters_in(queue: LetterSource) -> list[DeadLetter]:
    """Read dead letters, and leave them where they are. Fails with `NotADeadLetter` for whatever else lies there."""
    return [read_letter(received.body) for received in queue.receive()]
