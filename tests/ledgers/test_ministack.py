"""The ledger on a DynamoDB, which ministack plays: what one invocation writes, another one finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import Barrier
from time import time
from typing import TYPE_CHECKING, Final, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from examples.demo import ministack
from streamfn._aws import BatchWriteItemOutput, QueryOutput
from streamfn._time import unlimited
from streamfn.ledgers import DynamoDBLedger, Entry, Key, Ledger, SequenceRange, UnreadableSegment
from tests.ledgers.entries import ARN
from tests.ledgers.tables import size, text

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

ANNOUNCED: Final = Entry(Key("announce", "id-1"), "handled")
NOON: Final = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
ENTRIES: Final = [
    ANNOUNCED,
    Entry(Key("", "sequence-number-100"), "dead", 1, NOON, "Malformed"),
    Entry(Key("back_up", "id-1"), "dropped", 2, NOON, "Refused", alone=True),
    Entry(Key("index", "id-1"), "open", 3, NOON, "Raised"),
    Entry(Key("suche 🔎", "id-ä"), "open", reason="HeldBack"),
]
numbers: Final = count()


@dataclass
class Counted:
    """A client that counts the requests that are made of it."""

    client: DynamoDBClient
    requests: Counter[str] = field(default_factory=Counter)

    def query(self, **request: object) -> QueryOutput:
        self.requests["Query"] += 1
        return self.client.query(**request)

    def update_item(self, **request: object) -> object:
        self.requests["UpdateItem"] += 1
        return self.client.update_item(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[object]]) -> BatchWriteItemOutput:
        self.requests["BatchWriteItem"] += 1
        return self.client.batch_write_item(RequestItems=RequestItems)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run ministack for the tests of this file."""
    with ministack.running() as url:
        yield url


def dynamodb_at(url: str) -> closing[DynamoDBClient]:
    """Make a client that tries each request once."""
    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
    return closing(boto3.client("dynamodb", endpoint_url=url, config=config))


@pytest.fixture
def dynamodb(url: str) -> Iterator[DynamoDBClient]:
    with dynamodb_at(url) as client:
        yield client


@pytest.fixture
def ledger(dynamodb: DynamoDBClient) -> DynamoDBLedger:
    """Make a ledger with a table of its own."""
    ledger = DynamoDBLedger(f"card-ledger-{next(numbers)}", client=dynamodb)
    ledger.create(dynamodb)
    return ledger


def sequence_range(
    lowest: int, highest: int, scope: str = "follow-cards", stream: str = ARN
) -> SequenceRange:
    return SequenceRange(scope, stream, str(lowest), str(highest))


def read(ledger: Ledger, sequence_range: SequenceRange) -> Counter[Entry]:
    return Counter(ledger.read(sequence_range, unlimited))


def test_every_kind_of_entry_comes_back_as_it_was(ledger: DynamoDBLedger) -> None:
    ledger.write(sequence_range(100, 199), ENTRIES, unlimited)
    assert read(ledger, sequence_range(100, 199)) == Counter(ENTRIES)


def test_what_is_written_later_comes_beside_what_is_there(ledger: DynamoDBLedger) -> None:
    for _ in range(3):
        ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)
    ledger.write(sequence_range(150, 199), ENTRIES[1:], unlimited)
    assert read(ledger, sequence_range(100, 199)) == Counter([*ENTRIES, ANNOUNCED, ANNOUNCED])


@pytest.mark.parametrize(
    ("scope", "stream"),
    [
        ("index-cards", ARN),
        ("follow-cards", ARN.replace("prod-Card", "prod-Owner")),
        ("follow-cards", ""),
        (f"follow-cards/{ARN}", ""),
        ("follow-cards/arn:aws", ARN.removeprefix("arn:aws:")),
        ("", f"follow-cards/{ARN}"),
    ],
)
def test_functions_and_streams_that_share_a_table_do_not_see_each_others_entries(
    ledger: DynamoDBLedger, scope: str, stream: str
) -> None:
    ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)
    ledger.write(sequence_range(100, 199, scope, stream), ENTRIES[1:], unlimited)
    assert read(ledger, sequence_range(100, 199)) == Counter([ANNOUNCED])
    assert read(ledger, sequence_range(100, 199, scope, stream)) == Counter(ENTRIES[1:])


