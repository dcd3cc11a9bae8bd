"""Whoever may send to the queue can forge a letter or a document: none of it runs, and none of it is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest
from returns.result import Success

from streamfn import ConfigurationError, InsertEvent, Pipeline, lambda_handler, on_event, pipeline, retry
from streamfn._aws import Message
from streamfn._time import MACHINE_CLOCK, unlimited
from streamfn.dead_letters import MemoryDeadLetters, Received, S3DeadLetters, SqsDeadLetters
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import Redriven, redrive
from streamfn.redrive import _redrive as redrive_module
from streamfn.redrive._contents import Home, home_of_queue
from streamfn.testing import insert_event, lambda_event
from tests.dead_letters.buckets import NAME, Bucket
from tests.dead_letters.documents import ARN, Raw, Shard, document, raws
from tests.dead_letters.queues import URL, Queue, message
from tests.dead_letters.redriving import EVERYTHING, SCOPE, STREAM, box_of, letter_on, note, told
from tests.delivery.jobs import Job, Note, notes, quiet, written

FORGED_EVENT = insert_event(Note(1, "pay 1,000,000"), event_id="forged", sequence_number="77")
FORGED = letter_on(FORGED_EVENT.record.raw)
ANOTHER_ACCOUNT = STREAM.replace("123456789012", "999999999999")
ANOTHER_REGION = STREAM.replace("eu-west-1", "us-east-1")
ANOTHER_TABLE = STREAM.replace("table/notes", "table/secrets")
LONG_AGO = timedelta(hours=49)


def of(job: Job) -> Pipeline[object, object]:
    """Make a pipeline of one handler, `tell`."""
    return pipeline(notes, on_event(job, name="tell"))


def given_up(ledger: MemoryLedger, place: MemoryDeadLetters, *events: InsertEvent[Note]) -> None:
    """Have a function give records up, with this ledger and this place for its letters."""
    names = {event.event_id: 1 for event in events}
    delivery = retry(
        ledger=ledger,
        dead_letters=place,
        max_attempts=1,
        patience=timedelta(),
        scope=SCOPE,
        report=quiet,
    )
    lambda_handler(of(Job(**names)), delivery)(lambda_event(*events), None)


def with_text(letter: DeadLetter, text: str) -> DeadLetter:
    """Change what a letter's record says, and nothing that identifies it."""
    raw = json.loads(json.dumps(letter.record))
    raw["dynamodb"]["NewImage"]["text"] = {"S": text}
    return replace(letter, record=raw)


@dataclass
class Kept:
    """A source whose texts have lain there for so long."""

    texts: list[str]
    age: timedelta | None

    def receive(self) -> Iterator[Received]:
        sent = None if self.age is None else MACHINE_CLOCK.now - self.age
        for number, text in enumerate(self.texts):
            yield Received(str(number), text, lambda: None, sent)


def test_a_forged_letter_does_not_run_and_does_not_keep_the_real_event_from_running() -> None:
    job, ledger, box = Job(), MemoryLedger(), box_of(FORGED)
    (redriven,) = redrive(of(job), box, ledger=ledger, report=quiet)
    assert told([redriven]) == [("tell", "forged", "unproved", "kept")]
    assert redriven.detail == "the ledger knows of no such letter; unproved=True runs it all the same"
    assert job.seen == []
    assert list(ledger.read(EVERYTHING, unlimited)) == []
    assert len(box.letters) == 1
    real = lambda_handler(of(job), retry(ledger=ledger, scope=SCOPE))(lambda_event(FORGED_EVENT), None)
    assert real == {"batchItemFailures": []}
    assert job.seen == ["forged"]


def test_letters_that_the_function_wrote_run() -> None:
    job, ledger, box = Job(), MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1", "b1"))
    assert told(redrive(of(job), box, ledger=ledger)) == [
        ("tell", "a1", "handled", "removed"),
        ("tell", "b1", "handled", "removed"),
    ]


