"""From a broken handler over what its function gives up to a redrive, with Lambda's mapping in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Literal

import pytest
from returns.result import Failure, Result, Success

from streamfn import Event, InsertEvent, LambdaFunction, Pipeline, lambda_handler, on_event, pipeline, retry
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import Redriven, redrive
from streamfn.testing import EventSourceMapping, StoreDown
from tests.dead_letters.documents import Shard, raws
from tests.dead_letters.redriving import Texts, told
from tests.delivery.jobs import Note, notes, quiet, written

SHARD = "shardId-00000000000000000000"
NAMES = [f"{item}{number}" for number in range(1, 5) for item in "abcdef"]


@dataclass
class Shop:
    """A function of two jobs, what it remembers, and what it gives up."""

    fails: Callable[[str, str], bool] = lambda _, __: False
    done: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    box: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)

    @property
    def process(self) -> Pipeline[object, object]:
        """Its pipeline."""
        return pipeline(
            notes, on_event(self.job("tell"), name="tell"), on_event(self.job("store"), name="store")
        )

    def function(self, *, letters: bool) -> LambdaFunction[object, object]:
        """Make the function; the simulated mapping's documents name it ``function``."""
        delivery = retry(
            ledger=self.ledger,
            dead_letters=self.box if letters else None,
            max_attempts=2,
            patience=timedelta(),
            scope="function",
            report=quiet,
        )
        return lambda_handler(self.process, delivery)

    def job(self, name: str) -> Callable[[Event[Note]], Result[str, str]]:
        """Make a job that notes each success."""

        def do(event: Event[Note]) -> Result[str, str]:
            if self.fails(name, event.event_id):
                return Failure(event.event_id)
            self.done.append((name, event.event_id))
            return Success(event.event_id)

        return do

    def mend(self) -> None:
        """Have nothing fail any more."""
        self.fails = lambda _, __: False

    def redriven(
        self,
        source: MemoryDeadLetters | Texts,
        events: Sequence[InsertEvent[Note]] = (),
        *,
        everything: bool = False,
    ) -> list[Redriven[object]]:
        """Redrive from a source; the events are what the stream's shard holds."""
        shard = Shard(raws(events), name=SHARD, page_size=7)
        return redrive(
            self.process, source, ledger=self.ledger, streams=shard, everything=everything, report=quiet
        )


def everything_once(events: Sequence[InsertEvent[Note]]) -> list[tuple[str, str]]:
    return sorted((job, event.event_id) for job in ("tell", "store") for event in events)


def texts(mapping: EventSourceMapping) -> Texts:
    """Take what the mapping sent to its destination."""
    return Texts({f"document {number}": json.dumps(each) for number, each in enumerate(mapping.documents)})


def test_a_handler_is_mended_and_its_letters_are_settled() -> None:
    shop, events = Shop(fails=lambda job, _: job == "tell"), written(*NAMES)
    mapping = EventSourceMapping(shop.function(letters=True), batch_size=5, parallelization_factor=3)
    mapping.deliver(*events)
    assert len(shop.box.letters) == len(events)
    assert {outcome for *_, outcome, _ in told(shop.redriven(shop.box))} == {"failed", "held back"}
    shop.mend()
    assert {outcome for *_, outcome, _ in told(shop.redriven(shop.box))} == {"handled"}
    assert sorted(shop.done) == everything_once(events)
    assert [name for job, name in shop.done if job == "tell"] == NAMES
    assert shop.box.letters == ()
    mapping.deliver(*written("a5"))
    assert shop.done[-2:] == [("tell", "a5"), ("store", "a5")]


@pytest.mark.parametrize("destination", ["S3", "SQS"])
def test_an_outage_of_all_lanes_is_made_up_for(destination: Literal["S3", "SQS"]) -> None:
    shop, events = Shop(fails=lambda job, _: job == "tell"), written(*NAMES)
    mapping = EventSourceMapping(
        shop.function(letters=False),
        batch_size=4,
        parallelization_factor=3,
        maximum_retry_attempts=2,
        on_failure=destination,
    )
    mapping.deliver(*events)
    source = texts(mapping)
    assert len(source.texts) > 3
    shop.mend()
    shop.redriven(source, events)
    assert source.texts == {}
    assert sorted(shop.done) == everything_once(events)


@pytest.mark.parametrize("destination", ["S3", "SQS"])
def test_the_records_of_lanes_that_went_well_do_not_run_again(destination: Literal["S3", "SQS"]) -> None:
    shop, events = Shop(fails=lambda job, name: job == "tell" and name.startswith("b")), written(*NAMES)
    mapping = EventSourceMapping(
        shop.function(letters=False),
        parallelization_factor=3,
        maximum_retry_attempts=1,
        on_failure=destination,
    )
    mapping.deliver(*events)
    source = texts(mapping)
    assert [json.loads(text)["DDBStreamBatchInfo"]["batchSize"] for text in source.texts.values()] != [24]
    shop.mend()
    assert "ambiguous" not in {each.outcome for each in shop.redriven(source, events)}
    assert source.texts == {}
    assert sorted(shop.done) == everything_once(events)


def test_what_nobody_remembers_runs_when_everything_is_asked_for() -> None:
    """A process that dies and cannot write leaves nothing, so that it looks like a lane that went well."""
    shop, events = Shop(), written(*NAMES)

    def die(job: str, name: str) -> bool:
        if (job, name[0]) == ("tell", "b"):
            raise SystemExit
        return False

    shop.fails = die
    mapping = EventSourceMapping(
        shop.function(letters=False),
        parallelization_factor=3,
        maximum_retry_attempts=1,
        on_failure="SQS",
        faults=[StoreDown(number, "ledger writes") for number in range(1, 50)],
    )
    mapping.deliver(*events)
    source = texts(mapping)
    shop.mend()
    assert [each.outcome for each in shop.redriven(source, events)] == ["ambiguous"] * len(source.texts)
    shop.redriven(source, events, everything=True)
    assert source.texts == {}
    assert set(shop.done) == set(everything_once(events))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_fails_every_pair_succeeds_once(seed: int) -> None:
    """Some attempts end in a letter, some in a document of Lambda's, and some redrives fail as well."""
    random = Random(seed)  # noqa: S311 (a seed makes it the same each time)
    events = written(*NAMES)
    troubles = {pair: random.randrange(1, 8) for pair in everything_once(events) if random.random() < 0.4}

    def fails(job: str, name: str) -> bool:
        left = troubles.get((job, name), 0)
        troubles[job, name] = left - 1
        return left > 0

    shop = Shop(fails)
    mapping = EventSourceMapping(
        shop.function(letters=random.random() < 0.7),
        batch_size=random.randrange(1, 9),
        parallelization_factor=random.randrange(1, 5),
        maximum_retry_attempts=random.randrange(4),
        bisect_batch_on_function_error=random.random() < 0.5,
        on_failure="S3",
        shards=random.randrange(1, 3),
    )
    mapping.deliver(*events)
    source = texts(mapping)
    source.texts |= {each.name: each.body for each in shop.box.receive()}
    for _ in range(60):
        if not source.texts:
            break
        shop.redriven(source)
    assert source.texts == {}
    assert sorted(shop.done) == everything_once(events)
