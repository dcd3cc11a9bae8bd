"""How many requests a batch costs with a ledger: promises, which the documents make and the bill shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import boto3
import pytest
from returns.result import Failure, Result, Success

from examples.demo import ministack
from streamfn import Failed, Handler, InsertEvent, LambdaFunction, lambda_handler, on_insert, pipeline, retry
from streamfn._aws import client_config
from streamfn._delivery.ledger import Write
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from streamfn.testing import LambdaEvent, insert_event, lambda_event
from tests.cards import Card, cards
from tests.chain.edges import Edge

if TYPE_CHECKING:
    from boto3 import DynamoDBClient, SQSClient

Outcome: TypeAlias = Literal["nothing fails", "one pair fails", "all fail", "all are given up"]

SIZES: Final = (1, 100, 1_000)
MEANINGS: Final = ("Query", "UpdateItem", "BatchWriteItem", "SendMessageBatch")
COSTS: Final[dict[tuple[Write, Outcome], list[tuple[int, int, int, int]]]] = {
    ("failures", "nothing fails"): [(1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)],
    ("failures", "one pair fails"): [(1, 1, 1, 0), (1, 1, 1, 0), (1, 1, 1, 0)],
    ("failures", "all fail"): [(1, 1, 1, 0), (1, 1, 1, 0), (1, 1, 1, 0)],
    ("failures", "all are given up"): [(1, 1, 1, 1), (1, 1, 1, 30), (1, 1, 1, 300)],
    ("always", "nothing fails"): [(1, 1, 3, 0), (1, 1, 300, 0), (1, 1, 3_000, 0)],
    ("always", "one pair fails"): [(1, 1, 2, 0), (1, 1, 299, 0), (1, 1, 2_999, 0)],
    ("always", "all fail"): [(1, 1, 1, 0), (1, 1, 1, 0), (1, 1, 1, 0)],
    ("always", "all are given up"): [(1, 1, 1, 1), (1, 1, 1, 30), (1, 1, 1, 300)],
}
"""What batches of `SIZES` cost with three handlers, once the process has begun one: reads and writes of the ledger, and
calls of the queue."""


@dataclass(slots=True)
class Jobs:
    """Three handlers, which fail on what they are told to."""

    outcome: Outcome

    def process(self, name: str) -> Handler[Card, None, str]:
        """Make the handler of this name."""

        def do(event: InsertEvent[Card]) -> Result[None, str]:
            return Failure("no") if self.fails(name, event.new_image.id) else Success(None)

        return on_insert(do, name=name)

    def fails(self, name: str, card: int) -> bool:
        """Say whether a handler fails on a card; of the one pair, the handler is the first and the card too."""
        match self.outcome:
            case "nothing fails":
                return False
            case "one pair fails":
                return (name, card) == ("announce", 0)
            case "all fail" | "all are given up":
                return True

    def function(self, write: Write, dynamodb: DynamoDBClient, sqs: SQSClient) -> LambdaFunction[None, str]:
        """Put them behind a delivery with these stores."""
        announce, index, back_up = map(self.process, ("announce", "index", "back_up"))
        delivery = retry(
            ledger=DynamoDBLedger("card-ledger", client=dynamodb),
            dead_letters=SqsDeadLetters("http://127.0.0.1/123456789012/letters", client=sqs),
            max_attempts=1 if self.outcome == "all are given up" else 100,
            patience=timedelta(),
            write=write,
            scope="follow-cards",
            report=quiet,
        )
        return lambda_handler(pipeline(cards, announce, index, back_up), delivery)


def batch_of(size: int) -> LambdaEvent:
    """Make a batch of new cards."""
    return lambda_event(*(insert_event(Card(number, "hello")) for number in range(size)))


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


@pytest.fixture
def clients() -> Generator[Callable[[str, Edge], tuple[DynamoDBClient, SQSClient]]]:
    """Make clients as stores make them, whose requests are counted at an edge."""
    with ExitStack() as stack:

        def make(url: str, edge: Edge) -> tuple[DynamoDBClient, SQSClient]:
            dynamodb = boto3.client("dynamodb", endpoint_url=url, config=client_config())
            sqs = boto3.client("sqs", endpoint_url=url, config=client_config())
            for client in (dynamodb, sqs):
                stack.enter_context(closing(client))
                edge.watch(client)
            return dynamodb, sqs

        yield make


@pytest.mark.parametrize(("write", "outcome"), COSTS)
def test_a_batch_costs_so_many_requests(
    clients: Callable[[str, Edge], tuple[DynamoDBClient, SQSClient]], write: Write, outcome: Outcome
) -> None:
    edge = Edge(answers=True)
    function = Jobs(outcome).function(write, *clients("http://127.0.0.1", edge))
    function(batch_of(1), None)
    edge.take()
    found: list[tuple[int, ...]] = []
    for size in SIZES:
        function(batch_of(size), None)
        requests = edge.take()
        found.append(tuple(requests.pop(name, 0) for name in MEANINGS))
        assert not requests
    assert found == COSTS[write, outcome]


@pytest.mark.parametrize("write", ["failures", "always"])
def test_the_first_batch_of_a_process_costs_one_write_more(
    clients: Callable[[str, Edge], tuple[DynamoDBClient, SQSClient]], write: Write
) -> None:
    edge = Edge(answers=True)
    function = Jobs("nothing fails").function(write, *clients("http://127.0.0.1", edge))
    function(batch_of(1), None)
    first = edge.take()
    function(batch_of(1), None)
    assert first == Counter(edge.take()) + Counter({"BatchWriteItem": 1})


@pytest.mark.parametrize("write", ["failures", "always"])
def test_what_comes_again_and_succeeds_costs_three_reads_and_a_write(
    clients: Callable[[str, Edge], tuple[DynamoDBClient, SQSClient]], write: Write
) -> None:
    edge = Edge(answers=False)
    batch = batch_of(100)
    with ministack.running() as url:
        dynamodb, sqs = clients(url, edge)
        DynamoDBLedger("card-ledger").create(dynamodb)
        jobs = Jobs("one pair fails")
        function = jobs.function(write, dynamodb, sqs)
        assert function(batch, None)["batchItemFailures"]
        edge.take()
        jobs.outcome = "nothing fails"
        assert not function(batch, None)["batchItemFailures"]
        assert edge.take() == {"Query": 3, "BatchWriteItem": 1}
