"""The demo's three ways through the same records, on a stream that is short enough to count by hand.

Its one batch: four cards come, and the first goes. The index refuses the second twice, and the third for ever.
"""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import boto3
import pytest
from rich.console import Console, RenderableType

from examples.cards.app import Card, handler
from examples.demo import account, audit, logs, loops, report
from examples.demo.arrivals import letters_in
from examples.demo.changes import Change, Insert, Remove
from examples.demo.comparison import Toll, comparison, toll
from examples.demo.loopback import serving
from examples.demo.meter import Meter
from examples.demo.report import Outcome, outcomes
from examples.demo.runs import RETRIES, Course, Outside, Run, as_deployed, by_hand
from examples.demo.services import SearchIndex, Slack
from streamfn import Delivery, retry
from streamfn._delivery.descriptions import needs_of
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import DynamoDBLedger, MemoryLedger
from streamfn.testing import insert_event, remove_event
from tests.examples.outside import fresh_clients

ONE, TWO, THREE, FOUR = (Card(number, title) for number, title in enumerate("abcd", start=1))
CHANGES: list[Change] = [Insert(ONE), Insert(TWO), Insert(THREE), Insert(FOUR), Remove(ONE)]
EVENTS = [*map(insert_event, (ONE, TWO, THREE, FOUR)), remove_event(ONE)]
AWKWARD, HOPELESS = {TWO.id}, {THREE.id}


@dataclass(frozen=True)
class Runs:
    """The three runs, and what the ledger was asked in the one that has one."""

    naive: Run
    swallowing: Run
    streamfn: Run
    meter: Meter
    calm: Meter
    """The same for a run in which nothing is refused."""


@pytest.fixture(scope="module")
def runs(aws: str) -> Generator[Runs]:
    """Run them as the demo does."""
    slack, index = Slack(), SearchIndex(awkward=AWKWARD, hopeless=HOPELESS)
    with ExitStack() as running, pytest.MonkeyPatch.context() as environment, logs.kept() as log:
        environment.setenv("AWS_ENDPOINT_URL", aws)
        environment.setenv("BACKUP_BUCKET", "set by each run")
        environment.setenv("SLACK_WEBHOOK_URL", running.enter_context(serving(slack)))
        environment.setenv("SEARCH_URL", running.enter_context(serving(index)))
        running.enter_context(fresh_clients())
        ledger, meter = account.create_ledger(boto3.client("dynamodb"))
        queue = account.create_queue(boto3.client("sqs"))
        outside = Outside(slack, index, boto3.client("s3"))
        course = Course([{**each.record.raw} for each in EVENTS], [TWO, THREE, FOUR], outside)
        function = replace(handler, delivery=retry(ledger=ledger, dead_letters=queue))
        calm = replace(meter, writes=[])
        calm_delivery: Delivery[object] = retry(
            ledger=DynamoDBLedger(account.LEDGER, client=calm), dead_letters=queue, scope="a calm day"
        )
        only_the_first = replace(course, records=course.records[:1])
        only_the_first.run(as_deployed(replace(handler, delivery=calm_delivery)), bucket="of-a-calm-day")
        streamfn = course.run(as_deployed(function), bucket="of-streamfn")
        yield Runs(
            naive=course.run(by_hand(loops.naive), bucket="of-a-naive-loop"),
            swallowing=course.run(by_hand(loops.swallowing), bucket="of-a-swallowing-loop"),
            streamfn=streamfn.with_own(letters=letters_in(queue), log=log.lines),
            meter=meter,
            calm=calm,
        )


def found(run: Run) -> list[audit.Check]:
    """Check a run."""
    given_up = len(run.mapping.history.discarded)
    return audit.checks(CHANGES, run.arrived, hopeless=HOPELESS, given_up=given_up)


def printed(*parts: RenderableType) -> str:
    """Print something as the demo does."""
    console = Console(width=80)
    with console.capture() as capture:
        console.print(*parts)
    return capture.get()


def test_streamfn_repeats_nothing_and_loses_nothing(runs: Runs) -> None:
    """The index works for other cards, and so each refused one is tried again within the run, and waits for no outage.

    Lambda splits the batch off behind what has succeeded twice, and has it come again once.
    """
    assert [] == [check for check in found(runs.streamfn) if not check.holds]
    assert Toll(
        repeated_messages=0,
        repeated_writes=0,
        unheard=0,
        unsaved=0,
        lost=0,
        blocked=0,
        letters=1,
        invocations=4,
        time="0:00:01",
    ) == toll(CHANGES, runs.streamfn)


