"""Two thousand real changes pass a function with a ledger, while its stores go away and come back.

The table, its stream, the ledger and the queue are ministack's, and everything goes over HTTP. Lambda's part is played
by `EventSourceMapping`. The function has three jobs, which the world outside refuses now and then, and some for ever.

Each run is checked for losses (`Chain.run`), and what the world outside has counted is compared, pair by pair, with
what must have been repeated and what may not have been: `tests/chain/accounts.py` says how that is known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from itertools import count
from typing import TYPE_CHECKING, Final

import boto3
import pytest

from examples.demo import stream
from streamfn._aws import client_config
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger, Key
from streamfn.testing import Crash, LostAnswer, Repeated
from streamfn.testing._simulator.invoking import Fault
from tests.chain import changes, lines, stacks
from tests.chain.accounts import expected, letters_in, repeated
from tests.chain.chains import MAX_ATTEMPTS, SEED, Chain
from tests.chain.jobs import WORKERS
from tests.chain.watched import Due, Outages, WatchedDeadLetters, WatchedLedger

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ministack is told by a signal to keep its state")

numbers: Final = count()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[stacks.Stack]:
    with stacks.running(tmp_path_factory.mktemp("ministack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def dynamodb(stack: stacks.Stack) -> Generator[DynamoDBClient]:
    with closing(boto3.client("dynamodb", endpoint_url=stack.url, config=client_config())) as client:
        yield client


@pytest.fixture(scope="module")
def records(stack: stacks.Stack, dynamodb: DynamoDBClient) -> Sequence[stream.WireRecord]:
    """Write to the table, and read what its stream makes of that."""
    table = dynamodb.create_table(**changes.parcels.definition().create_table)["TableDescription"]
    changes.make(changes.plan(count=2_000, items=600, seed=SEED), dynamodb)
    with closing(boto3.client("dynamodbstreams", endpoint_url=stack.url)) as streams:
        found = list(stream.records(streams, table["LatestStreamArn"]))
    assert len(found) == 2_000
    return found


@pytest.fixture
def chain(stack: stacks.Stack, dynamodb: DynamoDBClient) -> Generator[Chain]:
    """Make a ledger's table and a queue, and lead a line to both."""
    name = f"parcels-{next(numbers)}"
    direct = DynamoDBLedger(name, client=dynamodb)
    direct.create(dynamodb)
    with ExitStack() as running:
        line, url = running.enter_context(lines.leading_to("127.0.0.1", stack.port))
        far = running.enter_context(
            closing(boto3.client("dynamodb", endpoint_url=url, config=client_config()))
        )
        sqs = running.enter_context(closing(boto3.client("sqs", endpoint_url=url, config=client_config())))
        queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = SqsDeadLetters(queue_url, client=sqs)
        outages = Outages([], line.cut, line.mend)
        ledger = WatchedLedger(DynamoDBLedger(name, client=far), direct, outages)
        yield Chain(stack, line, ledger, WatchedDeadLetters(queue), outages, queue)


def test_while_all_goes_well_around_it_each_effect_happens_once(
    chain: Chain, records: Sequence[stream.WireRecord]
) -> None:
    history = chain.run(records)
    assert set(chain.outside.effects.values()) == {1}
    assert chain.letters() == letters_in(history) == Counter(chain.outside.doomed)


@pytest.mark.parametrize("outage", ["the line is cut", "the stores are restarted"])
def test_what_an_outage_kept_from_being_recorded_is_repeated_and_nothing_else(
    chain: Chain, records: Sequence[stream.WireRecord], outage: str
) -> None:
    """The second outage comes when a letter is about to be sent."""
    if outage == "the stores are restarted":
        chain.outages.begin, chain.outages.end = chain.stack.stop, chain.stack.start
    chain.outages.due = [Due(600), Due(2_500, tries=MAX_ATTEMPTS), Due(4_000)]
    history = chain.run(records)
    assert repeated(chain.outside.effects)
    assert chain.outside.effects + letters_in(history) == expected(history, chain.ledger)
    assert chain.dead_letters.unanswered
    assert chain.letters() == letters_in(history)


def test_a_write_whose_answer_is_lost_is_no_reason_to_repeat_anything(
    chain: Chain, records: Sequence[stream.WireRecord]
) -> None:
    """A letter whose answer is lost is sent again: that it is stored twice is better than that it is not stored."""
    chain.outages.begin = chain.line.go_deaf
    chain.outages.due = [Due(600), Due(2_500, tries=MAX_ATTEMPTS), Due(4_000)]
    history = chain.run(records)
    assert set(chain.outside.effects.values()) == {1}
    assert chain.outside.effects + letters_in(history) == expected(history, chain.ledger)
    letters = chain.letters()
    assert set(letters) == chain.outside.doomed
    assert set() != repeated(letters) <= set(chain.dead_letters.unanswered)


def test_a_ledger_that_lost_its_memory_costs_repeats_and_no_record(
    chain: Chain, records: Sequence[stream.WireRecord]
) -> None:
    """What is killed comes back with the ledger and the queue as they were at first, which is empty."""

    def kill() -> None:
        chain.ledger.forget()
        chain.stack.kill()

    chain.outages.begin, chain.outages.end = kill, chain.stack.start
    chain.outages.due = [Due(2_500)]
    chain.stack.stop()
    chain.stack.start()
    history = chain.run(records)
    assert repeated(chain.outside.effects)
    assert chain.outside.effects + letters_in(history) == expected(history, chain.ledger)


def test_of_what_is_written_at_once_an_outage_costs_what_was_under_way_and_what_came_later(
    chain: Chain, records: Sequence[stream.WireRecord]
) -> None:
    before: set[Key] = set()

    def cut() -> None:
        before.update(chain.outside.effects)
        chain.line.cut()

    chain.outages.begin = cut
    chain.outages.due = [Due(180)]
    history = chain.run(records[:100], write="always")
    assert repeated(chain.outside.effects)
    assert len(repeated(chain.outside.effects) & before) <= WORKERS
    assert chain.outside.effects + letters_in(history) == expected(history, chain.ledger)


def test_lost_answers_repeated_batches_and_processes_that_die_cost_what_was_not_recorded(
    chain: Chain, records: Sequence[stream.WireRecord]
) -> None:
    faults: list[Fault] = [Crash(invocation, after_calls=40) for invocation in range(1, 80, 9)]
    faults += [LostAnswer(invocation) for invocation in range(2, 80, 9)]
    faults += [Repeated(invocation) for invocation in range(3, 80, 9)]
    history = chain.run(records, *faults)
    assert repeated(chain.outside.effects)
    assert chain.outside.effects + letters_in(history) == expected(history, chain.ledger)
    assert chain.letters() == letters_in(history)
