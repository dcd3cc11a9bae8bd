"""Functions run as AWS runs them: by its own runtime client, in a process of their own.

At the other ends are a DynamoDB's S3 (ministack), and servers in this process for Slack and the search index.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import pytest

from examples.cards.app import Card
from examples.demo import ministack
from examples.demo.loopback import Request, serving
from streamfn.testing import insert_event, lambda_event, modify_event, remove_event
from tests.runtime.api import Errored, Exited
from tests.runtime.sandbox import Function, running
from tests.runtime.stores import made

if TYPE_CHECKING:
    from boto3 import S3Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux alone")

ROOT: Final = Path(__file__).parents[2]
BUCKET: Final = "backups"


@dataclass
class Outside:
    """What the cards function talks to; `refused` are paths and texts that a service answers 503 to."""

    messages: list[bytes] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    refused: set[bytes] = field(default_factory=set)

    def slack(self, request: Request) -> int:
        if any(text in request.body for text in self.refused):
            return 503
        self.messages.append(request.body)
        return 200

    def search(self, request: Request) -> int:
        self.documents.append(f"{request.method} {request.path}")
        return 200


@pytest.fixture(scope="module")
def aws() -> Generator[str]:
    with ministack.running() as url:
        yield url


@pytest.fixture(scope="module")
def s3(aws: str) -> Generator[S3Client]:
    client = boto3.client("s3", endpoint_url=aws)
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def cards(outside: Outside, aws: str, tmp_path: Path) -> Generator[Function]:
    """Run the example's function, in its own folder and by the name that its template gives it."""
    with ExitStack() as stack:
        environment = {
            **stack.enter_context(made(aws)).environment,
            "BACKUP_BUCKET": BUCKET,
            "SLACK_WEBHOOK_URL": stack.enter_context(serving(outside.slack)),
            "SEARCH_URL": stack.enter_context(serving(outside.search)),
        }
        yield stack.enter_context(running("app.handler", ROOT / "examples" / "cards", tmp_path, environment))


def objects(s3: S3Client) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def test_the_cards_function_does_its_jobs(cards: Function, outside: Outside, s3: S3Client) -> None:
    inserted = insert_event(Card(1, "hello"))
    modified = modify_event(Card(1, "hello"), Card(1, "hello", owner="ada"))
    removed = remove_event(Card(1, "hello", owner="ada"))
    assert cards.invoke(lambda_event(inserted, modified, removed)) == {"batchItemFailures": []}
    assert outside.messages == [b'{"text": "New card 1: hello"}']
    assert outside.documents == ["PUT /cards/1/hello", "PUT /cards/1/hello", "DELETE /cards/1/hello"]
    assert f"cards/1/{removed.event_id}.json" in objects(s3)


def test_what_failed_is_delivered_again_and_done(cards: Function, outside: Outside) -> None:
    events = [insert_event(Card(number, f"title {number}")) for number in (1, 2, 3)]
    outside.refused = {b"title 2"}
    answer = cards.invoke(lambda_event(*events))
    assert answer == {"batchItemFailures": [{"itemIdentifier": events[1].record.sequence_number}]}
    outside.refused = set()
    assert cards.invoke(lambda_event(*events[1:])) == {"batchItemFailures": []}
    assert outside.messages == [
        f'{{"text": "New card {number}: title {number}"}}'.encode() for number in (1, 3, 2)
    ]
    assert outside.documents == [f"PUT /cards/{number}/title {number}" for number in (1, 2, 3)]
    log = cards.log.read_text()
    assert events[1].event_id in log
    assert "title" not in log


def test_a_payload_that_is_no_stream_event_is_told_to_lambda(cards: Function) -> None:
    answer = cards.attempt({"Records": [{"eventSource": "aws:sqs", "body": "secret"}]})
    assert isinstance(answer, Errored)
    assert answer.type == "NotAStreamEvent"
    assert "got records of aws:sqs" in answer.message
    assert cards.invoke(lambda_event()) == {"batchItemFailures": []}
    assert "secret" not in cards.log.read_text()


def test_without_time_for_an_answer_the_batch_fails(cards: Function, outside: Outside) -> None:
    """The time left is read from the context that the runtime client makes of the deadline."""
    batch = lambda_event(insert_event(Card(1, "hello")))
    answer = cards.attempt(batch, within=timedelta(milliseconds=500))
    assert isinstance(answer, Errored)
    assert answer.type == "BatchFailed"
    assert outside.messages == []
    assert cards.invoke(batch) == {"batchItemFailures": []}


def test_the_loop_and_the_threads_outlive_an_invocation(tmp_path: Path) -> None:
    with running("lively.handler", Path(__file__).parent / "functions", tmp_path, {}) as lively:
        for number in (1, 2, 3):
            assert lively.invoke(lambda_event(insert_event(Card(number, "hello")))) == {
                "batchItemFailures": []
            }
    told = [line for line in lively.log.read_text().splitlines() if line.startswith("reported")]
    assert told == [f"reported: in_the_future card {number}, 1 loop" for number in (1, 2, 3)]


def test_misuse_stops_a_function_at_its_import(tmp_path: Path) -> None:
    with running("twins.handler", Path(__file__).parent / "functions", tmp_path, {}) as twins:
        answer = twins.answer()
        assert isinstance(answer, Errored)
        assert (answer.request_id, answer.type) == (None, "ConfigurationError")
        assert "announce" in answer.message
        assert twins.answer() == Exited(1)
