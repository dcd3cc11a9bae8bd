"""`streamfn check-mapping`: what it finds in a function's settings, asked of a local AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from streamfn.cli.mappings import check_mapping_command
from tests.cards import cards
from tests.cli.commands import call, objects, streamfn
from tests.mappings.test_ministack import FITTING, Account


@pytest.fixture(scope="module")
def account(running: str) -> Iterator[Account]:
    """Make functions that fit and that do not."""
    with closing(boto3.client("lambda", endpoint_url=running)) as client:
        table = boto3.client("dynamodb", endpoint_url=running).create_table(**cards.definition().create_table)
        account = Account(client, table["TableDescription"]["LatestStreamArn"])
        account.function("fitting")
        account.map("fitting", **FITTING)
        account.function("in-haste", timeout=1)
        yield account


def test_settings_that_fit_are_zero(account: Account, running: str) -> None:
    assert account.stream
    ran = call("check-mapping", "fitting", "--endpoint-url", running)
    assert ran == (0, "The mappings of fitting fit.\n", "")
    assert call("check-mapping", "fitting", "--endpoint-url", running, "--json").document == {"findings": []}


def test_what_does_not_fit_is_one(account: Account, running: str) -> None:
    assert account.stream
    ran = call("check-mapping", "in-haste", "--endpoint-url", running)
    assert ran.code == 1
    assert ran.out.startswith("The function:\nSetting ")
    assert "EventSourceMappings" in "".join(ran.out.split())
    assert ran.out.endswith("2 findings in in-haste\n")
    assert max(map(len, ran.out.splitlines())) <= 80
    told = call("check-mapping", "in-haste", "--endpoint-url", running, "--json").document
    findings = objects(told["findings"])
    assert [each["setting"] for each in findings] == ["Timeout", "EventSourceMappings"]
    assert set(findings[0]) == {"mapping", "setting", "found", "wanted", "why"}


def test_the_delivery_decides_what_fits(
    account: Account, running: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that drops failures needs no destination for what Lambda gives up."""
    account.function("dropping")
    mapping = account.map("dropping", FunctionResponseTypes=["ReportBatchItemFailures"])
    assert check_mapping_command("dropping", endpoint_url=running) == 1
    shown = capsys.readouterr().out
    assert "OnFailure" in "".join(shown.split())
    assert f"The mapping {mapping}:\n" in shown
    assert check_mapping_command("dropping", handler="tests.cli.app:dropping", endpoint_url=running) == 0


def test_what_aws_says_is_a_line(running: str) -> None:
    ran = call("check-mapping", "nowhere", "--endpoint-url", running)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("streamfn: AWS refused: ResourceNotFoundException: ")
    assert ran.err.count("\n") == 1


def test_that_aws_is_not_there_is_a_line() -> None:
    ran = call("check-mapping", "x", "--endpoint-url", "http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
    assert ran.code == 2
    assert ran.err.startswith("streamfn: AWS could not be asked: EndpointConnectionError: ")


def test_that_nobody_is_signed_in_is_a_line() -> None:
    ran = streamfn("check-mapping", "x", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert ran.code == 2
    assert ran.err.startswith("streamfn: AWS could not be asked: NoCredentialsError: ")


def test_a_profile_that_there_is_not_is_a_line() -> None:
    ran = streamfn("check-mapping", "x", "--profile", "nobody", "--region", "eu-west-1")
    assert ran.code == 2
    assert ran.err.startswith("streamfn: AWS could not be asked: ProfileNotFound: ")
