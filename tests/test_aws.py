"""The clients of boto3: one protocol for each, how long they wait, and which of their errors another try may help."""

from __future__ import annotations

import sys
from operator import attrgetter

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from streamfn import dead_letters, exports, sources
from streamfn._aws import Backoff, make_dynamodb, make_s3, make_sqs, make_streams, make_sts, retry_reason


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "GetRecords")


def test_chapters_give_the_same_protocol_by_the_same_name() -> None:
    assert dead_letters.S3Client is exports.S3Client
    assert dead_letters.StreamsClient is sources.StreamsClient


@pytest.fixture
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def waits_of(client: object) -> tuple[float, float]:
    """Read off a client of boto3's how long it waits for a connection and for an answer, in seconds."""
    waits: tuple[float, float] = attrgetter("connect_timeout", "read_timeout")(
        attrgetter("meta.config")(client)
    )
    return waits


@pytest.mark.usefixtures("_account")
@pytest.mark.parametrize("make", [make_dynamodb, make_streams, make_sqs, make_s3, make_sts])
def test_a_client_waits_no_longer_than_an_invocation_can(make: object) -> None:
    assert callable(make)
    assert waits_of(make()) == (1, 3)


@pytest.mark.usefixtures("_account")
def test_a_replay_waits_for_s3_as_boto3_does() -> None:
    assert waits_of(make_s3(patient=True)) == (60, 60)
    place = exports.progress_at("s3://backups/progress").place
    assert waits_of(attrgetter("client")(place)()) == (60, 60)


@pytest.mark.parametrize(
    ("error", "reason", "for_a_reader"),
    [
        (refusal("ThrottlingException"), "ThrottlingException", "ThrottlingException"),
        (refusal("503"), "503", "503"),
        (refusal("AccessDeniedException"), None, None),
        (NoCredentialsError(), None, "NoCredentialsError"),
        (ConnectionError("secret"), None, None),
    ],
)
def test_what_waiting_helps_is_named(error: Exception, reason: str | None, for_a_reader: str | None) -> None:
    assert retry_reason(error) == reason
    assert retry_reason(error, reconnects=True) == for_a_reader


def test_no_error_is_one_of_boto3_before_boto3_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "botocore.exceptions")
    assert retry_reason(NoCredentialsError(), reconnects=True) is None


def test_waits_grow_up_to_a_longest_and_begin_again_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamfn._aws.random", lambda: 1.0)
    backoff = Backoff(0.5, 2.0)
    assert [backoff.next() for _ in range(4)] == [0.5, 1.0, 2.0, 2.0]
    backoff.reset()
    assert backoff.next() == 0.5
