"""Dead letters: what is written can be read, what is no letter is refused, and nothing shows what is in one."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.demo import ministack
from streamfn import PartitionKey, StreamRecord, Table, read
from streamfn._records import Record
from streamfn.dead_letters._protocol import DeadLetter, NotADeadLetter, read_letter
from streamfn.ledgers._protocol import Key
from tests.cards import STREAM, Json, record

NOW = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
LETTER = DeadLetter(
    scope="follow-cards",
    pair=Key("announce", "id-1"),
    stream=STREAM,
    record=record(1),
    reason="Refused",
    detail="SlackError",
    attempts=3,
    since=NOW - timedelta(hours=1),
    at=NOW,
)

# With halves of surrogate pairs: JSON may hold them, and so may what Lambda gets.
texts = st.text(st.characters(exclude_categories=[]))
moments = st.datetimes(timezones=st.just(UTC))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
letters = st.builds(
    DeadLetter,
    scope=texts,
    pair=st.builds(Key, texts, texts),
    stream=texts,
    record=json_values,
    reason=texts,
    detail=st.none() | texts,
    attempts=st.integers(0),
    since=st.none() | moments,
    at=moments,
)


def without(name: str) -> str:
    """Write a letter that lacks a part."""
    parts: Json = json.loads(LETTER.to_json())
    del parts[name]
    return json.dumps(parts)


def with_(**others: object) -> str:
    """Write a letter with other parts."""
    parts: Json = json.loads(LETTER.to_json())
    return json.dumps(parts | others)


@given(letters)
def test_what_is_written_is_read(letter: DeadLetter) -> None:
    text = letter.to_json()
    assert read_letter(text) == letter
    assert text.isascii()
    assert "\n" not in text


@given(st.tuples(texts, texts, texts), st.tuples(texts, texts, texts))
def test_no_two_pairs_have_the_same_id(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    ids = [
        replace(LETTER, scope=scope, pair=Key(handler, identity)).id
        for scope, handler, identity in (one, other)
    ]
    assert (ids[0] == ids[1]) == (one == other)
    assert all(each.isascii() and each.isprintable() for each in ids)


def test_slashes_do_not_make_pairs_alike() -> None:
    ids = {
        replace(LETTER, scope=scope, pair=Key(handler, identity)).id
        for scope, handler, identity in [
            ("a/b", "c", "d"),
            ("a", "b/c", "d"),
            ("a", "b", "c/d"),
            ("a%2Fb", "c", "d"),
        ]
    }
    assert len(ids) == 4


def test_names_that_are_plain_stand_in_the_id_as_they_are() -> None:
    assert LETTER.id == "follow-cards/announce/id-1"
    assert replace(LETTER, pair=Key("", "id-1")).id == "follow-cards//id-1"


def test_a_letter_names_its_version_and_all_that_a_later_attempt_needs() -> None:
    assert json.loads(LETTER.to_json()) == {
        "version": 1,
        "id": "follow-cards/announce/id-1",
        "scope": "follow-cards",
        "handler": "announce",
        "identity": "id-1",
        "stream": STREAM,
        "reason": "Refused",
        "detail": "SlackError",
        "attempts": 3,
        "since": "2030-01-02T02:04:05.000678+00:00",
        "at": "2030-01-02T03:04:05.000678+00:00",
        "record": record(1),
    }


def test_times_are_read_as_utc() -> None:
    summer = timezone(timedelta(hours=2))
    letter = read_letter(replace(LETTER, at=NOW.astimezone(summer)).to_json())
    assert letter.at == NOW
    assert letter.at.tzinfo is UTC


def test_what_boto3_makes_of_a_record_is_written_as_lambda_would_have_sent_it() -> None:
    made: Json = {
        "dynamodb": {
            "ApproximateCreationDateTime": NOW,
            "Keys": {"id": {"B": b"\x00\xff"}, "parts": {"BS": [b"a", bytearray(b"b")]}},
        }
    }
    assert read_letter(replace(LETTER, record=made).to_json()).record == {
        "dynamodb": {
            "ApproximateCreationDateTime": NOW.timestamp(),
            "Keys": {"id": {"B": "AP8="}, "parts": {"BS": ["YQ==", "Yg=="]}},
        }
    }


def test_a_time_that_names_no_zone_is_utc_as_it_is_when_a_record_is_read() -> None:
    written = replace(LETTER, record={"ApproximateCreationDateTime": NOW.replace(tzinfo=None)}).to_json()
    assert read_letter(written).record == {"ApproximateCreationDateTime": NOW.timestamp()}


def test_sets_are_written_as_lists_and_what_no_stream_carries_by_its_type_alone() -> None:
    written = replace(LETTER, record=[frozenset({"a"}), {1}, object()]).to_json()
    assert read_letter(written).record == [["a"], [1], "<class 'object'>"]


@dataclass(frozen=True, slots=True)
class Photo:
    id: Annotated[bytes, PartitionKey]
    parts: frozenset[bytes]
    title: str


@dataclass(frozen=True, slots=True)
class PhotoKey:
    id: bytes


PHOTO = Photo(b"\x00\xff", frozenset({b"a", b"b"}), "söme títle")
photos = Table("photos", Photo)


@pytest.fixture(scope="module")
def photo_from_a_stream() -> Generator[object]:
    """Write an item to a table, and read its record with boto3's get_records."""
    with ministack.running() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", url)
        dynamodb, streams = boto3.client("dynamodb"), boto3.client("dynamodbstreams")
        arn = dynamodb.create_table(**photos.definition().create_table)["TableDescription"]["LatestStreamArn"]
        dynamodb.put_item(TableName="photos", Item=photos.unstructure(PHOTO))
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        start = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        (found,) = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
        yield found


