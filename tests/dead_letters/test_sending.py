"""Letters on their way into a queue: how they are put together, and what becomes of what SQS does not take."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from streamfn import ConfigurationError
from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters, read_letter
from streamfn.dead_letters import _sqs as sqs_module
from tests.cards import STREAM
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.letters import NOW, SECRET, cyclic, ids, letter, letter_of, no_end, seconds
from tests.dead_letters.queues import URL, Queue, size

KIB = 1_024
LIMIT = 256 * KIB


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing, and list how long one would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(sqs_module, "sleep", waited.append)
    return waited


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        each.message for each in caplog.records if (each.name, each.levelno) == ("streamfn", logging.ERROR)
    ]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        each.message for each in caplog.records if (each.name, each.levelno) == ("streamfn", logging.WARNING)
    ]


def down() -> ClientError:
    return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": SECRET}}, "SendMessageBatch")


def test_25_letters_are_three_batches_in_their_order() -> None:
    queue, letters = Queue(), [letter(number) for number in range(25)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert queue.sent == [[each.id for each in letters[start : start + 10]] for start in (0, 10, 20)]


@pytest.mark.parametrize("most", [1_024, 262_144, 1_048_576])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_letter_may_be_as_large_as_the_queue_takes_and_no_byte_larger(
    most: int, more: int, caplog: pytest.LogCaptureFixture
) -> None:
    queue, large = Queue(most, most), letter_of(most + more, 1)
    small = letter_of(1_000, 2)
    stored = SqsDeadLetters(URL, client=queue, max_bytes=most).send([large, small], no_end)
    assert stored == ids(large, small)
    carried = read_letter(queue.batches[0][0]["MessageBody"])
    if more <= 0:
        assert size(queue.batches[0][0]) == most + more
        assert carried == large
        assert not caplog.records
    else:
        assert carried == large.truncated()
        (warning,) = warnings(caplog)
        assert warning == (
            "dead letter follow-cards/announce/id-1 was stored without the images of its record, which the queue does "
            f"not take: redrive it while the stream remembers the record, for 24 hours (stream {STREAM}, sequence "
            "number 1), and give SqsDeadLetters an overflow=S3DeadLetters(…) for such"
        )


def test_two_letters_of_200_kb_never_go_together() -> None:
    queue = Queue()
    letters = [letter_of(200 * KIB, 1), letter_of(200 * KIB, 2), letter(3)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert queue.sent == [[letters[0].id], [letters[1].id, letters[2].id]]


@pytest.mark.parametrize(("more", "batches"), [(0, 1), (1, 2)])
def test_the_limit_is_one_of_the_sum(more: int, batches: int) -> None:
    queue, letters = Queue(), [letter_of(LIMIT // 2, 1), letter_of(LIMIT // 2 + more, 2)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert len(queue.batches) == batches


def test_what_is_not_ascii_is_counted_as_it_is_sent() -> None:
    """Escaped, an emoji has 12 bytes and a ü 6; the queue here counts for itself."""
    queue, letters = Queue(), [letter(number, title="🂡ü" * 14_000, handler="erzähle") for number in (1, 2)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert len(queue.batches) == 2


@pytest.mark.parametrize("most", [0, 1_023, 1_048_577])
def test_a_limit_that_no_queue_has_is_misuse(most: int) -> None:
    with pytest.raises(
        ConfigurationError, match=f"from 1,024 to 1,048,576 bytes: max_bytes={most} is not among them"
    ):
        SqsDeadLetters(URL, max_bytes=most)


def test_what_sqs_refuses_for_good_is_not_stored_and_not_sent_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = Queue(answers=[{letter(2).id: True}])
    stored = SqsDeadLetters(URL, client=queue).send([letter(1), letter(2), letter(3)], no_end)
    assert stored == ids(letter(1), letter(3))
    assert len(queue.batches) == 1
    assert errors(caplog) == ["SQS did not take dead letter follow-cards/announce/id-2: NoReason"]
    assert SECRET not in caplog.text


def test_what_sqs_itself_failed_on_is_sent_again_and_alone(pauses: list[float]) -> None:
    queue = Queue(
        answers=[{letter(1).id: False, letter(2).id: False, letter(3).id: True}, {letter(1).id: False}]
    )
    letters = [letter(number) for number in (1, 2, 3, 4)]
    stored = SqsDeadLetters(URL, client=queue).send(letters, no_end)
    assert stored == ids(letter(1), letter(2), letter(4))
    assert [sorted(batch) for batch in queue.sent] == [
        [each.id for each in letters],
        [letter(1).id, letter(2).id],
        [letter(1).id],
    ]
    assert pauses == sorted(pauses)
    assert 0 < sum(pauses) < 1


def test_after_three_times_it_stays_a_failure() -> None:
    queue = Queue(answers=[{letter(1).id: False}] * 4)
    assert SqsDeadLetters(URL, client=queue).send([letter(1), letter(2)], no_end) == ids(letter(2))
    assert len(queue.batches) == 3


def test_where_all_are_refused_nothing_is_raised() -> None:
    queue = Queue(answers=[{letter(1).id: True}])
    assert SqsDeadLetters(URL, client=queue).send([letter(1)], no_end) == set()


def test_once_time_is_up_nothing_is_begun() -> None:
    queue, letters = Queue(), [letter(number) for number in range(25)]
    place = SqsDeadLetters(URL, client=queue)
    assert place.send(letters, seconds()) == set()
    assert queue.batches == []
    assert place.send(letters, seconds(3, 2, 1)) == ids(*letters[:20])
    assert len(queue.batches) == 2


def test_without_time_for_the_pause_nothing_is_sent_again(pauses: list[float]) -> None:
    queue = Queue(answers=[{letter(1).id: False}])
    assert SqsDeadLetters(URL, client=queue).send([letter(1)], seconds(3, 2, 0.05)) == set()
    assert len(queue.batches) == 1
    assert pauses == [0]


def test_a_batch_that_fails_keeps_no_other_from_being_stored(caplog: pytest.LogCaptureFixture) -> None:
    queue, letters = Queue(answers=[{}, down()]), [letter(number) for number in range(30)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters[:10], *letters[20:])
    assert errors(caplog) == [
        f"dead letter follow-cards/announce/id-{number} was not stored: ServiceUnavailable"
        for number in range(10, 20)
    ]
    assert SECRET not in caplog.text


def test_what_was_stored_before_sqs_went_away_counts() -> None:
    queue = Queue(answers=[{letter(1).id: False}, ConnectionResetError()])
    assert SqsDeadLetters(URL, client=queue).send([letter(1), letter(2)], no_end) == ids(letter(2))


def test_where_all_batches_fail_the_first_reason_is_raised() -> None:
    reason = down()
    queue = Queue(answers=[reason, ConnectionResetError()])
    with pytest.raises(ClientError) as raised:
        SqsDeadLetters(URL, client=queue).send([letter(number) for number in range(20)], no_end)
    assert raised.value is reason


def test_a_record_that_no_json_can_be_made_of_is_stored_without_its_images() -> None:
    queue = Queue()
    assert SqsDeadLetters(URL, client=queue).send([cyclic(), letter(1)], no_end) == ids(cyclic(), letter(1))
    assert read_letter(queue.batches[0][0]["MessageBody"]) == cyclic().truncated()


def test_no_letters_are_no_call() -> None:
    queue = Queue()
    assert SqsDeadLetters(URL, client=queue).send([], no_end) == set()
    assert queue.batches == []


def test_attributes_carry_the_id_and_bodies_the_letter() -> None:
    queue = Queue()
    SqsDeadLetters(URL, client=queue).send([letter(1)], no_end)
    assert queue.batches == [
        [
            {
                "Id": "0",
                "MessageBody": letter(1).to_json(),
                "MessageAttributes": {"id": {"DataType": "String", "StringValue": letter(1).id}},
            }
        ]
    ]


def groups(queue: Queue) -> list[str]:
    return [entry.get("MessageGroupId", "") for batch in queue.batches for entry in batch]


def digests(queue: Queue) -> list[str]:
    return [entry.get("MessageDeduplicationId", "") for batch in queue.batches for entry in batch]


def test_in_a_fifo_queue_the_letters_of_a_handler_are_a_group() -> None:
    queue = Queue()
    letters = [letter(1), letter(2), letter(1, handler="back_up"), letter(1, scope="other")]
    SqsDeadLetters(f"{URL}.fifo", client=queue).send(letters, no_end)
    assert groups(queue) == [
        "follow-cards/announce",
        "follow-cards/announce",
        "follow-cards/back_up",
        "other/announce",
    ]


@pytest.mark.parametrize("name", ["", "a b", "ä" * 100, "x" * 1_000, "\ud800"])
def test_whatever_a_handler_is_called_sqs_takes_its_group(name: str) -> None:
    queue = Queue()
    SqsDeadLetters(f"{URL}.fifo", client=queue).send(
        [letter(handler=name), letter(handler=f"{name}2")], no_end
    )
    one, other = groups(queue)
    assert one != other
    for text in (one, other, *digests(queue)):
        assert 1 <= len(text) <= 128
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text


def test_in_a_fifo_queue_the_same_letter_is_kept_once_and_a_new_one_beside_it() -> None:
    queue = Queue(answers=[{letter(1).id: False}])
    place = SqsDeadLetters(f"{URL}.fifo", client=queue)
    place.send([letter(1)], no_end)
    place.send([letter(1, at=NOW + timedelta(seconds=1)), letter(2)], no_end)
    first, again, anew, other = digests(queue)
    assert first == again
    assert len({first, anew, other}) == 3


def test_a_large_letter_goes_to_s3_and_a_pointer_takes_its_place_in_the_queue() -> None:
    queue, bucket = Queue(), Bucket()
    letters = [letter(1), letter_of(LIMIT + 1, 2), letter(3)]
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, prefix="large", client=bucket))
    assert place.send(letters, no_end) == ids(*letters)
    assert queue.sent == [[each.id for each in letters]]
    assert queue.batches[0][1]["MessageBody"] == (
        '{"pointer": 1, "id": "follow-cards/announce/id-2", "bucket": "letters", '
        '"key": "large/follow-cards/announce/id-2.json"}'
    )
    assert bucket.objects == {"large/follow-cards/announce/id-2.json": letters[1].to_json().encode()}


def test_without_s3_what_is_not_large_is_stored_all_the_same() -> None:
    """And where nothing is, it says why."""
    failing = {f"follow-cards/announce/id-{number}.json": down() for number in (1, 2)}
    overflow = S3DeadLetters(NAME, client=Bucket(failing))
    place = SqsDeadLetters(URL, client=Queue(), overflow=overflow)
    assert place.send([letter_of(LIMIT + 1, 1), letter_of(LIMIT + 1, 2), letter(3)], no_end) == ids(letter(3))
    assert place.send([letter_of(LIMIT + 1, 1), letter_of(LIMIT + 1, 3)], no_end) == ids(letter(3))
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        place.send([letter_of(LIMIT + 1, 1)], no_end)


def test_a_letter_is_stored_only_once_its_pointer_is() -> None:
    queue = Queue(answers=[{letter(1).id: True}])
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=Bucket()))
    assert place.send([letter_of(LIMIT + 1, 1)], no_end) == set()


class Made:
    """Stands in for boto3's `client`: it gives one queue, and counts how often it is asked."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.names: list[str] = []

    def __call__(self, service_name: str, *, config: object) -> Queue:
        assert config is not None
        self.names.append(service_name)
        return self.queue


def test_a_client_is_made_on_first_use_and_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier, queue = Barrier(4), Queue()
    made = Made(queue)
    monkeypatch.setattr(boto3, "client", made)
    place = SqsDeadLetters(URL)
    assert made.names == []

    def send(number: int) -> set[str]:
        barrier.wait()
        return place.send([letter(number)], no_end)

    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(send, range(4))) == ids(*map(letter, range(4)))
    assert made.names == ["sqs"]
    assert len(queue.batches) == 4


def test_where_no_client_can_be_made_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(BotoCoreError, match="You must specify a region"):
        SqsDeadLetters(URL).send([letter(1)], no_end)
