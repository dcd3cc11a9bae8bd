"""Make what the template would deploy around the function: its environment, its table and its bucket."""

import os
from typing import TYPE_CHECKING, Final

from examples.cards.app import cards

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, S3Client

BUCKET: Final = "card-backups"


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
        "BACKUP_BUCKET": BUCKET,
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


def create_bucket(s3: "S3Client") -> None:
    """Create the bucket for the backups; it keeps a version of each write, which lets repeats be counted."""
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
