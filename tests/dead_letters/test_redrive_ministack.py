"""Redriving with a queue, a bucket, a ledger and a stream that answer over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import boto3
import pytest
from returns.result import Failure, Result, Success

from streamfn import InsertEvent, Pipeline, Table, lambda_handler, on_insert, pipeline, retry
from streamfn._records import as_lambda_sends
from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters
from streamfn.dead_letters import _sqs as sqs_module
from streamfn.ledgers import DynamoDBLedger
from streamfn.redrive import redrive
from streamfn.testing import lambda_event
from tests.dead_letters.documents import Raw, document, number_of
from tests.dead_letters.redriving import SCOPE, told
from tests.delivery.jobs import Note, notes, quiet, written

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client, SeekingStreamsClient, SQSClient

numbers = count()


@pytest.fixture(autouse=True)
def _no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without waiting: the queue here has one server, and it misses no message."""
    monkeypatch.setattr(sqs_module, "POLL", 0)


@pytest.fixture
def dynamodb(aws: str) -> Iterator[DynamoDBClient]:
    with closing(boto3.client("dynamodb", endpoint_url=aws)) as client:
        yield client


@pytest.fixture
def streams(aws: str) -> Iterator[SeekingStreamsClient]:
    with closing(boto3.client("dynamodbstreams", endpoint_url=aws)) as client:
        yield client


@pytest.fixture
def ledger(dynamodb: DynamoDBClient) -> DynamoDBLedger:
    ledger = DynamoDBLedger(f"ledger-{next(numbers)}", client=dynamodb)
    ledger.create(dynamodb)
    return ledger


class Shop:
    """A function of one job, which fails on some texts."""

    def __init__(self, *fails: str, table: Table[Note] = notes) -> None:
        """Fail on these."""
        self.fails = fails
        self.table = table
        self.done: list[str] = []

    def tell(self, event: InsertEvent[Note]) -> Result[str, str]:
        """Do the job."""
        text = event.new_image.text
        if text in self.fails:
            return Failure(text)
        self.done.append(text)
        return Success(text)

    @property
    def process(self) -> Pipeline[object, object]:
        """The pipeline."""
        return pipeline(self.table, on_insert(self.tell, name="tell"))


@pytest.fixture(params=["SQS", "S3"])
def place(
    request: pytest.FixtureRequest, new_queue: Callable[..., str], bucket: str
) -> SqsDeadLetters | S3DeadLetters:
    """Make a place for letters; the queue shows at once again what is not removed."""
    if request.param == "SQS":
        return SqsDeadLetters(new_queue(VisibilityTimeout="0"))
    return S3DeadLetters(bucket, prefix="letters")


def test_what_a_function_gave_up_is_settled_once_it_is_mended(
    place: SqsDeadLetters | S3DeadLetters, ledger: DynamoDBLedger
) -> None:
    shop = Shop("a1", "a2", "b1")
    delivery = retry(
        ledger=ledger, dead_letters=place, max_attempts=1, patience=timedelta(), scope=SCOPE, report=quiet
    )
    batch = lambda_event(*written("a1", "a2", "b1", "c1"))
    assert lambda_handler(shop.process, delivery)(batch, None) == {"batchItemFailures": []}
    assert shop.done == ["c1"]
    shop.fails = ("b1",)
    assert sorted(told(redrive(shop.process, place, ledger=ledger, report=quiet))) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "a2", "handled", "removed"),
        ("tell", "b1", "failed", "kept"),
    ]
    shop.fails = ()
    assert told(redrive(shop.process, place, ledger=ledger)) == [("tell", "b1", "handled", "removed")]
    assert redrive(shop.process, place, ledger=ledger) == []
    assert shop.done == ["c1", "a1", "a2", "b1"]
    assert lambda_handler(shop.process, delivery)(batch, None) == {"batchItemFailures": []}
    assert shop.done == ["c1", "a1", "a2", "b1"], "nothing runs again, should Lambda send the batch again"


