"""Dead letters in a queue that answers over HTTP: sent, received, removed, and there again if they are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from examples.demo import ministack
from streamfn.dead_letters import (
    DeadLetter,
    DeadLetters,
    LetterSource,
    Received,
    S3DeadLetters,
    SqsDeadLetters,
    read_letter,
)
from streamfn.dead_letters import _sqs as sqs_module
from tests.dead_letters.letters import SECRET, ids, letter, letter_of, no_end

if TYPE_CHECKING:
    from boto3 import S3Client, SQSClient

pytestmark = pytest.mark.usefixtures("_no_poll")

LIMIT = 262_144
POLL = sqs_module.POLL  # before it is patched


@pytest.fixture
def _no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without waiting: the queue here has one server, and it misses no message."""
    monkeypatch.setattr(sqs_module, "POLL", 0)


def letters_in(received: Sequence[Received]) -> list[DeadLetter]:
    return sorted((read_letter(each.body) for each in received), key=lambda each: each.id)


def numbered(count: int) -> list[DeadLetter]:
    return sorted((letter(number) for number in range(count)), key=lambda each: each.id)


def test_letters_come_back_as_they_were(queue: str) -> None:
    place = SqsDeadLetters(queue)
    assert place.send(numbered(25), no_end) == ids(*numbered(25))
    assert letters_in(list(place.receive())) == numbered(25)


def test_an_empty_queue_gives_nothing(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes to an end although it polls."""
    monkeypatch.setattr(sqs_module, "POLL", POLL)
    assert list(SqsDeadLetters(queue).receive()) == []


def test_what_is_removed_is_gone_and_the_rest_becomes_visible_again(new_queue: Callable[..., str]) -> None:
    """The queue here makes messages visible again at once, so that each comes more than once in a run."""
    place = SqsDeadLetters(new_queue(VisibilityTimeout="0"))
    place.send(numbered(5), no_end)
    received = list(place.receive())
    assert letters_in(received) == numbered(5)
    for each in received:
        if read_letter(each.body) in (letter(1), letter(3)):
            each.remove()
    assert letters_in(list(place.receive())) == [letter(0), letter(2), letter(4)]


def test_what_is_received_is_hidden_from_other_readers(queue: str) -> None:
    place = SqsDeadLetters(queue)
    place.send(numbered(3), no_end)
    assert len(list(place.receive())) == 3
    assert list(SqsDeadLetters(queue).receive()) == []


def test_removing_while_receiving_empties_the_queue(queue: str, sqs: SQSClient) -> None:
    place = SqsDeadLetters(queue)
    place.send(numbered(25), no_end)
    for received in place.receive():
        received.remove()
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_message_shows_the_id_of_its_letter_and_no_data(queue: str, sqs: SQSClient) -> None:
    SqsDeadLetters(queue).send([letter(1)], no_end)
    (message,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"]).get("Messages", [])
    attributes = message.get("MessageAttributes", {})
    assert {name: value["StringValue"] for name, value in attributes.items()} == {"id": letter(1).id}
    assert SECRET in message["Body"]


def test_a_large_letter_lies_in_s3_until_it_is_removed(queue: str, bucket: str, s3: S3Client) -> None:
    large = letter_of(LIMIT + 1, 1)
    place = SqsDeadLetters(queue, overflow=S3DeadLetters(bucket, prefix="large"))
    assert place.send([large, letter(2)], no_end) == ids(large, letter(2))
    received = list(place.receive())
    assert letters_in(received) == [large, letter(2)]
    assert len(s3.list_objects_v2(Bucket=bucket).get("Contents", [])) == 1
    for each in received:
        each.remove()
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert list(place.receive()) == []


def test_of_two_large_letters_of_a_pair_the_second_leads_nowhere_once_the_first_is_removed(
    new_queue: Callable[..., str], bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """There are two if the function died before the ledger knew of the first."""
    large = letter_of(LIMIT + 1, 1)
    place = SqsDeadLetters(new_queue(VisibilityTimeout="0"), overflow=S3DeadLetters(bucket))
    place.send([large], no_end)
    place.send([large], no_end)
    first, _ = place.receive()
    first.remove()
    (left,) = place.receive()
    assert json.loads(left.body)["id"] == large.id
    assert f"s3://{bucket}/follow-cards/announce/id-1.json could not be read: NoSuchKey" in caplog.text
    left.remove()
    assert list(place.receive()) == []


def test_a_letter_as_large_as_a_queue_takes_is_taken(queue: str) -> None:
    place, largest = SqsDeadLetters(queue), letter_of(LIMIT, 1)
    assert place.send([largest, letter_of(1_048_577, 2)], no_end) == ids(largest, letter(2))
    assert letters_in(list(place.receive())) == [largest, letter_of(1_048_577, 2).truncated()]


def test_a_queue_that_takes_less_than_others_gets_the_letter_without_images_and_that_is_told(
    new_queue: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    place = SqsDeadLetters(new_queue(MaximumMessageSize="2048"))
    assert place.send([letter(1), letter_of(2_500, 2)], no_end) == ids(letter(1), letter(2))
    assert letters_in(list(place.receive())) == [letter(1), letter_of(2_500, 2).truncated()]
    assert "SQS did not take dead letter follow-cards/announce/id-2: InvalidParameterValue" in caplog.text


def test_a_fifo_queue_keeps_the_order_of_a_handlers_letters(new_queue: Callable[..., str]) -> None:
    place = SqsDeadLetters(new_queue(FifoQueue="true"))
    letters = [letter(number) for number in (3, 1, 2)]
    place.send(letters, no_end)
    place.send(letters, no_end)
    seen: list[DeadLetter] = []
    for received in place.receive():
        seen.append(read_letter(received.body))
        received.remove()
    assert seen == letters


def test_whatever_somebody_else_put_there_is_received(queue: str, sqs: SQSClient) -> None:
    document = '{"version": "1.0", "DDBStreamBatchInfo": {"shardId": "shardId-1"}}'
    sqs.send_message(QueueUrl=queue, MessageBody=document)
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Type": "Notification", "Message": document}))
    assert [received.body for received in SqsDeadLetters(queue).receive()] == [document, document]


def test_without_its_queue_it_raises(queue: str) -> None:
    place = SqsDeadLetters(f"{queue}-gone")
    with pytest.raises(ClientError, match="NonExistentQueue"):
        place.send([letter(1)], no_end)
    with pytest.raises(ClientError, match="NonExistentQueue"):
        list(place.receive())


def test_what_sqs_took_before_it_went_away_counts_as_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stack.enter_context(ministack.running()))
        client = boto3.client("sqs")
        place = SqsDeadLetters(client.create_queue(QueueName="letters")["QueueUrl"])
        client.close()

        def seconds_left() -> float:
            """Have SQS go away before the second batch."""
            calls.append(None)
            if len(calls) == 3:
                stack.close()
            return 60.0

        calls: list[None] = []
        assert place.send([letter(number) for number in range(20)], seconds_left) == ids(
            *map(letter, range(10))
        )
        with pytest.raises(BotoCoreError):
            place.send([letter(20)], no_end)
        with pytest.raises(BotoCoreError):
            list(place.receive())


def test_it_is_a_place_for_letters_and_a_source_of_them_and_shows_where_it_is() -> None:
    place: DeadLetters = SqsDeadLetters("https://sqs/letters")
    source: LetterSource = SqsDeadLetters("https://sqs/letters")
    assert repr(place) == repr(source) == "SqsDeadLetters('https://sqs/letters')"
