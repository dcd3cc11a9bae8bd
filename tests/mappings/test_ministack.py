"""The check reads what Lambda says over HTTP, through boto3's own client, of mappings made with it.

ministack keeps every setting that is judged but TumblingWindowInSeconds, which test_check.py covers. Unlike Lambda it
allows two mappings of one stream for one function of no version and no alias.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from examples.demo import ministack
from streamfn.mappings import Finding, check_mapping
from tests.cards import cards

if TYPE_CHECKING:
    from boto3 import LambdaClient

FITTING: dict[str, object] = {
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRecordAgeInSeconds": 72_000,
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:123456789012:given-up"}},
}
"""Settings that fit every delivery; what is not said is as Lambda has it by default."""


@dataclass(frozen=True)
class Account:
    """An account with a table, and functions to be mapped to its stream."""

    client: LambdaClient
    stream: str

    def function(self, name: str, *, timeout: int = 60) -> None:
        """Make a function that nobody calls."""
        self.client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/follow-cards",
            Timeout=timeout,
            Code={"ZipFile": _archive()},
        )

    def map(self, function: str, **settings: object) -> str:
        """Map a function to the stream, and give the mapping's UUID."""
        return self.client.create_event_source_mapping(
            FunctionName=function, EventSourceArn=self.stream, StartingPosition="TRIM_HORIZON", **settings
        )["UUID"]


def _archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return {'batchItemFailures': []}\n")
    return written.getvalue()


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Start ministack, and create a table with a stream there."""
    with pytest.MonkeyPatch.context() as environment, ministack.running() as url:
        environment.setenv("AWS_ENDPOINT_URL", url)
        environment.setenv("NO_PROXY", ministack.LOOPBACK)
        table = boto3.client("dynamodb").create_table(**cards.definition().create_table)
        with closing(boto3.client("lambda")) as client:
            yield Account(client, table["TableDescription"]["LatestStreamArn"])


def told(findings: list[Finding]) -> list[tuple[str | None, str, str]]:
    """Give of each finding the mapping, the setting and what was found."""
    return [(each.mapping, each.setting, each.found) for each in findings]


def test_a_mapping_that_fits_is_not_remarked_upon(account: Account) -> None:
    account.function("fitting")
    account.map("fitting", **FITTING)
    assert [] == check_mapping(account.client, "fitting")


def test_a_mapping_as_lambda_makes_it_by_default_does_not_fit(account: Account) -> None:
    account.function("as-it-comes")
    mapping = account.map("as-it-comes")
    assert [
        (mapping, "FunctionResponseTypes", "unset"),
        (mapping, "DestinationConfig.OnFailure", "unset"),
        (mapping, "MaximumRecordAgeInSeconds", "-1"),
    ] == told(check_mapping(account.client, "as-it-comes"))


def test_settings_that_do_not_fit_are_found(account: Account) -> None:
    account.function("limited", timeout=1)
    limits: dict[str, object] = {"MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": 60, "Enabled": False}
    mapping = account.map("limited", **FITTING | limits)
    assert [
        (None, "Timeout", "1"),
        (mapping, "State", "Disabled"),
        (mapping, "MaximumRetryAttempts", "3"),
        (mapping, "MaximumRecordAgeInSeconds", "60"),
    ] == told(check_mapping(account.client, "limited"))


def test_two_mappings_of_the_stream_are_found(account: Account) -> None:
    account.function("twice")
    first, second = account.map("twice", **FITTING), account.map("twice", **FITTING)
    assert [(None, "EventSourceArn", f"{account.stream} in {first} and {second}")] == told(
        check_mapping(account.client, "twice")
    )


def test_more_mappings_than_lambda_lists_at_a_time_are_all_judged(account: Account) -> None:
    account.function("crowded")
    made = [account.map("crowded", **FITTING, MaximumRetryAttempts=1) for _ in range(101)]
    crowded, *each = told(check_mapping(account.client, "crowded"))
    assert (None, "EventSourceArn") == crowded[:2]
    assert [(mapping, "MaximumRetryAttempts", "1") for mapping in made] == each


def test_a_function_without_a_mapping_is_found(account: Account) -> None:
    account.function("alone")
    assert [(None, "EventSourceMappings", "empty of streams")] == told(check_mapping(account.client, "alone"))


def test_that_there_is_no_such_function_is_what_the_client_says(account: Account) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        check_mapping(account.client, "nowhere")