def told(record: Record) -> list[object]:
    """List what a record says."""
    assert isinstance(record, StreamRecord)
    assert record.new_image is not None
    return [
        record.event_id,
        record.event_name,
        record.sequence_number,
        record.size_bytes,
        record.view_type,
        record.approximate_creation,
        photos.structure(record.new_image).unwrap(),
        photos.structure_keys(PhotoKey, record.keys).unwrap(),
    ]


def test_a_record_of_get_records_says_in_a_letter_what_it_said_before(photo_from_a_stream: object) -> None:
    letter = read_letter(replace(LETTER, record=photo_from_a_stream).to_json())
    before, after = read({"Records": [photo_from_a_stream, letter.record]})
    assert None not in told(before)
    assert told(after) == told(before)
    assert PHOTO in told(after)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected JSON"),
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("9" * 10_000, "expected JSON"),
        ("[]", "expected an object, got array"),
        ("null", "expected an object, got null"),
        ("{}", "expected a dead letter of version 1 or 2, got something else"),
        (
            '{"version": "1.0", "DDBStreamBatchInfo": {}}',
            "expected a dead letter of version 1 or 2, got something else",
        ),
        (with_(version=True), "expected a dead letter of version 1 or 2, got something else"),
        (with_(version=3), "expected a dead letter of version 1 or 2, got 3"),
    ],
    ids=[
        "nothing",
        "broken",
        "too deep",
        "too long a number",
        "list",
        "null",
        "no version",
        "a document of Lambda's",
        "version is no number",
        "later version",
    ],
)
def test_what_is_no_letter_is_refused(text: str, problem: str) -> None:
    with pytest.raises(NotADeadLetter) as refused:
        read_letter(text)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    "name", ["scope", "handler", "identity", "stream", "reason", "attempts", "at", "record"]
)
def test_a_letter_that_lacks_a_part_is_refused(name: str) -> None:
    with pytest.raises(NotADeadLetter, match="a part of the letter is missing, or is not what it should be"):
        read_letter(without(name))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("handler", 1),
        ("attempts", "3"),
        ("attempts", True),
        ("at", 1),
        ("at", "yesterday"),
        ("at", "2030-01-02T03:04:05"),
        ("at", "0001-01-01T00:00:00+23:59"),
    ],
    ids=str,
)
def test_a_part_that_is_not_what_it_should_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(NotADeadLetter, match="a part of the letter is missing, or is not what it should be"):
        read_letter(with_(**{name: value}))


@pytest.mark.parametrize("name", ["since", "detail", "id"])
def test_a_letter_can_do_without_the_rest(name: str) -> None:
    expected = {"since": replace(LETTER, since=None), "detail": replace(LETTER, detail=None), "id": LETTER}
    assert read_letter(without(name)) == expected[name]


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert read_letter(with_(more={"than": "this"})) == LETTER


def test_a_record_that_is_null_is_one() -> None:
    assert read_letter(replace(LETTER, record=None).to_json()).record is None


def test_neither_repr_nor_refusal_shows_data() -> None:
    secret = replace(LETTER, record=record(1, change={"NewImage": {"title": {"S": "hunter2"}}}))
    assert repr(secret) == "DeadLetter('follow-cards/announce/id-1', reason='Refused', attempts=3)"
    for text in (
        '{"version": "hunter2"}',
        '{"version": {"hunter2": 1}}',
        '"hunter2"',
        "hunter2",
        secret.to_json().replace('"attempts": 3', '"attempts": "hunter2"'),
    ):
        with pytest.raises(NotADeadLetter) as refused:
            read_letter(text)
        assert "hunter2" not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None
