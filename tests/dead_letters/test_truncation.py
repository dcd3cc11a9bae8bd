"""Letters that no store takes as they are: stored without their images, so that no shard waits for ever."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from returns.result import Failure, Result

from streamfn import ConfigurationError, InsertEvent, lambda_handler, on_insert, pipeline, retry
from streamfn.dead_letters import MemoryDeadLetters, S3DeadLetters, SqsDeadLetters, read_letter
from streamfn.dead_letters import _sqs as sqs_module
from streamfn.ledgers import Key, MemoryLedger
from tests.cards import STREAM, Card, Json, cards, record
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.letters import SECRET, cyclic, ids, letter, letter_of, no_end
from tests.dead_letters.queues import URL, Queue

LIMIT = 262_144


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_module, "sleep", list[float]().append)


def refuse(_: InsertEvent[Card]) -> Result[None, str]:
    return Failure("no")


def test_a_record_that_no_queue_takes_does_not_keep_its_shard_waiting() -> None:
    """There is no bucket for it, and it is larger than what a queue can be set to take."""
    queue = Queue()
    process = pipeline(cards, on_insert(refuse))
    handler = lambda_handler(
        process, retry(ledger=MemoryLedger(), dead_letters=SqsDeadLetters(URL, client=queue), scope="cards")
    )
    image: Json = {"id": {"S": "no number"}, "title": {"S": "-" * 1_100_000}}
    large = record(7, change={"NewImage": image})
    assert handler({"Records": [large, record(8, without="dynamodb")]}, None) == {"batchItemFailures": []}
    stored = [read_letter(entry["MessageBody"]) for batch in queue.batches for entry in batch]
    told = {each.reason: (each.is_truncated, each.pair, each.stream) for each in stored}
    assert told == {
        "Undecodable": (True, Key("refuse", "id-7"), STREAM),
        "Malformed": (False, Key("", "id-8"), STREAM),
    }


def test_a_truncated_letter_has_all_of_its_record_but_the_images() -> None:
    whole = letter(1)
    truncated = whole.truncated()
    expected: Json = json.loads(json.dumps(whole.record))
    change = expected["dynamodb"]
    assert isinstance(change, dict)
    del change["NewImage"]
    assert truncated == replace(whole, record=expected, is_truncated=True)
    assert truncated.id == whole.id
    assert SECRET not in truncated.to_json()


def test_the_last_resort_is_the_place_of_the_record() -> None:
    told = replace(letter(1), location="app.py:12", exception={"type": "E"}).truncated(2)
    assert told.record == {"eventID": "id-1", "eventSourceARN": STREAM, "dynamodb": {"SequenceNumber": "1"}}
    assert (told.location, told.exception, told.reason) == (None, None, "Refused")


def test_a_reader_that_knows_no_truncated_letters_refuses_them() -> None:
    """It reads version 1 alone, and would run a handler on a record without images."""
    told: Json = json.loads(letter(1).truncated().to_json())
    assert (told["version"], told["truncated"]) == (2, True)
    assert json.loads(letter(1).to_json())["version"] == 1
    assert read_letter(letter(1).truncated().to_json()) == letter(1).truncated()


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (None, {}),
        ([["deep"]], {}),
        ({"eventID": 1, "dynamodb": []}, {"eventID": 1}),
        ({"eventID": "x" * 1_001, "eventName": None}, {}),
        ({"dynamodb": {"Keys": {"id": {"S": "k" * 20_000}}, "SizeBytes": 1e300}}, {}),
        ({"dynamodb": {"Keys": {"id": {"B": b"\x00"}}}}, {"dynamodb": {"Keys": {"id": {"B": "AA=="}}}}),
        ({"dynamodb": {"Keys": {"id": object()}}}, {}),
        ({"dynamodb": {"Keys": "none"}}, {}),
    ],
)
def test_whatever_the_record_is_what_is_kept_is_json(raw: object, kept: object) -> None:
    truncated = replace(letter(1), record=raw).truncated()
    assert truncated.record == kept
    assert read_letter(truncated.to_json()) == truncated


def test_keys_that_nest_without_end_are_left_out() -> None:
    deep: object = "end"
    for _ in range(100_000):
        deep = [deep]
    assert replace(
        letter(1), record={"eventID": "1", "dynamodb": {"Keys": {"id": deep}}}
    ).truncated().record == {"eventID": "1"}


def test_every_store_takes_a_letter_whose_record_is_no_json() -> None:
    memory, bucket = MemoryDeadLetters(), Bucket()
    assert memory.send([cyclic()], no_end) == ids(cyclic())
    assert memory.letters == (cyclic().truncated(),)
    assert S3DeadLetters(NAME, client=bucket).send([cyclic()], no_end) == ids(cyclic())


def test_what_the_queue_itself_refuses_as_too_large_is_truncated() -> None:
    queue = Queue(takes=2_048)
    letters = [letter(1), letter_of(2_049, 2), letter(3)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert queue.last == letters[1].truncated()


def test_without_a_bucket_a_large_letter_is_first_tried_as_it_is() -> None:
    queue, large = Queue(), letter_of(1_048_576, 1)
    assert SqsDeadLetters(URL, client=queue).send([large, letter(2)], no_end) == ids(large, letter(2))
    assert read_letter(queue.batches[0][0]["MessageBody"]) == large


def test_where_not_even_the_keys_fit_the_place_is_stored() -> None:
    with_exception = replace(letter_of(3_000, 1), exception={"type": "E", "frames": ["f"] * 400})
    queue = Queue(takes=1_024)
    assert SqsDeadLetters(URL, client=queue).send([with_exception], no_end) == ids(with_exception)
    assert queue.last == with_exception.truncated(2)


def test_keys_that_do_not_fit_what_the_queue_is_said_to_take_are_left_out() -> None:
    queue = Queue(1_024, 1_024)
    with_keys = replace(letter(1), record=record(1, change={"Keys": {"id": {"S": "k" * 1_000}}}))
    assert SqsDeadLetters(URL, client=queue, max_bytes=1_024).send([with_keys], no_end) == ids(with_keys)
    assert len(queue.batches) == 1
    assert queue.last == with_keys.truncated(2)


def test_where_nothing_fits_it_stays_a_failure_and_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(takes=100)
    assert SqsDeadLetters(URL, client=queue).send([letter(1)], no_end) == set()
    assert caplog.messages[-1] == (
        "dead letter follow-cards/announce/id-1 was not stored: the queue does not take it without its images either, "
        "so give SqsDeadLetters an overflow=S3DeadLetters(…), or the queue a larger MaximumMessageSize"
    )
    assert len(queue.batches) == 3


def test_what_the_queue_itself_refuses_as_too_large_goes_to_the_bucket() -> None:
    queue, bucket, large = Queue(takes=2_048), Bucket(), letter_of(2_049, 2)
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=bucket))
    assert place.send([letter(1), large], no_end) == ids(letter(1), large)
    assert bucket.objects == {"follow-cards/announce/id-2.json": large.to_json().encode()}
    assert json.loads(queue.batches[-1][0]["MessageBody"])["pointer"] == 1


def test_while_the_bucket_is_down_a_large_letter_stays_a_failure() -> None:
    """The bucket will be there again; the images would not."""
    key = "follow-cards/announce/id-1.json"
    down = ClientError({"Error": {"Code": "ServiceUnavailable", "Message": ""}}, "PutObject")
    queue = Queue()
    place = SqsDeadLetters(URL, client=queue, overflow=S3DeadLetters(NAME, client=Bucket({key: down})))
    with pytest.raises(ClientError):
        place.send([letter_of(LIMIT + 1, 1)], no_end)
    assert place.send([letter_of(LIMIT + 1, 1), letter(2)], no_end) == ids(letter(2))
    assert queue.sent == [[letter(2).id]]


def test_a_pointer_that_the_queue_refuses_stays_a_failure() -> None:
    place = SqsDeadLetters(URL, client=Queue(takes=100), overflow=S3DeadLetters(NAME, client=Bucket()))
    assert place.send([letter(1)], no_end) == set()


def code(name: str) -> ClientError:
    return ClientError({"Error": {"Code": name, "Message": SECRET}}, "SendMessageBatch")


def test_a_request_that_is_too_large_as_a_whole_is_sent_message_by_message() -> None:
    queue = Queue(answers=[code("AWS.SimpleQueueService.BatchRequestTooLong")])
    letters = [letter(1), letter(2), letter(3)]
    assert SqsDeadLetters(URL, client=queue).send(letters, no_end) == ids(*letters)
    assert queue.sent == [[each.id for each in letters], *([each.id] for each in letters)]


def test_a_message_that_is_a_request_too_large_is_truncated() -> None:
    queue = Queue(answers=[code("AWS.SimpleQueueService.BatchRequestTooLong")])
    assert SqsDeadLetters(URL, client=queue).send([letter(1)], no_end) == ids(letter(1))
    assert queue.last.is_truncated


@pytest.mark.parametrize(
    "name",
    [
        "AWS.SimpleQueueService.NonExistentQueue",
        "AccessDenied",
        "KMS.DisabledException",
        "ThrottlingException",
    ],
)
def test_what_settings_or_time_can_mend_costs_no_images(name: str) -> None:
    queue = Queue(answers=[code(name)])
    with pytest.raises(ClientError):
        SqsDeadLetters(URL, client=queue).send([letter(1)], no_end)
    assert len(queue.batches) == 1


def test_in_a_fifo_queue_what_is_smaller_stands_in_for_the_letter() -> None:
    queue = Queue(takes=2_048)
    SqsDeadLetters(f"{URL}.fifo", client=queue).send([letter_of(3_000, 1)], no_end)
    first, second = queue.batches
    assert queue.last.is_truncated
    assert first[0].get("MessageGroupId") == second[0].get("MessageGroupId") == "follow-cards/announce"


@pytest.mark.parametrize("prefix", ["x" * 298, "ä" * 149, "\ud800"], ids=["long", "long in UTF-8", "no text"])
def test_a_prefix_with_which_s3_would_refuse_each_letter_is_misuse(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        S3DeadLetters(NAME, prefix=prefix)


def test_with_the_longest_prefix_s3_takes_any_key() -> None:
    bucket = Bucket()
    place = S3DeadLetters(NAME, prefix="x" * 296, client=bucket)
    long = letter(1, scope="s" * 240, handler="h" * 240, identity="r" * 240)
    assert place.send([long], no_end) == ids(long)
    assert [len(key) for key in bucket.objects] == [1_024]
