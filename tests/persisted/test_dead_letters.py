"""Dead letters are written exactly so, and read exactly so: they lie in queues for 14 days, and in buckets for longer.

Users keep them until a handler is mended, so that a later version redrives what an earlier one wrote. They find letters
by the attribute of a message and by the key of an object, and read the JSON with tools of their own.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from returns.result import Result, Success

from streamfn import InsertEvent, on_insert, pipeline
from streamfn.dead_letters import DeadLetter, S3DeadLetters, SqsDeadLetters, read_letter
from streamfn.ledgers import Entry, Key, MemoryLedger, SequenceRange
from streamfn.redrive import redrive
from tests.cards import Card, cards
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.queues import URL, Queue, message

ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
KEY: Final = b"0123456789abcdef"
RECORD: Final = {
    "eventID": "id-1",
    "eventName": "INSERT",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "eu-west-1",
    "eventSourceARN": ARN,
    "dynamodb": {
        "ApproximateCreationDateTime": 1700000000.5,
        "Keys": {"id": {"N": "1"}, "title": {"S": "héllo"}},
        "NewImage": {"id": {"N": "1"}, "title": {"S": "héllo"}, "seal": {"B": "AP8="}},
        "SequenceNumber": "100",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}
LETTER: Final = DeadLetter(
    scope="follow-cards",
    pair=Key("announce", "id-1"),
    stream=ARN,
    record=RECORD,
    reason="Raised",
    detail="ValueError",
    attempts=5,
    since=datetime(2030, 1, 2, 2, 4, 5, 678, tzinfo=UTC),
    at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    location="app.py:12 in announce",
    exception={"type": "ValueError", "frames": ["app.py:12 in announce"]},
)

HEAD: Final = (
    '"id": "follow-cards/announce/id-1", "scope": "follow-cards", "handler": "announce", "identity": "id-1", '
    '"stream": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000", '
    '"reason": "Raised", "detail": "ValueError", "attempts": 5, '
    '"since": "2030-01-02T02:04:05.000678+00:00", "at": "2030-01-02T03:04:05+00:00", '
)
PLACES: Final = (
    '"location": "app.py:12 in announce", '
    '"exception": {"type": "ValueError", "frames": ["app.py:12 in announce"]}, '
)
WHOLE: Final = (
    '"record": {"eventID": "id-1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", '
    '"awsRegion": "eu-west-1", '
    '"eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000", '
    '"dynamodb": {"ApproximateCreationDateTime": 1700000000.5, '
    '"Keys": {"id": {"N": "1"}, "title": {"S": "h\\u00e9llo"}}, '
    '"NewImage": {"id": {"N": "1"}, "title": {"S": "h\\u00e9llo"}, "seal": {"B": "AP8="}}, '
    '"SequenceNumber": "100", "SizeBytes": 26, "StreamViewType": "NEW_AND_OLD_IMAGES"}}'
)
TEXT: Final = '{"version": 1, ' + HEAD + PLACES + WHOLE + "}"
SIGNED: Final = (
    '{"version": 1, ' + HEAD + PLACES + WHOLE + ', "signature": '
    '"c1701004d34c82479897659250555b4baaf73491d32ee74de02aaee3e42d0599"}'
)
WITHOUT_IMAGES: Final = (
    '{"version": 2, ' + HEAD + PLACES + '"truncated": true, "record": {"eventID": "id-1", '
    '"eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000", '
    '"eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1", '
    '"dynamodb": {"SequenceNumber": "100", "ApproximateCreationDateTime": 1700000000.5, "SizeBytes": 26, '
    '"StreamViewType": "NEW_AND_OLD_IMAGES", "Keys": {"id": {"N": "1"}, "title": {"S": "h\\u00e9llo"}}}}}'
)
WITHOUT_KEYS: Final = (
    '{"version": 2, ' + HEAD + '"truncated": true, "record": {"eventID": "id-1", '
    '"eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000", '
    '"dynamodb": {"SequenceNumber": "100"}}}'
)
DIGEST: Final = "bd508444d80d130c1f3846aeb136fbe631867c20d89157331ad83343aa24faa9"
POINTER: Final = (
    '{"pointer": 1, "id": "follow-cards/announce/id-1", "bucket": "letters", '
    '"key": "large/follow-cards/announce/id-1.json"}'
)
ATTRIBUTES: Final = {"id": {"DataType": "String", "StringValue": "follow-cards/announce/id-1"}}


def seconds_left() -> float:
    return 60.0


def test_a_letter_is_written_so() -> None:
    assert LETTER.id == "follow-cards/announce/id-1"
    assert LETTER.to_json() == TEXT


def test_a_truncated_letter_is_written_so() -> None:
    """Without the images of its record, and with less still where that does not fit."""
    assert LETTER.truncated().to_json() == WITHOUT_IMAGES
    assert LETTER.truncated(2).to_json() == WITHOUT_KEYS


def test_a_letter_is_read() -> None:
    assert read_letter(TEXT) == read_letter(SIGNED) == LETTER


def test_a_letter_of_an_earlier_release_is_read() -> None:
    """It has no places in code, and a pair that failed once has no `since`."""
    earlier = TEXT.replace(PLACES, "").replace('"2030-01-02T02:04:05.000678+00:00"', "null")
    assert read_letter(earlier) == replace(LETTER, location=None, exception=None, since=None)


def test_a_truncated_letter_is_read() -> None:
    for text in (WITHOUT_IMAGES, WITHOUT_KEYS):
        letter = read_letter(text)
        assert letter.is_truncated
        assert (letter.id, letter.reason, letter.attempts) == (LETTER.id, "Raised", 5)
        assert letter.record == json.loads(text)["record"]


def test_the_digest_of_a_letter_is_the_one_in_ledgers() -> None:
    """A ledger keeps it for 48 hours, and a redrive runs no letter with another one."""
    assert LETTER.digest == read_letter(TEXT).digest == DIGEST


@pytest.mark.parametrize(
    ("scope", "handler", "record", "id_", "key"),
    [
        ("cards", "announce", "a/b c", "cards/announce/a%2Fb%20c", "cards/announce/a%2Fb%20c.json"),
        ("cards", "", "~é", "cards//~%C3%A9", "cards/(none)/%7E%C3%A9.json"),
        ("..", "tell", "x", "../tell/x", "%2E%2E/tell/x.json"),
        (
            "cards",
            "tell",
            "x" * 241,
            f"cards/tell/{'x' * 241}",
            "cards/tell/(sha256-7dbf05774ebc8b0213e8f74d789e344714ca95a03e019d92c8d48365045b7989).json",
        ),
    ],
)
def test_a_letter_has_this_id_and_this_key(scope: str, handler: str, record: str, id_: str, key: str) -> None:
    """A second letter of a pair replaces the first one, by whichever version it is written."""
    letter = replace(LETTER, scope=scope, pair=Key(handler, record))
    bucket = Bucket()
    assert S3DeadLetters(NAME, prefix="cards", client=bucket).send([letter], seconds_left) == {id_}
    assert list(bucket.objects) == [f"cards/{key}"]


def test_an_object_is_put_so() -> None:
    bucket = Bucket()
    S3DeadLetters(NAME, client=bucket).send([LETTER], seconds_left)
    assert bucket.objects == {"follow-cards/announce/id-1.json": TEXT.encode()}


def test_a_signed_letter_is_put_so() -> None:
    bucket = Bucket()
    S3DeadLetters(NAME, keys=KEY, client=bucket).send([LETTER], seconds_left)
    assert bucket.objects == {"follow-cards/announce/id-1.json": SIGNED.encode()}


def test_a_message_is_sent_so() -> None:
    queue = Queue()
    SqsDeadLetters(URL, client=queue).send([LETTER], seconds_left)
    assert queue.batches == [[{"Id": "0", "MessageBody": TEXT, "MessageAttributes": ATTRIBUTES}]]


def test_a_message_to_a_fifo_queue_is_sent_so() -> None:
    """Its group decides what it waits for, and its digest what is taken for the same message."""
    queue = Queue()
    SqsDeadLetters(f"{URL}.fifo", client=queue).send([LETTER], seconds_left)
    assert queue.batches == [
        [
            {
                "Id": "0",
                "MessageBody": TEXT,
                "MessageAttributes": ATTRIBUTES,
                "MessageGroupId": "follow-cards/announce",
                "MessageDeduplicationId": "f585deb3b0ce3c7e9b5f91cdeb12b38be5b54e6eef3de7ad0e8bcb38b588e0a9",
            }
        ]
    ]


def test_a_letter_that_is_too_large_lies_in_the_bucket_and_a_pointer_in_the_queue() -> None:
    queue, bucket = Queue(), Bucket()
    overflow = S3DeadLetters(NAME, prefix="large", client=bucket)
    SqsDeadLetters(URL, overflow=overflow, max_bytes=1_024, keys=KEY, client=queue).send(
        [LETTER], seconds_left
    )
    assert len(SIGNED) > 1_024
    assert queue.batches == [[{"Id": "0", "MessageBody": POINTER, "MessageAttributes": ATTRIBUTES}]]
    assert bucket.objects == {"large/follow-cards/announce/id-1.json": SIGNED.encode()}


@pytest.mark.parametrize("body", [WITHOUT_IMAGES, WITHOUT_KEYS], ids=["no images", "no keys"])
def test_without_a_bucket_a_truncated_letter_stands_in_for_it(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And these lines of the log tell of it."""
    queue = Queue(takes=len(body) + len("idString" + LETTER.id))
    SqsDeadLetters(URL, client=queue).send([LETTER], seconds_left)
    assert queue.batches[-1] == [{"Id": "0", "MessageBody": body, "MessageAttributes": ATTRIBUTES}]
    refused = "SQS did not take dead letter follow-cards/announce/id-1: InvalidParameterValue"
    stored = (
        "dead letter follow-cards/announce/id-1 was stored without the images of its record, which the queue does not "
        "take: redrive it while the stream remembers the record, for 24 hours (stream "
        f"{ARN}, sequence number 100), and give SqsDeadLetters an overflow=S3DeadLetters(…) for such"
    )
    assert caplog.record_tuples[0] == ("streamfn", logging.ERROR, refused)
    assert caplog.record_tuples[-1] == ("streamfn", logging.WARNING, stored)