@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_a_letter_of_a_known_pair_with_another_record_does_not_run(order: int) -> None:
    """Neither does it keep the letter that the function wrote from running, whichever comes first."""
    texts = list[str]()

    def tell(event: InsertEvent[Note]) -> Success[None]:
        texts.append(event.new_image.text)
        return Success(None)

    ledger, box = MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1"))
    (own,) = box.letters
    both = box_of(*[with_text(own, "pay 1,000,000"), own][::order])
    redriven = redrive(of(cast("Job", tell)), both, ledger=ledger)
    assert sorted((each.outcome, each.removed) for each in redriven) == [
        ("handled", True),
        ("unproved", False),
    ]
    (refused,) = (each for each in redriven if each.outcome == "unproved")
    assert refused.detail == "the ledger knows a letter of this id with another record"
    assert texts == [written("a1")[0].new_image.text]


def test_a_letter_of_a_pair_that_is_still_open_waits_for_the_function() -> None:
    job, ledger = Job(), MemoryLedger()
    note(ledger, {("tell", "a1"): "open"})
    assert told(redrive(of(job), box_of(*map(letter_on, raws(written("a1")))), ledger=ledger)) == [
        ("tell", "a1", "unproved", "kept")
    ]
    assert job.seen == []


def test_an_entry_of_a_version_that_knew_no_digest_proves_its_letter() -> None:
    ledger = MemoryLedger()
    note(ledger, {("tell", "a1"): "dead"})
    assert told(redrive(of(Job()), box_of(*map(letter_on, raws(written("a1")))), ledger=ledger)) == [
        ("tell", "a1", "handled", "removed")
    ]


@pytest.mark.parametrize("scope", ["another", ""])
def test_a_letter_of_another_scope_is_not_proved_by_the_own_one(scope: str) -> None:
    job, ledger, box = Job(), MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1"))
    (own,) = box.letters
    forged = box_of(replace(own, scope=scope))
    assert told(redrive(of(job), forged, ledger=ledger)) == [("tell", "a1", "unproved", "kept")]
    assert told(redrive(of(job), forged, ledger=ledger, scope=SCOPE)) == [
        ("tell", "a1", "another function", "kept")
    ]
    assert job.seen == []


@pytest.mark.parametrize("stream", [ANOTHER_TABLE, ANOTHER_ACCOUNT, ANOTHER_REGION, "nonsense"])
def test_a_letter_of_another_stream_does_not_run(stream: str) -> None:
    job, ledger, box = Job(), MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1"))
    (own,) = box.letters
    (redriven,) = redrive(of(job), box_of(replace(own, stream=stream)), ledger=ledger)
    assert (redriven.outcome, redriven.removed) == ("unproved", False)
    trusting = redrive(
        of(job), box_of(replace(own, stream=stream)), ledger=ledger, stream_arns=[STREAM], unproved=True
    )
    assert told(trusting) == [("tell", "a1", "another stream", "kept")]
    assert job.seen == []


def test_a_record_of_another_stream_than_its_letter_does_not_run() -> None:
    raw = {**FORGED_EVENT.record.raw, "eventSourceARN": ANOTHER_TABLE}
    job = Job()
    redriven = redrive(of(job), box_of(letter_on(raw)), ledger=MemoryLedger(), unproved=True)
    assert told(redriven) == [("tell", "forged", "another stream", "kept")]
    assert job.seen == []


def test_what_has_lain_there_for_longer_than_the_ledger_remembers_runs() -> None:
    """What no sender can choose is how long: an older date in the letter proves nothing."""
    old = replace(FORGED, at=MACHINE_CLOCK.now - timedelta(days=9))
    for age in (None, timedelta(hours=47)):
        (kept,) = redrive(of(Job()), Kept([old.to_json()], age), ledger=MemoryLedger())
        assert kept.outcome == "unproved"
    job = Job()
    (done,) = redrive(of(job), Kept([FORGED.to_json()], LONG_AGO), ledger=MemoryLedger())
    assert (done.outcome, job.seen) == ("handled", ["forged"])


def test_what_the_ledger_does_remember_is_checked_however_old_it_is() -> None:
    job, ledger, box = Job(), MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1"))
    (own,) = box.letters
    (redriven,) = redrive(of(job), Kept([with_text(own, "pay").to_json()], LONG_AGO), ledger=ledger)
    assert (redriven.outcome, job.seen) == ("unproved", [])


