"""Dead letters in a bucket: stored one by one, under keys that tell them apart, and read back in their order."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from examples.demo import ministack
from streamfn._aws import ListObjectsOutput
from streamfn.dead_letters import DeadLetter, DeadLetters, LetterSource, S3DeadLetters, read_letter
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.letters import SECRET, cyclic, ids, letter, no_end, seconds

if TYPE_CHECKING:
    from boto3 import S3Client

names = st.text(st.characters(exclude_categories=[]))
AWKWARD = ["", ".", "..", "a/b", "a/", "~", "ä", "a b", "<lambda>", "a%2Fb", "(none)", "soap", "a" * 2_000]


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


class TwoAtATime:
    """boto3's client, but S3 lists no more than two keys at a time, and not a thousand."""

    def __init__(self, s3: S3Client) -> None:
        self.put_object = s3.put_object
        self.get_object = s3.get_object
        self.delete_object = s3.delete_object
        self._s3 = s3

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> ListObjectsOutput:
        if ContinuationToken:
            return self._s3.list_objects_v2(
                Bucket=Bucket, Prefix=Prefix, ContinuationToken=ContinuationToken, MaxKeys=2
            )
        return self._s3.list_objects_v2(Bucket=Bucket, Prefix=Prefix, MaxKeys=2)


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": SECRET}}, operation)


def test_a_letter_comes_back_as_it_was(bucket: str) -> None:
    place = S3DeadLetters(bucket, prefix="dead/")
    assert place.send([letter(1), letter(2)], no_end) == ids(letter(1), letter(2))
    assert [read_letter(received.body) for received in place.receive()] == [letter(1), letter(2)]


def test_an_object_is_json_under_a_key_that_names_the_pair(bucket: str, s3: S3Client) -> None:
    place = S3DeadLetters(bucket, prefix="dead")
    place.send([letter(1)], no_end)
    (key,) = keys(s3, bucket)
    assert key == place.key_of(letter(1)) == "dead/follow-cards/announce/id-1.json"
    stored = s3.get_object(Bucket=bucket, Key=key)
    assert stored["ContentType"] == "application/json"
    assert stored["Body"].read().decode() == letter(1).to_json()


def test_a_second_letter_of_a_pair_replaces_the_first(bucket: str) -> None:
    place = S3DeadLetters(bucket)
    place.send([letter(1, title="first")], no_end)
    place.send([letter(1, title="second")], no_end)
    assert [read_letter(received.body) for received in place.receive()] == [letter(1, title="second")]


def test_any_name_makes_a_key(bucket: str) -> None:
    """S3 takes it and gives the letter back under it."""
    place = S3DeadLetters(bucket, prefix="dead")
    awkward = [letter(handler=name, identity="id") for name in AWKWARD]
    awkward += [letter(scope=name, identity=name) for name in AWKWARD]
    assert place.send(awkward, no_end) == ids(*awkward)
    received = list(place.receive())
    assert {read_letter(each.body).id for each in received} == ids(*awkward)
    for each in received:
        each.remove()
    assert list(place.receive()) == []


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_no_two_pairs_have_the_same_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    made = [
        S3DeadLetters("letters", prefix="dead").key_of(
            letter(scope=scope, handler=handler, identity=identity)
        )
        for scope, handler, identity in (one, other)
    ]
    assert (made[0] == made[1]) == (one == other)


@given(names, names, names)
def test_a_key_has_nothing_that_troubles_a_reader_of_keys(scope: str, handler: str, identity: str) -> None:
    key = S3DeadLetters("letters", prefix="p" * 200).key_of(
        letter(scope=scope, handler=handler, identity=identity)
    )
    assert len(key) <= 1_024
    parts = key.split("/")
    assert len(parts) == 4
    assert all(part.isascii() and part.strip(".") and "~" not in part for part in parts)


def test_a_prefix_is_a_folder() -> None:
    assert S3DeadLetters("letters", prefix="dead").prefix == "dead/"
    assert S3DeadLetters("letters", prefix="dead/").prefix == "dead/"
    assert S3DeadLetters("letters").prefix == ""


def test_only_what_lies_in_the_folder_is_received(bucket: str) -> None:
    S3DeadLetters(bucket, prefix="dead-old").send([letter(1)], no_end)
    S3DeadLetters(bucket, prefix="dead").send([letter(2)], no_end)
    assert [read_letter(received.body) for received in S3DeadLetters(bucket, prefix="dead").receive()] == [
        letter(2)
    ]


def test_what_is_removed_is_gone_and_the_rest_stays(bucket: str) -> None:
    place = S3DeadLetters(bucket)
    place.send([letter(number) for number in (1, 2, 3)], no_end)
    next(received for received in place.receive() if read_letter(received.body) == letter(2)).remove()
    assert [read_letter(received.body) for received in place.receive()] == [letter(1), letter(3)]


def test_a_document_that_lambda_put_there_is_received_as_it_lies_there(bucket: str, s3: S3Client) -> None:
    key = "aws/lambda/uuid/shardId-1/2030/01/02/2030-01-02T03.04.05-uuid"
    s3.put_object(Bucket=bucket, Key=key, Body='{"version": "1.0", "payload": "ä"}'.encode())
    (received,) = S3DeadLetters(bucket, prefix="aws/lambda/uuid").receive()
    assert (received.name, received.body) == (key, '{"version": "1.0", "payload": "ä"}')


