"""The cards function as Lambda has it: imported with the environment that its template sets, with its stores around it.

ministack plays DynamoDB, S3 and SQS, and the simulator an event source mapping, by whose clock no test waits.
"""

import sys
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location

import boto3
import pytest

from examples.cards import app
from examples.cards.app import Card
from examples.demo.arrivals import letters_in
from examples.demo.loopback import serving
from examples.demo.runs import Function, as_deployed
from examples.demo.services import SearchIndex, Slack
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from streamfn.testing import EventSourceMapping, insert_event, remove_event
from tests.examples.test_template import role

AWKWARD, HOPELESS = 2, 3
BUCKET, LEDGER = "deployed-backups", "deployed-ledger"

CREATED = [insert_event(Card(number, title)) for number, title in ((1, "a"), (AWKWARD, "b"), (HOPELESS, "c"))]
REMOVED = remove_event(Card(1, "a"))

LAMBDAS_OWN = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "s3:ListBucket",
}
"""What Lambda does in the name of the function. Putting what it gives up into a bucket is an action of both."""

IAM_NAMES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "secrets-manager:GetSecretValue": "secretsmanager:GetSecretValue",
}
"""Operations whose permission has another name ("Amazon SQS API permissions" in the Amazon SQS Developer Guide)."""


@dataclass
class Followed:
    """What came of it, and what the function asked of AWS for it, by the names of IAM's actions."""

    slack: Slack
    index: SearchIndex
    queue: SqsDeadLetters
    mapping: EventSourceMapping
    actions: set[str] = field(default_factory=set[str])


def imported(monkeypatch: pytest.MonkeyPatch) -> Function:
    """Import `app.py` once more, as Lambda does it, and give its handler."""
    spec = spec_from_file_location("deployed_app", app.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    handler: Function = module.handler
    return handler


@pytest.fixture(scope="module")
def followed(aws: str) -> Generator[Followed]:
    """Deploy the function, let it follow a few changes, and keep what it asked of AWS."""
    slack, index = Slack(), SearchIndex(awkward=(AWKWARD,), hopeless=(HOPELESS,))
    with ExitStack() as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", aws)
        environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "follow-cards")
        environment.delenv("SLACK_WEBHOOK_URL", raising=False)
        environment.setenv("SLACK_WEBHOOK_SECRET", "cards/slack-webhook")
        environment.setenv("SEARCH_URL", running.enter_context(serving(index)))
        environment.setenv("BACKUP_BUCKET", BUCKET)
        environment.setenv("LEDGER_TABLE", LEDGER)
        environment.setattr(boto3, "DEFAULT_SESSION", None)
        secret = running.enter_context(serving(slack))
        boto3.client("secretsmanager").create_secret(Name="cards/slack-webhook", SecretString=secret)
        DynamoDBLedger(LEDGER).create(boto3.client("dynamodb"))
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        url = boto3.client("sqs").create_queue(QueueName="deployed-letters")["QueueUrl"]
        environment.setenv("DEAD_LETTERS_URL", url)
        actions: set[str] = set()

        def note(event_name: str, **_: object) -> None:
            """Note a request: botocore tells of each by a name such as ``before-call.dynamodb.Query``."""
            operation = event_name.removeprefix("before-call.").replace(".", ":")
            actions.add(IAM_NAMES.get(operation, operation))

        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        boto3.DEFAULT_SESSION.events.register("before-call", note)
        followed = Followed(slack, index, SqsDeadLetters(url), as_deployed(imported(environment)), actions)
        followed.mapping.deliver(*CREATED, REMOVED)
        boto3.DEFAULT_SESSION.events.unregister("before-call", note)
        yield followed


def test_each_job_is_done_once(followed: Followed) -> None:
    """The index refuses one card at first and one for ever; Slack and S3 do not notice."""
    assert ["New card 1: a", "New card 2: b", "New card 3: c"] == followed.slack.messages
    objects = boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    assert [f"cards/1/{REMOVED.event_id}.json"] == [each["Key"] for each in objects]
    assert 1 == followed.mapping.history.successes("back_up").total()
    assert ["/cards/2/b"] == list(followed.index.documents)


def test_what_is_refused_for_ever_is_in_the_queue_and_is_not_given_up_by_lambda(followed: Followed) -> None:
    """Ledger, queue and scope are those that the environment names."""
    (letter,) = letters_in(followed.queue)

    assert f"follow-cards/index/{CREATED[-1].event_id}" == letter.id
    assert CREATED[-1].record.raw == letter.record
    assert [] == followed.mapping.history.discarded


def test_the_function_asks_for_what_its_role_allows_and_for_all_of_it(followed: Followed) -> None:
    """A permission too few would fail the function on AWS, and one too many is one too many."""
    assert {action for action, _ in role()} - LAMBDAS_OWN == followed.actions