def test_of_an_old_letter_the_account_has_to_be_that_of_the_queue() -> None:
    sent = {"SentTimestamp": str(int((MACHINE_CLOCK.now - LONG_AGO).timestamp() * 1_000))}
    foreign = replace(FORGED, stream=ANOTHER_ACCOUNT)
    page: list[Message] = [
        {**message(str(n), each.to_json()), "Attributes": sent} for n, each in enumerate((FORGED, foreign))
    ]
    job = Job()
    redriven = redrive(of(job), SqsDeadLetters(URL, client=Queue(pages=[page])), ledger=MemoryLedger())
    assert sorted(each.outcome for each in redriven) == ["another stream", "handled"]
    assert job.seen == ["forged"]


@pytest.mark.parametrize("sent", [{}, {"SentTimestamp": "soon"}, {"SentTimestamp": "9" * 30}])
def test_a_message_that_does_not_say_when_it_was_sent_counts_as_new(sent: dict[str, str]) -> None:
    page: list[Message] = [{**message("1", FORGED.to_json()), "Attributes": sent}]
    source = SqsDeadLetters(URL, client=Queue(pages=[page]))
    (redriven,) = redrive(of(Job()), source, ledger=MemoryLedger())
    assert redriven.outcome == "unproved"


def test_an_object_says_when_it_was_written() -> None:
    bucket = Bucket(written=MACHINE_CLOCK.now - LONG_AGO)
    place = S3DeadLetters(NAME, client=bucket)
    place.send([FORGED], unlimited)
    (redriven,) = redrive(of(Job()), place, ledger=MemoryLedger(), stream_arns=[STREAM])
    assert redriven.outcome == "handled"


def from_queue(
    *bodies: str, process: Pipeline[object, object], shard: Shard, **more: object
) -> list[Redriven[object]]:
    """Redrive from a queue of the account 123456789012 in eu-west-1."""
    page = [message(str(number), body) for number, body in enumerate(bodies)]
    source = SqsDeadLetters(URL, client=Queue(pages=[page]))
    arns = cast("list[str] | None", more.get("stream_arns"))
    return redrive(process, source, ledger=MemoryLedger(), streams=shard, stream_arns=arns, report=quiet)


@pytest.mark.parametrize(
    "stream", [ANOTHER_TABLE, ANOTHER_ACCOUNT, ANOTHER_REGION, "nonsense", "arn:aws:x:y:z:w"]
)
@pytest.mark.parametrize(
    "arns", [None, [STREAM], [STREAM.partition("/stream/")[0]]], ids=["", "stream", "table"]
)
def test_a_document_of_another_stream_is_not_even_read(stream: str, arns: list[str] | None) -> None:
    records = raws(written("a1", "b1"))
    job, shard = Job(), Shard(records)
    owner = ARN.replace("123456789012", stream.split(":")[4]) if stream == ANOTHER_ACCOUNT else ARN
    body = document(records, stream=stream, arn=owner)
    (redriven,) = from_queue(body, process=of(job), shard=shard, stream_arns=arns)
    assert (redriven.outcome, redriven.removed, job.seen, shard.seeks) == ("another stream", False, [], [])
    assert repr(stream) in redriven.detail


@pytest.mark.parametrize(
    "arns", [None, [STREAM], [STREAM.partition("/stream/")[0]]], ids=["", "stream", "table"]
)
def test_a_document_of_the_functions_stream_runs(arns: list[str] | None) -> None:
    records = raws(written("a1", "b1"))
    job = Job()
    redriven = from_queue(document(records), process=of(job), shard=Shard(records), stream_arns=arns)
    assert [each.outcome for each in redriven] == ["handled", "handled"]
    assert job.seen == ["a1", "b1"]


def test_the_stream_of_another_account_is_followed_where_it_is_named() -> None:
    process, records = (
        of(job := Job()),
        [{**raw, "eventSourceARN": ANOTHER_ACCOUNT} for raw in raws(written("a1"))],
    )
    body = document(records, stream=ANOTHER_ACCOUNT, payload=True)
    source = Kept([body], None)
    (refused,) = redrive(process, source, ledger=MemoryLedger())
    assert refused.outcome == "another stream"
    (done,) = redrive(process, source, ledger=MemoryLedger(), stream_arns=[ANOTHER_ACCOUNT])
    assert (done.outcome, job.seen) == ("handled", ["a1"])


