"""Letters on their way back from a queue, out of whatever envelope they lie in, and from wherever they lie."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from typing_extensions import override

from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters, read_letter
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.letters import SECRET, letter
from tests.dead_letters.queues import URL, Queue, message

KEY = "large/follow-cards/announce/id-1.json"


def pointer(*, version: object = 1, bucket: object = NAME, key: object = KEY) -> str:
    return json.dumps({"pointer": version, "id": letter(1).id, "bucket": bucket, "key": key})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if (each.name, each.levelname) == ("streamfn", "WARNING")]


def test_messages_are_received_until_none_comes() -> None:
    queue = Queue(pages=[[message("a", "1"), message("b", "2")], [message("c", "3")]])
    received = list(SqsDeadLetters(URL, client=queue).receive())
    assert [(each.name, each.body) for each in received] == [("a", "1"), ("b", "2"), ("c", "3")]
    assert queue.deleted == []


def test_a_message_that_comes_again_is_given_once_and_ends_it_where_nothing_else_comes() -> None:
    """A short visibility timeout brings them back for ever."""
    again = [message("a", "1"), message("a", "1")]
    queue = Queue(pages=[again, [*again, message("b", "2")], again, [message("c", "3")]])
    assert [each.name for each in SqsDeadLetters(URL, client=queue).receive()] == ["a", "b"]


def test_a_message_is_removed_by_the_receipt_of_the_last_time_that_it_came() -> None:
    """SQS takes an older one, too, and may not remove it."""
    queue = Queue(pages=[[message("a", "1", "old"), message("b", "2")], [message("a", "1", "new")]])
    first, _ = SqsDeadLetters(URL, client=queue).receive()
    first.remove()
    assert queue.deleted == ["new"]


def test_what_sns_passed_on_is_taken_out_of_its_envelope() -> None:
    envelope = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:…", "Message": letter(1).to_json()}
    queue = Queue(pages=[[message("a", json.dumps(envelope))]])
    (received,) = SqsDeadLetters(URL, client=queue).receive()
    assert read_letter(received.body) == letter(1)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        "[]",
        "[" * 100_000,
        '{"version": "1.0", "DDBStreamBatchInfo": {}}',
        '{"Type": "SubscriptionConfirmation", "Message": "…"}',
        '{"Type": "Notification", "Message": {}}',
        pointer(version=2),
        pointer(bucket=None),
        pointer(key=1),
    ],
    ids=[
        "nothing",
        "text",
        "list",
        "too deep",
        "a document of Lambda's",
        "another envelope",
        "an envelope of something else",
        "a later pointer",
        "a pointer without bucket",
        "a pointer without key",
    ],
)
def test_whatever_else_lies_there_is_received_as_it_is(body: str) -> None:
    queue = Queue(pages=[[message("a", body)]])
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=Bucket()))
    (received,) = place.receive()
    assert received.body == body
    received.remove()
    assert queue.deleted == ["receipt of a"]


def test_a_pointer_is_followed_through_the_envelope_of_sns() -> None:
    envelope = json.dumps({"Type": "Notification", "Message": pointer()})
    queue, bucket = (
        Queue(pages=[[message("a", envelope)]]),
        Bucket(objects={KEY: letter(1).to_json().encode()}),
    )
    overflow = S3DeadLetters(NAME, prefix="large", client=bucket)
    (received,) = SqsDeadLetters(URL, client=queue, overflow=overflow).receive()
    assert (received.name, read_letter(received.body)) == ("a", letter(1))
    received.remove()
    assert (queue.deleted, bucket.objects) == (["receipt of a"], {})


@pytest.mark.parametrize(
    "overflow",
    [
        None,
        S3DeadLetters("another", prefix="large", client=Bucket()),
        S3DeadLetters(NAME, prefix="larger", client=Bucket()),
        S3DeadLetters(NAME, prefix="large/follow-cards/ann", client=Bucket()),
    ],
    ids=["none", "another bucket", "another folder", "a part of the folder's name"],
)
def test_a_pointer_to_elsewhere_is_not_followed(
    overflow: S3DeadLetters | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever may send to the queue could otherwise have any object read and removed."""
    queue = Queue(pages=[[message("a", pointer()), message("b", letter(2).to_json())]])
    first, second = SqsDeadLetters(URL, client=queue, overflow=overflow).receive()
    assert first.body == pointer()
    assert read_letter(second.body) == letter(2)
    assert warnings(caplog) == [
        f"dead letter '{letter(1).id}' lies in 's3://letters/{KEY}', which SqsDeadLetters was not given as its overflow"
    ]


def test_a_pointer_to_what_s3_does_not_hand_over_is_received_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = ClientError({"Error": {"Code": "NoSuchKey", "Message": SECRET}}, "GetObject")
    queue, bucket = Queue(pages=[[message("a", pointer())]]), Bucket({KEY: gone})
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=bucket))
    (received,) = place.receive()
    assert received.body == pointer()
    assert warnings(caplog) == [f"s3://letters/{KEY} could not be read: NoSuchKey"]
    assert SECRET not in caplog.text


def test_an_object_stays_as_long_as_its_message_does() -> None:
    """Otherwise a pointer to nothing might be left, and no letter."""

    class Undeletable(Queue):
        @override
        def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
            super().delete_message(QueueUrl=QueueUrl, ReceiptHandle=ReceiptHandle)
            raise ConnectionResetError

    queue = Undeletable(pages=[[message("a", pointer())]])
    bucket = Bucket(objects={KEY: letter(1).to_json().encode()})
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=bucket))
    (received,) = place.receive()
    with pytest.raises(ConnectionResetError):
        received.remove()
    assert list(bucket.objects) == [KEY]