@pytest.mark.parametrize(
    ("lowest", "highest", "meets"),
    [
        (100, 199, True),
        (0, 99, False),
        (0, 100, True),
        (199, 199, True),
        (199, 5_000, True),
        (200, 5_000, False),
        (150, 160, True),
        (9, 5_000, True),
        (20, 99, False),
        (1_000, 1_999, False),
    ],
)
def test_entries_are_found_by_the_stretches_that_meet_theirs(
    ledger: DynamoDBLedger, lowest: int, highest: int, *, meets: bool
) -> None:
    ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)
    assert read(ledger, sequence_range(lowest, highest)) == Counter([ANNOUNCED] if meets else [])


@pytest.mark.parametrize("length", [1, 2, 20, 39, 127])
def test_numbers_of_another_length_are_compared_as_numbers(ledger: DynamoDBLedger, length: int) -> None:
    """As text, 10 would come before 9."""
    below = 10**length - 1
    ledger.write(sequence_range(below, below + 1), [ANNOUNCED], unlimited)
    assert (
        read(ledger, sequence_range(0, below))
        == read(ledger, sequence_range(below + 1, below + 9))
        == Counter([ANNOUNCED])
    )
    assert (
        read(ledger, sequence_range(below + 2, below + 9))
        == read(ledger, sequence_range(0, below - 1))
        == Counter()
    )


def test_writers_beside_each_other_lose_nothing(ledger: DynamoDBLedger) -> None:
    """A stream's shards, and the parallel lanes of one, are followed by invocations at the same time."""
    begin = Barrier(2)
    written = [
        [Entry(Key(handler, f"id-{number}"), "handled") for number in range(20)]
        for handler in ("announce", "back_up")
    ]

    def write(entries: list[Entry]) -> None:
        begin.wait()
        for entry in entries:
            ledger.write(sequence_range(100, 199), [entry], unlimited)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, written))
    assert read(ledger, sequence_range(100, 199)) == Counter([*written[0], *written[1]])


def test_a_clean_batch_costs_one_query_and_a_failing_run_two_writes(dynamodb: DynamoDBClient) -> None:
    counted = Counted(dynamodb)
    ledger = DynamoDBLedger(f"card-ledger-{next(numbers)}", client=counted)
    ledger.create(dynamodb)
    run = [
        Entry(Key(handler, f"id-{number}"), "handled")
        for number in range(1_000)
        for handler in ("announce", "back_up", "index")
    ]
    ledger.write(sequence_range(100, 1_099), run, unlimited)
    assert counted.requests == {"BatchWriteItem": 1, "UpdateItem": 1}

    ledger.read(sequence_range(1_100, 2_000), unlimited)
    ledger.write(sequence_range(1_100, 2_000), [], unlimited)
    assert counted.requests == {"BatchWriteItem": 1, "UpdateItem": 1, "Query": 1}

    assert read(ledger, sequence_range(100, 1_099)) == Counter(run)
    assert counted.requests == {"BatchWriteItem": 1, "UpdateItem": 1, "Query": 4}


def test_thirty_thousand_entries_are_kept_in_items_that_dynamodb_takes(
    ledger: DynamoDBLedger, dynamodb: DynamoDBClient
) -> None:
    """Lambda gives a function up to 10,000 records at once."""
    run = [
        Entry(Key(handler, f"{number * 7919:032x}"), "open", number % 5, NOON, "Raised")
        for number in range(10_000)
        for handler in ("announce", "back_up", "index")
    ]
    ledger.write(sequence_range(1, 10_000), run, unlimited)
    items = dynamodb.scan(TableName=ledger.table_name)["Items"]
    assert len(items) > 1
    assert all(size(item) < 400_000 for item in items)
    assert read(ledger, sequence_range(1, 10_000)) == Counter(run)