def test_what_is_no_text_does_not_become_json() -> None:
    bucket = Bucket(objects={"photo": b"\xff\xd8", "broken": b'{"version": "\xff"}'})
    bodies = [received.body for received in S3DeadLetters(NAME, client=bucket).receive()]
    assert bodies == [r'{"version": "\xff"}', r"\xff\xd8"]


def test_keys_are_received_page_by_page_in_their_order_whatever_is_removed_meanwhile() -> None:
    bucket = Bucket(page_size=2)
    place = S3DeadLetters(NAME, client=bucket)
    place.send([letter(number) for number in (5, 3, 1, 4, 2)], no_end)
    seen: list[str] = []
    for received in place.receive():
        seen.append(received.name)
        received.remove()
    assert seen == [f"follow-cards/announce/id-{number}.json" for number in (1, 2, 3, 4, 5)]
    assert bucket.objects == {}


def test_s3_goes_on_with_its_list_where_it_stopped(bucket: str, s3: S3Client) -> None:
    place = S3DeadLetters(bucket, client=TwoAtATime(s3))
    letters = [letter(number) for number in (1, 2, 3, 4, 5)]
    place.send(letters, no_end)
    seen: list[DeadLetter] = []
    for received in place.receive():
        seen.append(read_letter(received.body))
        received.remove()
    assert seen == letters
    assert list(place.receive()) == []


def test_one_that_cannot_be_stored_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket({"follow-cards/announce/id-2.json": denied("PutObject")})
    place = S3DeadLetters(NAME, client=bucket)
    letters = [letter(1), letter(2), cyclic(), letter(3)]
    assert place.send(letters, no_end) == ids(letter(1), cyclic(), letter(3))
    assert [(each.levelno, each.message) for each in caplog.records if each.name == "streamfn"] == [
        (logging.ERROR, "dead letter follow-cards/announce/id-2 was not stored: AccessDenied"),
    ]
    assert SECRET not in caplog.text


def test_where_none_can_be_stored_the_first_reason_is_raised() -> None:
    reason = denied("PutObject")
    bucket = Bucket(
        {
            "follow-cards/announce/id-1.json": reason,
            "follow-cards/announce/id-2.json": denied("PutObject"),
        }
    )
    with pytest.raises(ClientError) as raised:
        S3DeadLetters(NAME, client=bucket).send([letter(1), letter(2)], no_end)
    assert raised.value is reason


def test_nothing_is_begun_once_time_is_up() -> None:
    bucket = Bucket()
    place = S3DeadLetters(NAME, client=bucket)
    assert place.send([letter(1), letter(2), letter(3)], seconds(2.0, 1.0)) == ids(letter(1), letter(2))
    assert len(bucket.objects) == 2
    assert place.send([letter(3)], seconds()) == set()


def test_no_letters_are_no_call() -> None:
    assert S3DeadLetters(NAME).send([], no_end) == set()


def test_an_object_that_s3_does_not_hand_over_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket = Bucket(objects={"a": b"{}", "b": b"{}"}, failing={"a": denied("GetObject")})
    assert [received.name for received in S3DeadLetters(NAME, client=bucket).receive()] == ["b"]
    assert [each.message for each in caplog.records] == ["s3://letters/a could not be read: AccessDenied"]


def test_an_object_that_is_deleted_meanwhile_is_left_out(bucket: str, s3: S3Client) -> None:
    place = S3DeadLetters(bucket)
    place.send([letter(1), letter(2)], no_end)
    receiving = place.receive()
    next(receiving)
    s3.delete_object(Bucket=bucket, Key=place.key_of(letter(2)))
    assert list(receiving) == []


def test_what_is_no_answer_of_s3_ends_the_reading() -> None:
    bucket = Bucket(objects={"a": b"{}"}, failing={"a": ConnectionResetError()})
    with pytest.raises(ConnectionResetError):
        list(S3DeadLetters(NAME, client=bucket).receive())


@pytest.mark.usefixtures("aws")
def test_without_its_bucket_it_raises() -> None:
    place = S3DeadLetters("no-such-bucket")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        place.send([letter(1)], no_end)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(place.receive())


def test_what_s3_took_before_it_went_away_counts_as_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(ministack.running())
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client = boto3.client("s3")
        client.create_bucket(Bucket=NAME)
        client.close()
        place = S3DeadLetters(NAME)

        def seconds_left() -> float:
            """Have S3 go away before the second letter."""
            calls.append(None)
            if len(calls) == 2:
                stack.close()
            return 60.0

        calls: list[None] = []
        assert place.send([letter(1), letter(2)], seconds_left) == ids(letter(1))
        with pytest.raises(BotoCoreError):
            place.send([letter(3)], no_end)
        with pytest.raises(BotoCoreError):
            list(place.receive())


def test_it_is_a_place_for_letters_and_a_source_of_them_and_shows_where_it_is() -> None:
    place: DeadLetters = S3DeadLetters("letters", prefix="dead")
    source: LetterSource = S3DeadLetters("letters")
    assert repr(place) == "S3DeadLetters('letters', prefix='dead/')"
    assert repr(source) == "S3DeadLetters('letters', prefix='')"


def test_repr_of_what_was_received_shows_no_data() -> None:
    place = S3DeadLetters(NAME, client=Bucket())
    place.send([letter(1)], no_end)
    (received,) = place.receive()
    assert SECRET in received.body
    assert repr(received) == "Received('follow-cards/announce/id-1.json')"
