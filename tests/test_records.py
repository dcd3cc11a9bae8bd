"""What a record says of itself, whatever the payload that it came in left out."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest

from streamfn import StreamRecord, StreamViewType, read
from tests.cards import STREAM, Json, event, record

EXPIRED = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def one(raw: object) -> StreamRecord:
    """Read a payload of one record."""
    (found,) = read(event(raw))
    assert isinstance(found, StreamRecord)
    return found


def test_a_record_says_what_changed_and_where() -> None:
    found = one(record(7, "MODIFY"))
    image = {"id": {"N": "7"}, "title": {"S": "hello"}}
    assert (found.event_id, found.event_name, found.sequence_number) == ("id-7", "MODIFY", "7")
    assert (found.event_source_arn, found.table_name, found.region) == (STREAM, "prod-Card", "eu-west-1")
    assert (found.keys, found.new_image, found.old_image) == (image, image, image)
    assert (found.view_type, found.size_bytes) == (StreamViewType.NEW_AND_OLD_IMAGES, 26)
    assert found.approximate_creation == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


def test_what_a_record_leaves_out_is_none() -> None:
    bare: Json = {"eventID": "id-1", "eventName": "INSERT", "dynamodb": {"Keys": {}}}
    found = one(bare)
    assert (found.event_source_arn, found.table_name, found.region, found.view_type) == (None,) * 4
    assert (found.sequence_number, found.size_bytes, found.approximate_creation) == (None,) * 3
    assert (found.new_image, found.old_image, found.expired) == (None, None, False)


@pytest.mark.parametrize(
    ("arn", "table_name"),
    [
        (
            "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000",
            "prod-Card",
        ),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/a.b_c-9/stream/2024-01-01T00:00:00.000", "a.b_c-9"),
        ("arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/Card/stream/label", "Card"),
        ("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/Card/stream/label", "Card"),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/Card", None),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/Card", None),
        ("", None),
        (7, None),
    ],
)
def test_the_table_is_read_from_the_arn_of_its_stream(arn: object, table_name: str | None) -> None:
    """Names with hyphens and dots, GovCloud and China are tables like others."""
    assert one(record(eventSourceARN=arn)).table_name == table_name


@pytest.mark.parametrize(
    ("identity", "event_name", "expired"),
    [
        (EXPIRED, "REMOVE", True),
        (EXPIRED, "MODIFY", False),
        (EXPIRED | {"type": "User"}, "REMOVE", False),
        (EXPIRED | {"principalId": "AIDAEXAMPLE"}, "REMOVE", False),
        ("Service", "REMOVE", False),
        (None, "REMOVE", False),
    ],
)
def test_an_expired_item_is_told_from_a_removed_one(
    identity: object, event_name: str, *, expired: bool
) -> None:
    assert one(record(1, event_name, userIdentity=identity)).expired is expired


@pytest.mark.parametrize(
    "written",
    [
        1_700_000_000,
        1.7e9,
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        datetime(2023, 11, 15, 3, 13, 20, tzinfo=timezone(timedelta(hours=5))),
        datetime(2023, 11, 14, 22, 13, 20),  # noqa: DTZ001 (what some clients give)
    ],
)
def test_times_come_as_numbers_from_lambda_and_as_datetimes_from_boto3(written: object) -> None:
    found = one(record(change={"ApproximateCreationDateTime": written})).approximate_creation
    assert (found, found and found.tzinfo) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), UTC)


def test_a_time_that_utc_has_no_year_for_is_none() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))
    assert one(record(change={"ApproximateCreationDateTime": first})).approximate_creation is None


@pytest.mark.parametrize("size", ["26", None, 2.5])
def test_a_size_that_is_no_whole_number_is_none(size: object) -> None:
    assert one(record(change={"SizeBytes": size})).size_bytes is None


def test_what_a_record_hands_out_may_be_changed_without_changing_the_record() -> None:
    found = one(record(1, "MODIFY"))
    before = json.dumps(found.raw)
    for part in (found.raw["dynamodb"], found.keys, found.new_image, found.old_image):
        cast("MutableMapping[str, object]", part).clear()
    assert json.dumps(found.raw) == before


def test_records_compare_by_what_they_hold_and_hash_by_their_identifier() -> None:
    assert {one(record(1))} == {one(record(1))}
    assert one(record(1)) != one(record(1, change={"SizeBytes": 27}))


def test_a_record_is_no_equal_of_other_things_and_outlives_a_copy() -> None:
    found = one(record(1))
    assert found != record(1)
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found  # noqa: S301 (its own)
    with pytest.raises(AttributeError):
        found.keys = {}  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue] (the point of the test)


def test_a_record_shows_identifiers_and_no_data() -> None:
    assert repr(one(record(7))) == (
        "StreamRecord(INSERT, table_name='prod-Card', event_id='id-7', sequence_number='7')"
    )
