"""An SQS and an S3 on this machine, which the stores' own clients find by the environment."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count
from typing import TYPE_CHECKING

import boto3
import pytest

from examples.demo import ministack

if TYPE_CHECKING:
    from boto3 import S3Client, SQSClient


@pytest.fixture(scope="session")
def running() -> Generator[str]:
    with ministack.running() as url:
        yield url


@pytest.fixture
def aws(running: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Send whoever makes a client there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running)
    return running


@pytest.fixture
def sqs(aws: str) -> Generator[SQSClient]:
    client = boto3.client("sqs", endpoint_url=aws)
    yield client
    client.close()


@pytest.fixture
def s3(aws: str) -> Generator[S3Client]:
    client = boto3.client("s3", endpoint_url=aws)
    yield client
    client.close()


_numbers = count()


@pytest.fixture
def new_queue(sqs: SQSClient) -> Callable[..., str]:
    """Make queues of these attributes, and give their URLs."""

    def make(**attributes: str) -> str:
        name = f"letters-{next(_numbers)}{'.fifo' if 'FifoQueue' in attributes else ''}"
        return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    return make


@pytest.fixture
def queue(new_queue: Callable[..., str]) -> str:
    return new_queue()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"letters-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name
