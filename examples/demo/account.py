"""Make what the template would deploy around the function: its environment, its tables, its queue and its buckets."""

import os
from typing import TYPE_CHECKING, Final

from examples.cards.app import cards
from examples.demo.meter import Meter
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client, SQSClient

LEDGER: Final = "card-ledger"
QUEUE: Final = "card-dead-letters"


def set_environment(*, aws_url: str, slack_url: str, search_url: str) -> None:
    """Point this process at local services, and at nothing else: no account, profile or proxy of the caller's stays."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": "follow-cards",
        "SLACK_WEBHOOK_URL": f"{slack_url}/services/demo",
        "SEARCH_URL": search_url,
    }


def create_table(dynamodb: "DynamoDBClient") -> str:
    """Create the table that `app.py` declares, and give the ARN of its stream."""
    definition = cards.definition()
    table = dynamodb.create_table(**definition.create_table)["TableDescription"]
    if definition.update_time_to_live is not None:
        dynamodb.update_time_to_live(**definition.update_time_to_live)
    return table["LatestStreamArn"]


def create_ledger(dynamodb: "DynamoDBClient") -> tuple[DynamoDBLedger, Meter]:
    """Create the table of the ledger, and give the ledger and the meter of its requests."""
    meter = Meter(dynamodb)
    ledger = DynamoDBLedger(LEDGER, client=meter)
    ledger.create(dynamodb)
    return ledger, meter


def create_queue(sqs: "SQSClient") -> SqsDeadLetters:
    """Create the queue for dead letters."""
    return SqsDeadLetters(sqs.create_queue(QueueName=QUEUE)["QueueUrl"])


def create_bucket(s3: "S3Client", name: str) -> None:
    """Create a bucket, which keeps a version of each write, to count repeats, and have the function back up to it."""
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    os.environ["BACKUP_BUCKET"] = name