class Announcing:
    """A handler that keeps the cards that it gets."""

    def __init__(self) -> None:
        """Begin with none."""
        self.titles: list[str] = []

    def announce(self, event: InsertEvent[Card]) -> Result[None, None]:
        """Keep a card's title."""
        self.titles.append(event.new_image.title)
        return Success(None)


ENVELOPE: Final = json.dumps({"Type": "Notification", "MessageId": "1", "Message": TEXT})
"""The message that SNS makes of a letter's."""


@pytest.mark.parametrize(
    ("body", "keys"),
    [(TEXT, None), (SIGNED, KEY), (POINTER, KEY), (ENVELOPE, None)],
    ids=["plain", "signed", "pointer", "SNS"],
)
def test_what_lies_in_a_queue_is_redriven(body: str, keys: bytes | None) -> None:
    """Of a letter without a signature, a ledger knows the digest."""
    handler, ledger = Announcing(), MemoryLedger()
    if keys is None:
        known = Entry(Key("announce", "id-1"), "dead", letter=DIGEST)
        ledger.write(SequenceRange("follow-cards", ARN, "100", "100"), [known], seconds_left)
    bucket = Bucket(objects={"large/follow-cards/announce/id-1.json": SIGNED.encode()})
    queue = Queue(pages=[[message("1", body)]])
    overflow = S3DeadLetters(NAME, prefix="large", client=bucket)
    source = SqsDeadLetters(URL, overflow=overflow, keys=keys, client=queue)
    (redriven,) = redrive(pipeline(cards, on_insert(handler.announce)), source, ledger=ledger)
    assert (redriven.outcome, redriven.pair, redriven.removed) == ("handled", ("announce", "id-1"), True)
    assert handler.titles == ["héllo"]
    assert queue.deleted == ["receipt of 1"]
    assert len(bucket.objects) == (0 if body == POINTER else 1)