def test_what_is_written_expires_two_days_later(ledger: DynamoDBLedger, dynamodb: DynamoDBClient) -> None:
    before = int(time())
    ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)
    after = int(time())
    items = dynamodb.scan(TableName=ledger.table_name)["Items"]
    lives = {
        next((name for name in ("entries", "highest") if name in item), "index"): int(
            text(item, "expires_at", "N")
        )
        - 48 * 60 * 60
        for item in items
    }
    assert len(items) == len(lives) == 3
    assert before <= lives["entries"] <= after
    # Whoever looks for a segment finds it for as long as it is kept.
    assert lives["entries"] + 60 * 60 == lives["index"]
    day = 24 * 60 * 60
    assert lives["index"] < lives["highest"] <= after + 2 * day
    expiry = dynamodb.describe_time_to_live(TableName=ledger.table_name)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


@pytest.mark.parametrize("attribute", ["entries", "highest"])
def test_an_item_that_is_none_of_a_ledgers_is_not_passed_over(
    ledger: DynamoDBLedger, dynamodb: DynamoDBClient, attribute: str
) -> None:
    ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)
    items = dynamodb.scan(TableName=ledger.table_name)["Items"]
    (item,) = [item for item in items if attribute in item]
    dynamodb.put_item(TableName=ledger.table_name, Item={name: item[name] for name in ("stream", "segment")})
    problem = f"the segment {text(item, 'segment')} of {text(item, 'stream')} cannot be read"
    with pytest.raises(UnreadableSegment, match=re.escape(problem)):
        ledger.read(sequence_range(100, 199), unlimited)


def test_a_table_that_is_missing_or_there_already_is_an_error(
    ledger: DynamoDBLedger, dynamodb: DynamoDBClient
) -> None:
    with pytest.raises(ClientError, match="ResourceInUseException"):
        ledger.create(dynamodb)
    nowhere = DynamoDBLedger("nowhere", client=dynamodb)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        nowhere.read(sequence_range(100, 199), unlimited)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        nowhere.write(sequence_range(100, 199), [ANNOUNCED], unlimited)


def test_without_a_client_the_environment_says_where_dynamodb_is(
    url: str, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[DynamoDBClient] = []
    make = boto3.client

    def client(service_name: Literal["dynamodb"], *, config: Config) -> DynamoDBClient:
        made.append(make(service_name, config=config))
        return made[-1]

    monkeypatch.setattr(boto3, "client", client)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    ledger = DynamoDBLedger(f"card-ledger-{next(numbers)}")
    ledger.create(dynamodb)
    ledger.write(sequence_range(100, 199), ENTRIES, unlimited)
    assert read(ledger, sequence_range(100, 199)) == Counter(ENTRIES)
    (own,) = made
    own.close()


def test_a_dynamodb_that_is_away_is_an_error_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ministack keeps its tables in memory, it comes back without them."""
    port = ministack.free_port()
    monkeypatch.setattr(ministack, "free_port", lambda: port)
    with dynamodb_at(f"http://127.0.0.1:{port}") as dynamodb:
        ledger = DynamoDBLedger("card-ledger", client=dynamodb)
        with ministack.running():
            ledger.create(dynamodb)
            ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)

        with pytest.raises(EndpointConnectionError):
            ledger.read(sequence_range(100, 199), unlimited)
        with pytest.raises(EndpointConnectionError):
            ledger.write(sequence_range(100, 199), [ANNOUNCED], unlimited)

        with ministack.running():
            ledger.create(dynamodb)
            assert read(ledger, sequence_range(100, 199)) == Counter()
            ledger.write(sequence_range(100, 199), ENTRIES, unlimited)
            assert read(ledger, sequence_range(100, 199)) == Counter(ENTRIES)
