"""The client that a ledger makes for itself: late, once, and impatient."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import boto3
import pytest
from botocore.config import Config

from streamfn._time import unlimited
from streamfn.ledgers import DynamoDBLedger, Entry, Key, SequenceRange
from tests.ledgers.tables import NAME, MemoryTable

RANGE = SequenceRange("follow-cards", "arn", "100", "199")


@dataclass
class Boto3:
    """Makes clients, all of one table, and keeps the settings of each."""

    table: MemoryTable = field(default_factory=MemoryTable)
    made: list[Config] = field(default_factory=list)

    def client(self, service_name: str, *, config: Config) -> MemoryTable:
        assert service_name == "dynamodb"
        self.made.append(config)
        return self.table


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """List the settings of the clients that are made during a test."""
    stand_in = Boto3()
    monkeypatch.setattr(boto3, "client", stand_in.client)
    return stand_in.made


def test_no_client_is_made_before_it_is_used(made: list[Config]) -> None:
    """A ledger is made while a function's module is imported, where there may be no region yet."""
    ledger = DynamoDBLedger(NAME)
    assert repr(ledger) == "DynamoDBLedger('card-ledger')"
    ledger.write(RANGE, [], unlimited)
    assert made == []


def test_on_lambda_the_client_is_made_with_the_ledger(
    made: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the init phase, which has the full CPU, and not in the first invocation."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "follow-cards")
    ledger = DynamoDBLedger(NAME)
    assert len(made) == 1
    assert [] == ledger.read(RANGE, unlimited)
    assert len(made) == 1


def test_a_client_that_cannot_be_made_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the function's module does not fail for it; reading does, and the batch comes again."""

    def refuse(service_name: str, *, config: Config) -> None:
        raise ValueError(service_name, config)

    monkeypatch.setattr(boto3, "client", refuse)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "follow-cards")
    ledger = DynamoDBLedger(NAME)
    with pytest.raises(ValueError, match="dynamodb"):
        ledger.read(RANGE, unlimited)


def test_one_client_is_made_for_all_threads(made: list[Config]) -> None:
    ledger, begin = DynamoDBLedger(NAME), Barrier(8)

    def use(number: int) -> None:
        begin.wait()
        ledger.write(RANGE, [Entry(Key("announce", f"id-{number}"), "handled")], unlimited)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert len(ledger.read(RANGE, unlimited)) == 8
    assert len(made) == 1


def test_a_client_of_ones_own_is_taken_as_it_is(made: list[Config]) -> None:
    table = MemoryTable()
    DynamoDBLedger(NAME, client=table).write(RANGE, [Entry(Key("announce", "id-1"), "handled")], unlimited)
    assert table.batches == [2]
    assert made == []


def test_a_request_cannot_outlast_the_time_between_the_margin_and_the_timeout_by_much(
    made: list[Config],
) -> None:
    """What boto3 does by default, 60 seconds for each of five attempts or more, outlasts most functions."""
    DynamoDBLedger(NAME).read(RANGE, unlimited)
    (config,) = made
    attempts = config.retries["total_max_attempts"]
    assert isinstance(attempts, int)
    assert attempts * (config.connect_timeout + config.read_timeout) <= 10


def test_a_ledger_that_is_not_used_loads_no_boto3() -> None:
    """A cold start pays for it, and a function that is given no batch need not."""
    program = """
import sys
from streamfn.ledgers import DynamoDBLedger
DynamoDBLedger("card-ledger").definition()
print({"boto3", "botocore"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