@pytest.mark.parametrize(
    ("letter", "outcome"), [("", "handled"), (DIGEST, "handled"), (DIGEST[::-1], "unproved")]
)
def test_a_letter_is_proved_by_the_digest_in_a_ledger(letter: str, outcome: str) -> None:
    """An entry of an earlier version has none."""
    ledger = MemoryLedger()
    known = Entry(Key("announce", "id-1"), "dead", letter=letter)
    ledger.write(SequenceRange("follow-cards", ARN, "100", "100"), [known], seconds_left)
    source = SqsDeadLetters(URL, client=Queue(pages=[[message("1", TEXT)]]))
    (redriven,) = redrive(pipeline(cards, on_insert(Announcing().announce)), source, ledger=ledger)
    assert redriven.outcome == outcome


@pytest.mark.parametrize(("body", "keys"), [(TEXT, None), (SIGNED, KEY)], ids=["plain", "signed"])
def test_what_lies_in_a_bucket_is_redriven(body: str, keys: bytes | None) -> None:
    """Without keys, what has lain there for longer than a ledger remembers needs no proof."""
    handler = Announcing()
    bucket = Bucket(
        objects={"cards/follow-cards/announce/id-1.json": body.encode()},
        written=datetime(2024, 1, 1, tzinfo=UTC),
    )
    source = S3DeadLetters(NAME, prefix="cards", keys=keys, client=bucket)
    (redriven,) = redrive(
        pipeline(cards, on_insert(handler.announce)), source, ledger=MemoryLedger(), stream_arns=[ARN]
    )
    assert (redriven.outcome, redriven.name) == ("handled", "cards/follow-cards/announce/id-1.json")
    assert handler.titles == ["héllo"]
    assert bucket.objects == {}
