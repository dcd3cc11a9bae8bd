"""`streamfn redrive`: letters of a queue and of a bucket, on a local AWS."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta

import boto3
import pytest

from streamfn import ConfigurationError, Delivery, lambda_handler, retry
from streamfn.cli import _common as _exits
from streamfn.cli import redrive as command
from streamfn.cli.redrive import signing_keys_of, source_of
from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from tests.cards import event, record
from tests.cli import app
from tests.cli.commands import Ran, call, objects, streamfn


@pytest.fixture
def aws(running: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Send whoever makes a client there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running)
    return running


@pytest.fixture(scope="session")
def ledger(running: str) -> DynamoDBLedger:
    client = boto3.client("dynamodb", endpoint_url=running)
    ledger = DynamoDBLedger("card-ledger", client=client)
    ledger.create(client)
    return ledger


def give_up(ledger: DynamoDBLedger, place: SqsDeadLetters | S3DeadLetters, *numbers: int) -> None:
    """Make letters of cards without a title."""
    delivery: Delivery[object] = retry(
        ledger=ledger,
        dead_letters=place,
        max_attempts=1,
        patience=timedelta(),
        scope="cards",
        report=lambda _: None,
    )
    image = {"title": {"S": ""}}
    records = [record(each, change={"NewImage": {"id": {"N": str(each)}, **image}}) for each in numbers]
    lambda_handler(app.process, delivery)(event(*records), None)


@pytest.fixture
def queue(aws: str) -> Callable[[str], str]:
    """Make a queue that gives at once again what was not removed."""
    client = boto3.client("sqs", endpoint_url=aws)
    return lambda name: client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "0"})["QueueUrl"]


def outcomes(ran: Ran) -> object:
    return ran.document["outcomes"]


def test_letters_run_again_until_they_succeed(
    aws: str, ledger: DynamoDBLedger, queue: Callable[[str], str]
) -> None:
    """With the function's own ledger, its own scope, and its own queue."""
    url = queue("own")
    give_up(ledger, SqsDeadLetters(url), 11, 12)
    failed = streamfn("redrive", "tests.cli.app:handler", url, "--endpoint-url", aws, LETTERS_URL=url)
    assert failed.code == 1
    assert failed.out.splitlines()[0].split() == ["Outcome", "Handler", "Record", "Letter", "Detail"]
    assert failed.out.endswith("\n2 failed\n")
    assert "Refused: SlackError" in " ".join(failed.out.split())
    done = call("redrive", "tests.cli.app:handler", url, "--endpoint-url", aws, "--json", MENDED="yes")
    assert done.code == 0
    assert outcomes(done) == {"handled": 2}
    first, _ = objects(done.document["redriven"])
    assert {name: value for name, value in first.items() if name != "name"} == {
        "handler": "announce",
        "record": "id-11",
        "outcome": "handled",
        "detail": "",
        "removed": True,
    }
    again = call("redrive", "tests.cli.app:handler", url, "--endpoint-url", aws)
    assert (again.code, again.out) == (0, "Nothing was received.\n")


def test_a_pipeline_needs_the_name_of_the_ledger(aws: str, ledger: DynamoDBLedger) -> None:
    boto3.client("s3", endpoint_url=aws).create_bucket(Bucket="letters")
    give_up(ledger, S3DeadLetters("letters", prefix="cards"), 21)
    arguments = ("tests.cli.app:process", "s3://letters/cards", "--endpoint-url", aws)
    without = call("redrive", *arguments)
    assert (without.code, without.out) == (2, "")
    assert "or its table with --ledger" in without.err
    foreign = call("redrive", *arguments, "--ledger", "card-ledger", "--scope", "others", "--json")
    assert (foreign.code, outcomes(foreign)) == (0, {"another function": 1})
    shown = call("redrive", *arguments, "--ledger", "card-ledger", "--scope", "others")
    assert "another" in shown.out
    assert "stays" in shown.out
    failed = call("redrive", *arguments, "--ledger", "card-ledger", "--json")
    assert (failed.code, outcomes(failed)) == (1, {"failed": 1})
    late = call("redrive", *arguments, "--ledger", "card-ledger", "--seconds", "0", "--json")
    assert late.document["redriven"] == []
    done = call("redrive", *arguments, "--ledger", "card-ledger", "--json", MENDED="yes")
    assert (done.code, outcomes(done)) == (0, {"handled": 1})


def test_what_is_no_letter_stays(aws: str, queue: Callable[[str], str]) -> None:
    url = queue("strange")
    boto3.client("sqs", endpoint_url=aws).send_message(QueueUrl=url, MessageBody="hello")
    ran = call("redrive", "tests.cli.app:process", url, "--ledger", "card-ledger", "--endpoint-url", aws)
    assert ran.code == 1
    assert ran.out.endswith("\n1 unreadable\n")