def test_records_that_a_document_carries_in_a_queue_are_not_those_that_run() -> None:
    """Lambda sends none there. What is in the stream is what was written to the table."""
    records = raws(written("a1", "b1"))
    forged: list[Raw] = [{**raw, "eventID": f"forged {number}"} for number, raw in enumerate(records)]
    job = Job()
    redriven = from_queue(document(forged, payload=True), process=of(job), shard=Shard(records))
    assert [each.outcome for each in redriven] == ["handled", "handled"]
    assert job.seen == ["a1", "b1"]


@pytest.mark.parametrize("wrong", ["stream", "place"])
def test_a_document_with_records_from_elsewhere_does_not_run(wrong: str) -> None:
    first, second, third = raws(written("a1", "b1", "c1"))
    body = json.loads(document([first, second], payload=True))
    body["payload"]["Records"].append(
        {**second, "eventSourceARN": ANOTHER_TABLE} if wrong == "stream" else third
    )
    job = Job()
    (redriven,) = redrive(of(job), Kept([json.dumps(body)], None), ledger=MemoryLedger())
    assert (redriven.outcome, job.seen) == ("unreadable", [])
    assert redriven.detail == "the document carries records that are not of its range of its stream"


class Sts:
    """What STS says of the credentials."""

    meta = type("Meta", (), {"region_name": "eu-west-1"})

    def __init__(self, account: str | Exception) -> None:
        self.account = account
        self.calls = 0

    def get_caller_identity(self) -> dict[str, str]:
        self.calls += 1
        if isinstance(self.account, Exception):
            raise self.account
        return {"Account": self.account}


@pytest.mark.parametrize(
    ("account", "outcome"),
    [
        ("123456789012", "handled"),
        ("999999999999", "another stream"),
        (ConnectionError("secret"), "another stream"),
    ],
)
def test_a_bucket_does_not_say_whose_it_is_and_so_sts_is_asked(
    account: str | Exception, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts = Sts(account)
    monkeypatch.setattr(redrive_module, "make_sts", lambda: sts)
    bucket = Bucket()
    for name in ("a1", "b1"):
        bucket.objects[name] = document(raws(written(name)), payload=True).encode()
    redriven = redrive(of(Job()), S3DeadLetters(NAME, client=bucket), ledger=MemoryLedger())
    assert [each.outcome for each in redriven] == [outcome, outcome]
    assert sts.calls == (2 if isinstance(account, Exception) else 1)
    assert "secret" not in repr(redriven)


@pytest.mark.parametrize(
    ("url", "home"),
    [
        (URL, Home("123456789012", "eu-west-1")),
        (
            "https://sqs.us-gov-west-1.amazonaws.com/123456789012/x.fifo",
            Home("123456789012", "us-gov-west-1"),
        ),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/x", Home("123456789012", "cn-north-1")),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/x", Home("123456789012", "eu-west-1")),
        (
            "https://vpce-0-1.sqs.eu-west-1.vpce.amazonaws.com/123456789012/x",
            Home("123456789012", "eu-west-1"),
        ),
        ("http://localhost:4566/000000000000/x", Home("000000000000", None)),
        ("https://sqs.example/letters", None),
    ],
)
def test_a_queue_says_whose_it_is(url: str, home: Home | None) -> None:
    assert home_of_queue(url) == home


@pytest.mark.parametrize("arns", ["arn", [1], ["notes"], ["arn:aws:s3:::letters"]])
def test_what_is_no_stream_is_refused(arns: object) -> None:
    with pytest.raises(ConfigurationError, match="stream_arns"):
        redrive(of(Job()), box_of(), ledger=MemoryLedger(), stream_arns=cast("list[str]", arns))


def test_a_ledger_keeps_the_digest_of_what_a_letter_carries() -> None:
    ledger, box = MemoryLedger(), MemoryDeadLetters()
    given_up(ledger, box, *written("a1"))
    (entry,) = (each for each in ledger.read(EVERYTHING, unlimited) if each.state == "dead")
    (letter,) = box.letters
    assert entry.letter == letter.digest != ""
    assert replace(letter, record={1: 2, "x": 3}).digest == ""
