"""A DynamoDB on this machine, which clients find by the environment."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import boto3
import pytest

from examples.demo import ministack
from streamfn import Table
from tests.sources.notes import Note, table_of_notes

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

_numbers = count()


@pytest.fixture(scope="session")
def running() -> Generator[str]:
    with ministack.running() as url:
        yield url


@pytest.fixture
def dynamodb(running: str, monkeypatch: pytest.MonkeyPatch) -> Generator[DynamoDBClient]:
    """Make a client, and send whoever makes one of their own there as well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running)
    with closing(boto3.client("dynamodb", endpoint_url=running)) as client:
        yield client


@pytest.fixture
def notes(dynamodb: DynamoDBClient) -> Table[Note]:
    """Make a table with a stream."""
    notes = table_of_notes(f"notes-{next(_numbers)}")
    dynamodb.create_table(**notes.definition().create_table)
    return notes


@pytest.fixture
def write(dynamodb: DynamoDBClient, notes: Table[Note]) -> Callable[[Note], None]:
    """Put notes into the table."""

    def put(note: Note) -> None:
        dynamodb.put_item(TableName=notes.name, Item=notes.unstructure(note))

    return put