def test_a_signal_ends_it_in_good_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had begun is told, and nothing more is received."""

    class Endless:
        def receive(self) -> Iterator[object]:
            os.kill(os.getpid(), signal.SIGINT)
            yield from ()

    def source_of(*_: object) -> Endless:
        return Endless()

    monkeypatch.setattr(command, "source_of", source_of)
    code = command.redrive_command("tests.cli.app:in_memory", "https://sqs.example/letters", as_json=True)
    assert code == _exits.ExitCode.INTERRUPTED
    assert '"interrupted": true' in capsys.readouterr().out


def test_places_are_told_apart() -> None:
    own = SqsDeadLetters("https://sqs.example/letters")
    delivery: Delivery[object] = retry(ledger=DynamoDBLedger("card-ledger"), dead_letters=own)
    assert source_of("https://sqs.example/letters", delivery, None) is own
    with_overflow = source_of("https://sqs.example/letters", delivery, "s3://large")
    assert with_overflow is not own
    assert isinstance(with_overflow, SqsDeadLetters)
    bucket = source_of("s3://letters/cards", delivery, None)
    assert isinstance(bucket, S3DeadLetters)
    assert (bucket.bucket, bucket.prefix) == ("letters", "cards/")
    for wrong in ("letters", "s3://", "s3:///cards"):
        with pytest.raises(ConfigurationError, match=r"s3://bucket/prefix"):
            source_of(wrong, delivery, None)
    with pytest.raises(ConfigurationError, match=r"expected s3://bucket/prefix, got 'large'"):
        source_of("https://sqs.example/other", delivery, "large")


def test_a_forged_letter_stays_until_somebody_vouches_for_it(
    aws: str, ledger: DynamoDBLedger, queue: Callable[[str], str]
) -> None:
    url = queue("forged")
    client = boto3.client("sqs", endpoint_url=aws)
    give_up(ledger, SqsDeadLetters(url), 31)
    (own,) = client.receive_message(QueueUrl=url).get("Messages", [])
    body = own["Body"].replace("id-31", "id-32")
    client.send_message(QueueUrl=url, MessageBody=body)
    arguments = ("tests.cli.app:process", url, "--ledger", "card-ledger", "--endpoint-url", aws, "--json")
    ran = call("redrive", *arguments, MENDED="yes")
    assert (ran.code, outcomes(ran)) == (1, {"handled": 1, "unproved": 1})
    (refused,) = (each for each in objects(ran.document["redriven"]) if each["outcome"] == "unproved")
    assert refused["record"] == "id-32"
    assert refused["removed"] is False
    other = call(
        "redrive", *arguments, "--unproved", "--stream", "arn:aws:dynamodb:eu-west-1:1:table/x", MENDED="yes"
    )
    assert (other.code, outcomes(other)) == (1, {"another stream": 1})
    trusted = call("redrive", *arguments, "--unproved", MENDED="yes")
    assert (trusted.code, outcomes(trusted)) == (0, {"handled": 1})


def test_keys_come_from_the_environment_or_from_the_delivery(
    aws: str, ledger: DynamoDBLedger, queue: Callable[[str], str]
) -> None:
    url, key = queue("signed"), "k" * 32
    give_up(ledger, SqsDeadLetters(url, keys=key.encode()), 41)
    arguments = ("tests.cli.app:process", url, "--ledger", "card-ledger", "--endpoint-url", aws, "--json")
    unset = call("redrive", *arguments, "--key-from", "LETTERS_KEY")
    assert (unset.code, unset.out) == (2, "")
    assert "LETTERS_KEY is not set" in unset.err
    wrong = call("redrive", *arguments, "--key-from", "LETTERS_KEY", LETTERS_KEY="w" * 32)
    assert (wrong.code, outcomes(wrong)) == (1, {"unproved": 1})
    assert "wwww" not in wrong.out + wrong.err
    rotated = ("--key-from", "NEW_KEY", "--key-from", "LETTERS_KEY")
    done = call("redrive", *arguments, *rotated, NEW_KEY="w" * 32, LETTERS_KEY=key, MENDED="yes")
    assert (done.code, outcomes(done)) == (0, {"handled": 1})

    signing: Delivery[object] = retry(ledger=ledger, dead_letters=SqsDeadLetters(url, keys=key.encode()))
    assert signing_keys_of(signing, None) == key.encode()
    assert signing_keys_of(retry(ledger=ledger, dead_letters=SqsDeadLetters(url)), None) is None
    assert signing_keys_of(None, None) is None
