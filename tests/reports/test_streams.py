"""Reports about the records of a stream: what they hold, what they leave out, and how a shard is read to its end."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps, loads
from typing import Annotated

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    KeysEvent,
    MissingImage,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    StreamRecord,
    StreamViewType,
    Table,
    Undecodable,
    Unrouted,
    UpsertEvent,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
    read,
    router,
)
from streamfn.sources import MemoryCheckpoints, RequestThrottled, StreamReader
from streamfn.testing import failures, insert_event, kinesis_event, lambda_event, remove_event, values
from tests.cards import STREAM, Card, CardKey, Json, cards, event, record
from tests.sources.streams import ARN, Consumer, Stream, Told, refusal

DELETED_BY_TTL: Json = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@dataclass(frozen=True, slots=True)
class Order:
    """An item of another table."""

    id: Annotated[int, PartitionKey]


@dataclass(frozen=True, slots=True)
class Flag:
    """An item that is no more than its key."""

    id: Annotated[str, PartitionKey]


def title(event: InsertEvent[Card]) -> Result[str, str]:
    """Handle a new card."""
    return Success(event.new_image.title)


def archive(event: RemoveEvent[Card]) -> Result[str, str]:
    """Handle a card that is gone."""
    return Success(f"archived {event.old_image.id}")


def kind(event: Event[Card]) -> Result[str, str]:
    """Handle each change, and tell which it was."""
    return Success(event.record.event_name)


def only(*entries: object) -> StreamRecord:
    """Read the one record of a batch."""
    (found,) = read(event(*entries))
    assert isinstance(found, StreamRecord)
    return found


def read_all(stream: Stream) -> tuple[list[str], Told]:
    """Read a stream until it is switched off; tell what came, and what the reader said."""
    consumer, told = Consumer(), Told()
    StreamReader(ARN, client=stream, checkpoints=MemoryCheckpoints(), report=told, clock=stream.clock).run(
        consumer, signals=False
    )
    return consumer.seen, told


# Removals by the time to live


def test_a_record_says_that_dynamodb_removed_the_item() -> None:
    """Only the record's `userIdentity` tells an item that expired from one that a user has deleted.

    https://github.com/aws/aws-lambda-java-libs/issues/23
    """
    assert only(record(1, "REMOVE", userIdentity=DELETED_BY_TTL)).expired
    assert not only(record(1, "REMOVE")).expired


def test_only_what_expired_reaches_a_handler_that_asks_for_it() -> None:
    """A function was to archive the items that expire, and archived each change of the table.

    https://github.com/awslabs/lambda-streams-to-firehose/issues/59
    """
    process = pipeline(cards, on_remove(archive, where=lambda event: event.expired))
    batch = lambda_event(
        insert_event(Card(1, "a")),
        remove_event(Card(2, "b")),
        remove_event(Card(3, "c"), expired=True),
    )
    assert ["archived 3"] == values(process(batch))


def test_an_expired_item_of_another_region_looks_like_a_deleted_one() -> None:
    """In a replica of a global table the removal carries no identity of the service, so nothing is guessed here.

    https://github.com/jgilbert01/aws-lambda-stream/pull/426
    """
    replicated = {"type": "Service", "principalId": "replication.dynamodb.amazonaws.com"}
    assert not only(record(1, "REMOVE", userIdentity=replicated)).expired
    assert not only(record(1, "REMOVE", userIdentity=None)).expired


def test_an_emulator_that_leaves_the_identity_out_is_no_removal_by_the_service() -> None:
    """An emulator removed expired items without the identity, so a function that works on AWS did nothing there.

    The testing kit writes the identity as AWS does.

    https://github.com/localstack/localstack/issues/11343
    """
    (removed,) = lambda_event(remove_event(Card(1, "a"), expired=True))["Records"]
    assert DELETED_BY_TTL == removed.get("userIdentity")
    assert only(removed).expired


# Images that are not there


def test_new_items_have_no_old_image_and_removed_ones_no_new_one() -> None:
    """A library mapped both images of each record, and failed with a null pointer on each INSERT and REMOVE.

    https://github.com/aws/aws-lambda-java-libs/pull/143
    """
    process = pipeline(cards, on_event(kind))
    batch = event(record(1), record(2, "MODIFY"), record(3, "REMOVE"))
    assert ["INSERT", "MODIFY", "REMOVE"] == values(process(batch))
    assert only(record(1)).old_image is None
    assert only(record(1, "REMOVE")).new_image is None


def test_an_empty_old_image_of_a_new_item_is_no_obstacle() -> None:
    """A mock wrote an empty `OldImage` into the record of each INSERT, where AWS leaves the member out.

    https://github.com/getmoto/moto/pull/9821
    """
    process = pipeline(cards, on_insert(title), on_event(kind))
    assert ["hello", "INSERT"] == values(process(event(record(1, change={"OldImage": {}}))))


def test_an_old_image_of_null_is_a_missing_one() -> None:
    """A removal came through Kinesis with `OldImage` null.

    The handler that needs the image is told so.

    https://github.com/localstack/localstack/issues/4794
    """
    removed = record(1, "REMOVE", change={"OldImage": None}, tableName="prod-Card")
    entry = {
        "eventSource": "aws:kinesis",
        "kinesis": {"sequenceNumber": "7", "data": b64encode(dumps(removed).encode()).decode()},
    }
    (failed,) = failures(pipeline(cards, on_remove(archive))(event(entry)))
    assert MissingImage("OldImage", StreamViewType.NEW_AND_OLD_IMAGES) == failed.reason


def test_a_removed_item_does_not_stop_the_handling_of_new_ones() -> None:
    """A function read `NewImage` of each record.

    After the first removal it failed on all that followed.

    https://github.com/aws-samples/aws-bookstore-demo-app/pull/8
    """
    process = pipeline(cards, on_insert(title))
    results = process(event(record(1, "REMOVE"), record(2)))
    assert (["hello"], []) == (values(results), failures(results))


def test_a_record_without_the_image_fails_alone() -> None:
    """One record without `NewImage` raised a KeyError, so that the whole batch came again.

    https://github.com/aws-samples/iam-identity-center-team/pull/558
    """
    process = pipeline(cards, on_insert(title))
    results = process(event(record(1, without="NewImage"), record(2)))
    assert ["hello"] == values(results)
    assert [MissingImage("NewImage", StreamViewType.NEW_AND_OLD_IMAGES)] == [
        failed.reason for failed in failures(results)
    ]


def test_a_stream_of_keys_has_handlers_of_its_own() -> None:
    """A function that copies items failed on each record of a stream with the view KEYS_ONLY.

    https://github.com/awslabs/amazon-dynamodb-tools/issues/55
    """

    def forward(event: KeysEvent[CardKey]) -> Result[int, str]:
        return Success(event.keys.id)

    process = pipeline(cards, on_insert(title), on_keys(CardKey, forward))
    results = process(lambda_event(insert_event(Card(1, "a")), view_type=StreamViewType.KEYS_ONLY))
    assert [1] == values(results)
    assert [MissingImage("NewImage", StreamViewType.KEYS_ONLY)] == [
        failed.reason for failed in failures(results)
    ]


def test_an_update_that_made_the_item_is_an_upsert() -> None:
    """An emulator reported an UpdateItem of a new item as MODIFY with an empty `OldImage`.

    A handler of upserts takes it, and one that needs the old item is told what is missing of it.

    https://github.com/localstack/localstack/issues/2684
    """

    def index(event: UpsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    def compare(event: ModifyEvent[Card]) -> Result[str, str]:
        return Success(event.old_image.title)

    results = pipeline(cards, on_upsert(index), on_modify(compare))(
        event(record(1, "MODIFY", change={"OldImage": {}}))
    )
    assert ["hello"] == values(results)
    (failed,) = failures(results)
    assert isinstance(failed.reason, Undecodable)
    assert ["$.id: missing", "$.title: missing"] == [str(problem) for problem in failed.reason.problems]


def test_an_item_of_keys_alone_has_an_image() -> None:
    """Images hold the keys too, also where an item has nothing else.

    An emulator left them out.

    https://github.com/scylladb/scylladb/issues/7107
    """

    def raise_flag(event: InsertEvent[Flag]) -> Result[str, str]:
        return Success(event.new_image.id)

    process = pipeline(Table("prod-Flag", Flag), on_insert(raise_flag))
    (made,) = lambda_event(insert_event(Flag("up")))["Records"]
    assert made["dynamodb"]["Keys"] == made["dynamodb"].get("NewImage") == {"id": {"S": "up"}}
    assert ["up"] == values(process({"Records": [made]}))


def test_items_that_no_model_describes_are_passed_over() -> None:
    """A table also held items that no model described, and converting them failed in production.

    https://github.com/sensedeep/dynamodb-onetable/pull/400
    """
    described = Table("prod-Card", Card, pattern={"dynamodb": {"NewImage": {"kind": {"S": ["card"]}}}})
    card = record(1, change={"NewImage": {"kind": {"S": "card"}, "id": {"N": "1"}, "title": {"S": "a"}}})
    unique = record(2, change={"NewImage": {"kind": {"S": "_unique"}, "pk": {"S": "email#ada"}}})
    results = pipeline(described, on_insert(title))(event(card, unique))
    assert (["a"], []) == (values(results), failures(results))


# Times


def test_a_time_may_have_a_fraction_of_a_second() -> None:
    """The documentation speaks of whole seconds, and a consumer failed on a fraction.

    https://github.com/localstack/localstack/issues/5656
    """
    found = only(record(change={"ApproximateCreationDateTime": 1646887668.348366}))
    assert datetime(2022, 3, 10, 4, 47, 48, 348366, tzinfo=UTC) == found.approximate_creation


def test_a_time_may_be_a_whole_number_or_one_with_a_point() -> None:
    """The same second stands in records as 1428537600 and as 1428537600.0.

    https://github.com/aws/aws-lambda-java-libs/pull/455
    """
    whole, pointed = (
        only(record(change=loads(f'{{"ApproximateCreationDateTime": {text}}}')))
        for text in ("1428537600", "1.4285376E9")
    )
    assert datetime(2015, 4, 9, tzinfo=UTC) == whole.approximate_creation == pointed.approximate_creation


def test_a_record_without_a_time_is_handled() -> None:
    """The time is optional.

    A library that relied on it crashed where an emulator left it out.

    https://github.com/localstack/localstack/issues/2780
    """
    timeless = record(without="ApproximateCreationDateTime")
    assert only(timeless).approximate_creation is None
    assert ["hello"] == values(pipeline(cards, on_insert(title))(event(timeless)))


def test_a_client_gives_the_time_as_a_datetime() -> None:
    """A client of GetRecords gives another form of the time than the event of Lambda has.

    https://github.com/aws/aws-sdk-js/issues/3225
    """
    moment = datetime(2020, 4, 23, 10, 30, tzinfo=UTC)
    found = only(record(change={"ApproximateCreationDateTime": moment}))
    in_lambda = only(record(change={"ApproximateCreationDateTime": moment.timestamp()}))
    assert moment == found.approximate_creation == in_lambda.approximate_creation
    in_text = only(record(change={"ApproximateCreationDateTime": "2020-04-23T10:30:00.000Z"}))
    assert moment == in_text.approximate_creation


def test_a_time_in_milliseconds_is_read_and_condemns_no_record() -> None:
    """A library failed on the whole event where the time was in milliseconds.

    https://github.com/aws/aws-lambda-dotnet/issues/839
    """
    found = only(record(change={"ApproximateCreationDateTime": 1646158315209}))
    assert datetime(2022, 3, 1, 18, 11, 55, 209000, tzinfo=UTC) == found.approximate_creation


def test_a_time_may_be_text() -> None:
    """The guide's own sample of a record has the seconds as text.

    https://docs.aws.amazon.com/en_us/lambda/latest/dg/with-ddb-filtering.html
    """
    found = only(record(change={"ApproximateCreationDateTime": "1678831218.0"}))
    assert datetime(2023, 3, 14, 22, 0, 18, tzinfo=UTC) == found.approximate_creation


def test_the_time_of_a_change_through_kinesis_is_in_milliseconds() -> None:
    """The same member holds seconds in a DynamoDB stream and milliseconds in a Kinesis stream.

    A program that read seconds placed the change some 50,000 years ahead.

    https://github.com/aws/aws-lambda-go/issues/478
    """
    made = insert_event(Card(1, "a"), at=datetime(2023, 1, 24, 8, 0, 0, 123000, tzinfo=UTC))
    (found,) = read(kinesis_event(made))
    assert isinstance(found, StreamRecord)
    assert datetime(2023, 1, 24, 8, 0, 0, 123000, tzinfo=UTC) == found.approximate_creation


def test_the_time_of_a_change_through_kinesis_may_be_in_microseconds() -> None:
    """A Kinesis stream may be set to microseconds; the record then names the precision.

    https://github.com/aws/aws-lambda-go/pull/633
    """
    moment = datetime(2026, 6, 24, 8, 0, 0, 123456, tzinfo=UTC)
    (found,) = read(kinesis_event(insert_event(Card(1, "a"), at=moment), precision="MICROSECOND"))
    assert isinstance(found, StreamRecord)
    assert moment == found.approximate_creation


# Which table


@pytest.mark.parametrize("name", ["abc", "prod-Card.v2_eu", "K4"])
def test_a_table_may_have_any_name_that_dynamodb_allows(name: str) -> None:
    """A regular expression took the ARNs of tables whose names are one letter long, and no others.

    https://github.com/aws-samples/aws-lambda-fanout/issues/9
    """
    arn = f"arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/{name}/stream/2017-01-16T09:00:00.000"
    assert name == only(record(eventSourceARN=arn)).table_name


def test_each_record_goes_by_its_own_table() -> None:
    """A function took the table of the first record for that of the whole batch.

    https://github.com/shevchenkos/DynamoDbBackUp/issues/22
    """

    def bill(event: InsertEvent[Order]) -> Result[str, str]:
        return Success(f"order {event.new_image.id}")

    process = router(pipeline(cards, on_insert(title)), pipeline(Table("prod-Order", Order), on_insert(bill)))
    other = record(2, eventSourceARN=STREAM.replace("prod-Card", "prod-Order"))
    assert ["hello", "order 2", "hello"] == values(process(event(record(1), other, record(3))))


def test_a_record_that_names_no_stream_is_not_guessed_at() -> None:
    """A plugin left `eventSourceARN` out, and a function for two tables could not tell whose record it had.

    https://github.com/emmkong/serverless-plugin-offline-dynamodb-stream/issues/12
    """
    (failed,) = failures(pipeline(cards, on_insert(title))(event(record(without="eventSourceARN"))))
    assert isinstance(failed.reason, Unrouted)


def test_an_image_through_lambda_is_read_like_one_from_boto3() -> None:
    """The raw values of a stream have another form than the items of boto3's tables.

    The models of a project could not read them. Here one model reads the record, and writes what boto3's client takes.

    https://github.com/facebook/ThreatExchange/pull/860
    """
    item = Card(1, "hello", owner="ada")
    (made,) = lambda_event(insert_event(item))["Records"]
    image = made["dynamodb"].get("NewImage")
    assert image is not None
    assert Success(item) == cards.structure(image)
    assert cards.unstructure(item) == image


# Shards


def test_the_last_page_of_a_closed_shard_is_read() -> None:
    """The answer with the last records of a closed shard has no next iterator.

    A library went on to the next shard before it had looked at those records.

    https://github.com/numberoverzero/bloop/issues/111
    """
    stream = Stream(records_a_page=2)
    stream.add("shard-1", "a1", "a2", "a3")
    stream.close("shard-1")
    stream.add("shard-2", "a4", parent="shard-1")
    stream.switch_off()
    seen, _ = read_all(stream)
    assert ["a1", "a2", "a3", "a4"] == seen


def test_a_shard_that_ends_without_children_is_the_end() -> None:
    """Kinesis names the children of a shard with its last page, and DynamoDB does not.

    A client that asked for them took the end of each shard for an error.

    https://github.com/awslabs/dynamodb-streams-kinesis-adapter/issues/40
    """
    stream = Stream()
    stream.add("shard-1", "a1")
    stream.switch_off()
    seen, told = read_all(stream)
    assert (["a1"], []) == (seen, told.of(RequestThrottled))


def test_an_expired_iterator_is_replaced() -> None:
    """An iterator lives for 15 minutes.

    After an outage a reader asked with the same one for ever.

    https://github.com/ironSource/node-dynamodb-stream/pull/5
    """
    stream = Stream(records_a_page=1)
    stream.add("shard-1", "a1", "a2")
    is_down = True

    def before(name: str, _shard: str) -> None:
        nonlocal is_down
        if name == "read" and is_down and stream.read_at[1:]:
            is_down = False
            stream.clock.seconds += 16 * 60
            raise refusal("InternalServerError")

    stream.before = before
    stream.switch_off()
    seen, _ = read_all(stream)
    assert (["a1", "a2"], False) == (seen, is_down)


def test_a_child_is_read_after_all_of_its_parent() -> None:
    """A reader looked for active shards alone.

    What a shard held when it was split was lost.

    https://github.com/opensearch-project/data-prepper/pull/3614
    """
    stream = Stream(records_a_page=1)
    stream.add("shard-2", "a3", "a4", parent="shard-1")
    stream.add("shard-1", "a1", "a2")
    stream.switch_off()
    seen, _ = read_all(stream)
    assert ["a1", "a2", "a3", "a4"] == seen


def test_an_empty_page_is_not_the_end_of_a_shard() -> None:
    """An open shard answers with empty pages on the way to its records, each with another iterator.

    A reader that stopped at the first of them did not see an event.

    https://github.com/triggermesh/aws-event-sources/pull/219
    """
    stream = Stream(empty_pages=iter([True, True, False]))
    stream.add("shard-1", "a1")
    stream.switch_off()
    seen, _ = read_all(stream)
    assert ["a1"] == seen