@pytest.mark.parametrize("payload", [False, True], ids=["SQS", "S3"])
def test_what_lambda_gave_up_is_settled_from_its_document(
    payload: bool,  # noqa: FBT001 (pytest's)
    dynamodb: DynamoDBClient,
    streams: SeekingStreamsClient,
    sqs: SQSClient,
    s3: S3Client,
    queue: str,
    bucket: str,
    ledger: DynamoDBLedger,
) -> None:
    """The range lies in the middle of the shard, and one of its records was handled before Lambda gave up."""
    texts = [f"t{number}" for number in range(12)]
    table, stream, shard, records = written_to_a_stream(dynamodb, streams, *texts)
    shop = Shop("t5", table=table)
    batch = {"Records": [{**raw, "eventSourceARN": stream} for raw in records[4:8]]}
    answer = lambda_handler(shop.process, retry(ledger=ledger, scope=SCOPE, report=quiet))(batch, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(records[5])}]}
    assert shop.done == ["t4", "t6", "t7"]

    shop.fails = ()
    text = document(batch["Records"], stream=stream, shard=shard, payload=payload)
    if payload:
        s3.put_object(Bucket=bucket, Key="aws/lambda/mapping/shard/2030/01/02/document", Body=text.encode())
    else:
        sqs.send_message(QueueUrl=queue, MessageBody=text)
    place = S3DeadLetters(bucket, prefix="aws/lambda/mapping") if payload else SqsDeadLetters(queue)
    redriven = redrive(shop.process, place, ledger=ledger)
    assert [(each.outcome, each.removed) for each in redriven] == [
        ("handled", True),
        *[("skipped", True)] * 3,
    ]
    assert shop.done == ["t4", "t6", "t7", "t5"]
    assert list(place.receive()) == []
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_record_that_the_queue_does_not_take_is_settled_from_the_stream(
    dynamodb: DynamoDBClient,
    streams: SeekingStreamsClient,
    new_queue: Callable[..., str],
    ledger: DynamoDBLedger,
) -> None:
    """The shard goes on, and the images are read again where they still are."""
    large = "-" * 4_000
    table, stream, _, records = written_to_a_stream(dynamodb, streams, "t0", large, "t2")
    shop, place = Shop(large, table=table), SqsDeadLetters(new_queue(MaximumMessageSize="2048"))
    delivery = retry(
        ledger=ledger, dead_letters=place, max_attempts=1, patience=timedelta(), scope=SCOPE, report=quiet
    )
    batch = {"Records": [{**raw, "eventSourceARN": stream} for raw in records]}
    assert lambda_handler(shop.process, delivery)(batch, None) == {"batchItemFailures": []}
    shop.fails = ()
    (redriven,) = redrive(shop.process, place, ledger=ledger, streams=streams)
    assert (redriven.outcome, redriven.removed) == ("handled", True)
    assert shop.done == ["t0", "t2", large]


def test_what_the_stream_does_not_hold_is_kept(
    dynamodb: DynamoDBClient,
    streams: SeekingStreamsClient,
    sqs: SQSClient,
    queue: str,
    ledger: DynamoDBLedger,
) -> None:
    table, stream, shard, records = written_to_a_stream(dynamodb, streams, "t0", "t1")
    unknown = {**records[0], "dynamodb": {"SequenceNumber": "1" * 21}}
    sqs.send_message(QueueUrl=queue, MessageBody=document([unknown, records[1]], stream=stream, shard=shard))
    gone = document(records, stream=f"{stream}-gone", shard=shard)
    sqs.send_message(QueueUrl=queue, MessageBody=gone)
    redriven = redrive(Shop(table=table).process, SqsDeadLetters(queue), ledger=ledger)
    assert sorted((each.outcome, each.detail, each.removed) for each in redriven) == [
        ("forgotten", "ResourceNotFoundException", False),
        ("forgotten", "TrimmedDataAccessException", False),
    ]


def written_to_a_stream(
    dynamodb: DynamoDBClient, streams: SeekingStreamsClient, *texts: str
) -> tuple[Table[Note], str, str, list[Raw]]:
    """Write notes to a table, and give that, its stream, the shard, and the records as JSON has them."""
    table = Table(f"notes-{next(numbers)}", Note)
    made = dynamodb.create_table(**table.definition().create_table)["TableDescription"]
    for number, text in enumerate(texts):
        dynamodb.put_item(TableName=table.name, Item=table.unstructure(Note(number, text)))
    stream = made["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    begin = streams.get_shard_iterator(
        StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    records = streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]
    return table, stream, shard["ShardId"], [as_lambda_sends(raw, stream) for raw in records]