def test_only_the_handler_that_failed_ran_again(runs: Runs) -> None:
    """The index took the awkward card at the third try; nobody else was called twice."""
    history = runs.streamfn.mapping.history
    retried = {EVENTS[1].event_id, EVENTS[2].event_id}

    assert {1} == {*history.successes("announce").values(), *history.successes("back_up").values()}
    assert retried == set(history.failures("index"))
    assert 2 == history.failures("index")[EVENTS[1].event_id]


def test_the_ledger_is_written_where_a_process_begins_and_where_something_failed(runs: Runs) -> None:
    """The first batch of a process is noted. The index says how far the ledger goes, once for what is new."""
    assert [1] == runs.calm.writes
    assert [3, 1, 1, 1] == runs.meter.writes


def test_the_naive_loop_repeats_what_succeeded_and_loses_what_stands_behind(runs: Runs) -> None:
    """Each time that the batch comes, cards 1 and 2 are announced again, and from the third time on card 3 as well.

    Card 4 and the removal of 1 are never come to.
    """
    deliveries = RETRIES + 1
    assert Toll(
        repeated_messages=deliveries - 1 + deliveries - 1 + deliveries - 3,
        repeated_writes=0,
        unheard=1,
        unsaved=1,
        lost=3,
        blocked=2,
        letters=0,
        invocations=deliveries,
        time="0:13:31",
    ) == toll(CHANGES, runs.naive)
    assert len(EVENTS) == len(runs.naive.mapping.history.discarded)


def test_the_swallowing_loop_repeats_nothing_and_loses_what_was_refused(runs: Runs) -> None:
    """Also what would have been taken at the third try."""
    assert Toll(
        repeated_messages=0,
        repeated_writes=0,
        unheard=0,
        unsaved=0,
        lost=2,
        blocked=0,
        letters=0,
        invocations=1,
        time="0:00:00",
    ) == toll(CHANGES, runs.swallowing)
    assert {"/cards/4/d"} == set(runs.swallowing.arrived.documents)


def test_all_three_met_the_same_refusals(runs: Runs) -> None:
    """The index begins anew with each: whoever tries again is refused what the first one was."""
    first = [set(run.arrived.refused) for run in (runs.naive, runs.swallowing, runs.streamfn)]

    assert [{audit.asked(Insert(TWO)), audit.asked(Insert(THREE))}] * 3 == first


def test_the_demo_has_the_patience_of_the_deployed_function(runs: Runs) -> None:
    """It replaces the stores alone: the simulated clock makes waiting cheap."""
    demo: Delivery[object] = retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters())

    assert needs_of(handler.delivery) == needs_of(demo)
    assert runs.streamfn.arrived.letters[0].attempts == 5


def test_each_handler_is_counted(runs: Runs) -> None:
    tries = len(runs.streamfn.arrived.refused)

    assert [
        Outcome("announce", "Slack", wanted=4, succeeded=4, failed=0, redelivered=0, dead=0),
        Outcome("back_up", "S3", wanted=1, succeeded=1, failed=0, redelivered=0, dead=0),
        Outcome("index", "search", wanted=5, succeeded=4, failed=tries, redelivered=tries - 1, dead=1),
    ] == outcomes(CHANGES, runs.streamfn)


def test_a_report_of_what_is_whole_says_so(runs: Runs) -> None:
    text = printed(*report.parts(CHANGES, runs.streamfn, runs.meter, found(runs.streamfn)))

    assert "Nothing was lost" in text
    assert "✗" not in text
    assert "4 messages about 4 cards" in text
    assert "1 objects, 1 writes" in text
    assert runs.streamfn.arrived.letters[0].id in text


def test_a_report_of_what_is_not_whole_says_what_is_amiss(runs: Runs) -> None:
    """The naive loop is good for that; it has no letters and no place for examples of them."""
    meter = replace(runs.meter, writes=[0] * len(runs.naive.mapping.history.invocations))
    text = printed(*report.parts(CHANGES, runs.naive, meter, found(runs.naive)))

    assert "Something was lost" in text
    assert "✗ Slack heard of every new card, once: 1 missing, 28 that should not be" in text
    assert "✗ Lambda gave up nothing: 5 missing" in text


def test_the_comparison_says_what_is_set_side_by_side(runs: Runs) -> None:
    text = printed(comparison(*(toll(CHANGES, run) for run in (runs.naive, runs.swallowing, runs.streamfn))))

    assert "│ Slack messages that are repeats    │         28 │               0 │        0 │" in text
    assert "│ index changes lost                 │          3 │               2 │        0 │" in text
    assert f"after {RETRIES} retries" in text
