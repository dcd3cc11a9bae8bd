"""Reports about events that a test makes, by hand or with the kit, and about exports that are run again."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from gzip import compress
from hashlib import md5
from pathlib import Path
from typing import Annotated

from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    StreamViewType,
    Table,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    read,
    retry,
)
from streamfn.exports import events_of, open_export
from streamfn.testing import (
    insert_event,
    lambda_event,
    modify_event,
    pipe_event,
    remove_event,
    values,
)
from tests.cards import Card, cards, event, record


@dataclass(frozen=True, slots=True)
class Message:
    """The item of AWS' sample event."""

    id: Annotated[int, PartitionKey, "Id"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """An item with a binary."""

    Id: Annotated[int, PartitionKey]
    Name: str
    BinaryData: bytes


def name(event: Event[Card]) -> Result[str, str]:
    """Tell what happened to which card."""
    return Success(f"{event.record.event_name} {event.record.keys['id']}")


def place_of(folder: Path, *lines: object) -> Path:
    """Write an export of one file, as DynamoDB does."""
    data = compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    place = folder / "AWSDynamoDB" / "01693685827463-2d8752fd"
    (place / "data").mkdir(parents=True)
    (place / "data" / "asdl123.json.gz").write_bytes(data)
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card"
    kind = "FULL_EXPORT" if "Item" in str(lines[0]) else "INCREMENTAL_EXPORT"
    summary = {"version": "2020-06-30", "tableArn": table, "exportType": kind}
    (place / "manifest-summary.json").write_text(json.dumps(summary))
    part = {
        "itemCount": len(lines),
        "md5Checksum": b64encode(md5(data, usedforsecurity=False).digest()).decode(),
        "dataFileS3Key": "AWSDynamoDB/01693685827463-2d8752fd/data/asdl123.json.gz",
    }
    (place / "manifest-files.json").write_text(json.dumps(part))
    return place


def test_an_event_by_hand_is_read_as_it_stands() -> None:
    """Somebody wrote a test event by hand, with a number, a text and a binary, and asked how to read it.

    https://github.com/aws/aws-sdk-js-v3/issues/2634
    """

    def greet(event: InsertEvent[Document]) -> Result[tuple[str, bytes], str]:
        return Success((event.new_image.Name, event.new_image.BinaryData))

    arn = "arn:aws:dynamodb:us-west-2:123456789012:table/YourTableName/stream/2023-05-11T00:00:00.000"
    image = {"Id": {"N": "101"}, "Name": {"S": "John"}, "BinaryData": {"B": b64encode(b"Hello").decode()}}
    made = record(1, eventSourceARN=arn, change={"Keys": {"Id": image["Id"]}, "NewImage": image})
    process = pipeline(Table("YourTableName", Document), on_insert(greet))
    assert [("John", b"Hello")] == values(process(event(made)))


def test_the_kit_numbers_its_records_upwards() -> None:
    """The records of an emulator had numbers of another kind than their shard, so that nothing could be compared.

    https://github.com/localstack/localstack/pull/3159
    """
    events = [insert_event(Card(number, "a")) for number in range(3)]
    numbers = [int(str(each.record.sequence_number)) for each in events]
    assert sorted(set(numbers)) == numbers
    assert all(21 <= len(str(number)) <= 40 for number in numbers)


def test_the_kit_says_which_table_an_event_is_of() -> None:
    """The ARN of an emulator's record was not that of the stream, and its view type not that of the table.

    https://github.com/localstack/localstack/issues/323
    """
    (made,) = lambda_event(insert_event(Card(1, "a")), view_type=StreamViewType.NEW_IMAGE)["Records"]
    (found,) = read(event(made))
    assert "prod-Card" == found.table_name
    assert "NEW_IMAGE" == made["dynamodb"].get("StreamViewType")


def test_the_kit_leaves_out_the_images_that_a_view_leaves_out() -> None:
    """An emulator sent both images whatever the stream was set to, so that a test passed and AWS sent less.

    https://github.com/localstack/localstack/issues/3851
    """
    made = modify_event(Card(1, "a"), Card(1, "a", "ada"))
    views = {
        view: sorted(
            {"NewImage", "OldImage"} & set(lambda_event(made, view_type=view)["Records"][0]["dynamodb"])
        )
        for view in StreamViewType
    }
    assert {
        StreamViewType.KEYS_ONLY: [],
        StreamViewType.NEW_IMAGE: ["NewImage"],
        StreamViewType.OLD_IMAGE: ["OldImage"],
        StreamViewType.NEW_AND_OLD_IMAGES: ["NewImage", "OldImage"],
    } == views


def test_the_event_of_a_pipe_is_a_bare_list() -> None:
    """A pipe has no `Records` around its batch.

    The same function takes both.

    https://github.com/localstack/localstack/issues/7920
    """
    events = [insert_event(Card(1, "a")), remove_event(Card(2, "b"))]
    process = pipeline(cards, on_event(name))
    assert isinstance(pipe_event(*events), list)
    assert values(process(lambda_event(*events))) == values(process(pipe_event(*events)))


def test_a_number_that_is_none_fails_for_its_own_record() -> None:
    """A decoder that raises within the loop over a batch takes the whole batch along.

    Here even a number that is none fails for its own record, and an empty batch is answered.

    https://github.com/DataDog/malicious-software-packages-dataset/pull/98
    """
    handler = lambda_handler(pipeline(cards, on_event(name)), retry())
    assert {"batchItemFailures": []} == handler({"Records": []}, None)
    wrong = record(2, change={"NewImage": {"id": {"N": "1e"}, "title": {"S": "a"}}})
    assert {"batchItemFailures": [{"itemIdentifier": "2"}]} == handler(event(record(1), wrong), None)


def test_the_lines_of_a_full_export_are_items(tmp_path: Path) -> None:
    """A line holds one item under `Item`, and the manifest names the files.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
    """
    place = place_of(tmp_path, {"Item": {"id": {"N": "1"}, "title": {"S": "hello"}}})
    (found,) = [each.unwrap() for each in events_of(open_export(place), cards)]
    assert isinstance(found, InsertEvent)
    assert Card(1, "hello") == found.new_image


def test_the_lines_of_an_incremental_export_are_changes(tmp_path: Path) -> None:
    """Which images a line has tells whether the item was inserted, changed or deleted within the period.

    https://aws.amazon.com/blogs/database/introducing-incremental-export-from-amazon-dynamodb-to-amazon-s3/
    """
    metadata = {"Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}}}
    keys = {"id": {"N": "1"}, "title": {"S": "a"}}
    place = place_of(
        tmp_path,
        {**metadata, "Keys": keys, "NewImage": keys},
        {**metadata, "Keys": keys, "OldImage": keys, "NewImage": keys},
        {**metadata, "Keys": keys, "OldImage": keys},
    )
    found = [each.unwrap() for each in events_of(open_export(place), cards)]
    assert [InsertEvent, ModifyEvent, RemoveEvent] == [type(each) for each in found]
