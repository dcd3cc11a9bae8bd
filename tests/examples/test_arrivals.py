"""The demo looks at everything that is there, however many pages it takes."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, cast

import pytest

from examples.cards.app import Card, cards
from examples.demo.arrivals import Backups, backups_in, letters_in, scan
from streamfn._time import unlimited
from streamfn.dead_letters import MemoryDeadLetters, NotADeadLetter, Received
from tests.examples.test_audit import LETTER

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client

CARDS = [Card(number, "a") for number in range(3)]
WRITES = ("a", "b", "a")


class PagedTable:
    """A table that gives one item a page."""

    def scan(
        self, *, TableName: str, ConsistentRead: bool, ExclusiveStartKey: Mapping[str, object] | None = None
    ) -> Mapping[str, object]:
        """Give a page; the place of the next is told as its key."""
        assert (cards.name, True) == (TableName, ConsistentRead)
        place = 0 if ExclusiveStartKey is None else int(str(ExclusiveStartKey["place"]))
        page = {"Items": [cards.unstructure(CARDS[place])]}
        return page if place + 1 == len(CARDS) else {**page, "LastEvaluatedKey": {"place": place + 1}}


class PagedBucket:
    """A bucket that lists one version a page; an object holds its key."""

    def list_object_versions(
        self, *, Bucket: str, KeyMarker: str = "", VersionIdMarker: str = "0"
    ) -> Mapping[str, object]:
        """Give a page; the last one has no markers."""
        place = int(VersionIdMarker)
        assert ("bucket", WRITES[place - 1] if place else "") == (Bucket, KeyMarker)
        page = {"Versions": [{"Key": WRITES[place]}]}
        if place + 1 == len(WRITES):
            return page
        return {**page, "NextKeyMarker": WRITES[place], "NextVersionIdMarker": str(place + 1)}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, object]:
        """Give an object."""
        assert "bucket" == Bucket
        return {"Body": BytesIO(Key.encode())}


class Strangers:
    """A queue with a message that is no letter."""

    def receive(self) -> Iterator[Received]:
        """Give it."""
        yield Received("1", "hello", lambda: None)


def dynamodb(table: object) -> "DynamoDBClient":
    """Take a double for a client, of which no more is called."""
    return cast("DynamoDBClient", table)


def s3(bucket: object) -> "S3Client":
    """Take a double for a client, of which no more is called."""
    return cast("S3Client", bucket)


def test_a_table_is_read_to_its_last_page() -> None:
    assert CARDS == scan(dynamodb(PagedTable()), cards.name)


def test_a_bucket_is_read_to_its_last_page_and_each_write_counts() -> None:
    """An object that was written twice is there twice."""
    backups = backups_in("bucket", s3(PagedBucket()))

    assert Backups({"a": b"a", "b": b"b"}, ["a", "b", "a"]) == backups
    assert [b"a", b"b", b"a"] == backups.written


def test_letters_are_read_and_stay() -> None:
    dead = MemoryDeadLetters()
    dead.send([LETTER], unlimited)

    assert [LETTER.id] == [letter.id for letter in letters_in(dead)]
    assert 1 == len(dead.letters)


def test_what_is_no_letter_is_no_secret() -> None:
    """The demo would otherwise count less than what lies in its queue."""
    with pytest.raises(NotADeadLetter):
        letters_in(Strangers())
